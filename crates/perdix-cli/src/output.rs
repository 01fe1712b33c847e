//! Where the bytes go.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use same_file::Handle;

use crate::error::Error;
use crate::input::{Input, is_regular};

/// What to do with the bytes that arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Only compare their checksum.
    Verify,
    /// Write them to standard output.
    Stdout,
    /// Write them to a file.
    File(PathBuf),
}

impl Target {
    /// What the arguments ask for. Without `-o` a file is only verified; standard input goes on to standard output,
    /// as a filter's does, unless that is a terminal or taken by the JSON report.
    pub(crate) fn choose(output: Option<&Path>, from_stdin: bool, stdout_is_free: bool) -> Self {
        match output {
            Some(path) if path == Path::new("-") => Self::Stdout,
            Some(path) => Self::File(path.to_owned()),
            None if from_stdin && stdout_is_free => Self::Stdout,
            None => Self::Verify,
        }
    }
}

/// An open output.
pub(crate) struct Output {
    name: String,
    writer: Box<dyn Write + Send>,
}

impl Output {
    /// Opens the target; nothing to write to for [`Target::Verify`].
    pub(crate) fn open(target: &Target, input: &Input) -> Result<Option<Self>, Error> {
        match target {
            Target::Verify => Ok(None),
            Target::Stdout => Self::stdout(input).map(Some),
            Target::File(path) => Self::file(path, input).map(Some),
        }
    }

    /// Writes all bytes through to the system.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.writer.write_all(bytes).and_then(|()| self.writer.flush());
        written.map_err(|source| Error::write(&self.name, source))
    }

    fn stdout(input: &Input) -> Result<Self, Error> {
        let name = "standard output".to_owned();
        refuse_same(&Handle::stdout().ok().filter(is_regular), input)?;
        Ok(Self { name, writer: Box::new(io::stdout()) })
    }

    /// Opens a file without touching what is in it, and empties it only once it is known not to be the input.
    fn file(path: &Path, input: &Input) -> Result<Self, Error> {
        let name = path.display().to_string();
        let open = || -> io::Result<(File, bool)> {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            let regular = file.metadata()?.is_file();
            Ok((file, regular))
        };
        let (file, regular) = open().map_err(|source| Error::write(&name, source))?;
        if regular {
            refuse_same(&Handle::from_path(path).ok(), input)?;
            file.set_len(0).map_err(|source| Error::write(&name, source))?;
        }
        Ok(Self { name, writer: Box::new(file) })
    }
}

fn refuse_same(output: &Option<Handle>, input: &Input) -> Result<(), Error> {
    if output.is_some() && *output == input.identity {
        return Err(Error::SameFile { name: input.name.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_what_a_user_expects() {
        let some = Path::new("copy");
        for from_stdin in [false, true] {
            for free in [false, true] {
                assert_eq!(Target::choose(Some(some), from_stdin, free), Target::File(some.to_owned()));
                assert_eq!(Target::choose(Some(Path::new("-")), from_stdin, free), Target::Stdout);
            }
        }
        assert_eq!(Target::choose(None, true, true), Target::Stdout);
        assert_eq!(Target::choose(None, true, false), Target::Verify);
        assert_eq!(Target::choose(None, false, true), Target::Verify);
        assert_eq!(Target::choose(None, false, false), Target::Verify);
    }
}
