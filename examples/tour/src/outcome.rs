//! How a program of the tour ends.

use std::error::Error;
use std::process::ExitCode;

/// What a program does.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The exit status for an outcome; an error is printed.
pub fn exit(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The error of a program whose kernel gave another answer than was found by other means.
pub fn wrong(what: impl Into<String>) -> Box<dyn Error> {
    what.into().into()
}
