//! Builds with cargo, and finds what it built.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::Failure;
use crate::workspace;

const REMEDY: &str = "Cargo has said above what is wrong";

/// One build of programs in release form.
#[derive(Debug)]
pub(crate) struct Build {
    command: Command,
}

impl Build {
    /// Of the package whose manifest is at `manifest`, seen from the repository's root.
    pub(crate) fn new(manifest: &str) -> Self {
        let mut command = Command::new("cargo");
        command
            .current_dir(workspace::root())
            .args(["build", "--release", "--bins", "--message-format", "json-render-diagnostics"])
            .arg("--manifest-path")
            .arg(workspace::root().join(manifest));
        Self { command }
    }

    /// Adds arguments for cargo.
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets the folder in which build scripts look for libcuda.
    pub(crate) fn cuda(mut self, library_path: &Path) -> Self {
        self.command.env("CUDA_LIBRARY_PATH", library_path);
        self
    }

    /// Sets variables for cargo and the compiler.
    pub(crate) fn envs(mut self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.command.envs(variables);
        self
    }

    /// Builds, showing cargo's messages, and returns the programs.
    pub(crate) fn run(mut self) -> Result<Vec<PathBuf>, Failure> {
        let output = self
            .command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|source| Failure::Start { program: "cargo".to_owned(), source, remedy: REMEDY })?;
        if output.status.success() {
            return Ok(executables(&String::from_utf8_lossy(&output.stdout)));
        }
        let line = "cargo build".to_owned();
        Err(Failure::Ended { line, message: output.status.to_string(), remedy: REMEDY })
    }
}

/// The programs named in cargo's messages, one JSON object in each line.
fn executables(messages: &str) -> Vec<PathBuf> {
    let rest = messages.lines().filter_map(|line| line.split("\"executable\":\"").nth(1));
    rest.filter_map(|rest| rest.split('"').next()).map(PathBuf::from).collect()
}

/// The program of this name among those built.
pub(crate) fn find<'a>(programs: &'a [PathBuf], name: &str) -> Result<&'a Path, NotBuilt> {
    let named = |path: &&PathBuf| path.file_name().is_some_and(|file| file == name);
    programs.iter().find(named).map(PathBuf::as_path).ok_or_else(|| NotBuilt(name.to_owned()))
}

/// Cargo did not name a program that it should have built.
#[derive(Debug, thiserror::Error)]
#[error("cargo built no program named {0}: look for it in the manifest of its package")]
pub(crate) struct NotBuilt(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null,\"fresh\":true}\n\
                        {\"filenames\":[\"/t/perdix\"],\"executable\":\"/t/perdix\",\"fresh\":true}\n";
        let programs = executables(messages);
        assert_eq!(programs, [Path::new("/t/perdix")]);
        assert!(find(&programs, "perdix").is_ok());
        assert!(find(&programs, "benchmark").unwrap_err().to_string().contains("benchmark"));
    }
}
