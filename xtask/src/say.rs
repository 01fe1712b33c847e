//! Writing to the standard output.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process;

/// The exit status of a program that the closed pipe's signal ended, as shells report it.
const CLOSED_PIPE: i32 = 128 + 13;

/// Prints a line, as `println!` does, but ends the program quietly when nobody reads any more (`| head`).
macro_rules! say {
    ($($text:tt)*) => { $crate::say::line(format_args!($($text)*)) };
}

pub(crate) use say;

pub(crate) fn line(text: Arguments<'_>) {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(CLOSED_PIPE),
        Err(error) => {
            eprintln!("error: cannot write to the standard output: {error}");
            process::exit(1);
        }
    }
}
