//! Where the bytes come from.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use same_file::Handle;

use crate::error::Error;

/// An open input.
pub(crate) struct Input {
    /// What to call it in messages.
    pub(crate) name: String,
    /// Its length, where that is known beforehand.
    pub(crate) len: Option<u64>,
    /// Its identity, if it is a regular file.
    pub(crate) identity: Option<Handle>,
    reader: Box<dyn Read + Send>,
}

impl Input {
    /// Opens `path`; `-` is standard input, and so is nothing, unless that is a terminal.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Error> {
        match path {
            Some(path) if path != Path::new("-") => Self::file(path),
            None if io::stdin().is_terminal() => Err(Error::NoInput),
            _ => Ok(Self::stdin()),
        }
    }

    /// Whether `path` stands for standard input.
    pub(crate) fn is_stdin(path: Option<&Path>) -> bool {
        path.is_none_or(|path| path == Path::new("-"))
    }

    /// Reads the next bytes, as many as are there, at least one; 0 at the end.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.reader.read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Read { name: self.name.clone(), source }),
                Ok(count) => return Ok(count),
            }
        }
    }

    fn file(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let fail = |source| Error::Read { name: path.display().to_string(), source };
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_dir() {
            return Err(fail(io::ErrorKind::IsADirectory.into()));
        }
        let regular = metadata.is_file();
        let identity = if regular { Handle::from_path(path).ok() } else { None };
        // Files under /proc say that they have 0 bytes.
        let len = (regular && metadata.len() > 0).then_some(metadata.len());
        Ok(Self { name, len, identity, reader: Box::new(file) })
    }

    fn stdin() -> Self {
        let identity = Handle::stdin().ok().filter(is_regular);
        // Standard input may stand in the middle of a file: what is left of it is not known.
        Self { name: "standard input".to_owned(), len: None, identity, reader: Box::new(io::stdin()) }
    }
}

/// Whether this is a regular file: terminals and devices may well be input and output at once.
pub(crate) fn is_regular(handle: &Handle) -> bool {
    handle.as_file().metadata().is_ok_and(|metadata| metadata.is_file())
}
