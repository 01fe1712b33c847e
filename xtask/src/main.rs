//! `cargo xtask VERB`: what the repository needs beyond building and testing. One verb per module.

mod cuda_stub;
mod ptx;
mod setup;
mod shell;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a verb ends with; the error's text says what to do about it.
type Outcome = Result<(), Box<dyn Error>>;

/// The tasks of the Perdix repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Setup(setup::Arguments),
    Ptx(ptx::Arguments),
    CudaStub(cuda_stub::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Setup(arguments) => setup::run(&arguments),
        Verb::Ptx(arguments) => ptx::run(&arguments),
        Verb::CudaStub(arguments) => cuda_stub::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
