//! Runs other programs and turns their failure into a message with a remedy.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::Ended;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot run `{program}`: {source}. {remedy}")]
    Start { program: String, source: io::Error, remedy: &'static str },
    #[error("`{line}` failed:\n{message}\n{remedy}")]
    Ended { line: String, message: String, remedy: &'static str },
    #[error("cannot access {}: {source}. Check its permissions and the space left", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// Says which file an input or output error is about.
pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    |source| Failure::File { path, source }
}

/// Runs the command, whose output is shown only when it fails, and returns what it wrote.
pub(crate) fn run(command: &mut Command, remedy: &'static str) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|source| Failure::Start {
        program: program.clone(),
        source,
        remedy,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::Ended { line: format!("{program} {}", arguments.join(" ")), message, remedy })
}

/// What a verb ends with when the program that it ran for the user failed.
pub(crate) fn ended(status: ExitStatus) -> Ended {
    // A signal has no status of its own: the number is what a shell would make of it.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ended(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
