//! `cargo xtask VERB`: what the repository needs beyond building and testing. One verb per module.

mod bench_gpu;
mod book;
mod cargo;
mod cpp;
mod cuda_fake;
mod cuda_library;
mod cuda_stub;
mod example;
mod fuzz;
mod header;
mod instructions;
mod instrument;
mod model;
mod modules;
mod msrv;
mod package;
mod ptx;
mod sanitize;
mod say;
mod setup;
mod shell;
mod side_by_side;
mod test_gpu;
mod tools;
mod trixie;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a verb ends with; the error's text says what to do about it.
type Outcome = Result<(), Box<dyn Error>>;

/// A program that the verb ran for the user failed with this status, and has said why.
#[derive(Debug, thiserror::Error)]
#[error("exit status {0}")]
struct Ended(u8);

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
    Header(header::Arguments),
    Cpp(cpp::Arguments),
    TestGpu(test_gpu::Arguments),
    BenchGpu(bench_gpu::Arguments),
    Example(example::Arguments),
    CudaStub(cuda_stub::Arguments),
    CudaFake(cuda_fake::Arguments),
    Instructions(instructions::Arguments),
    Fuzz(fuzz::Arguments),
    Sanitize(sanitize::Arguments),
    Model(model::Arguments),
    Modules(modules::Arguments),
    Book(book::Arguments),
    Package(package::Arguments),
    Msrv(msrv::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Setup(arguments) => setup::run(&arguments),
        Verb::Ptx(arguments) => ptx::run(&arguments),
        Verb::Header(arguments) => header::run(&arguments),
        Verb::Cpp(arguments) => cpp::run(&arguments),
        Verb::TestGpu(arguments) => test_gpu::run(&arguments),
        Verb::BenchGpu(arguments) => bench_gpu::run(&arguments),
        Verb::Example(arguments) => example::run(&arguments),
        Verb::CudaStub(arguments) => cuda_stub::run(&arguments),
        Verb::CudaFake(arguments) => cuda_fake::run(&arguments),
        Verb::Instructions(arguments) => instructions::run(&arguments),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Sanitize(arguments) => sanitize::run(&arguments),
        Verb::Model(arguments) => model::run(&arguments),
        Verb::Modules(arguments) => modules::run(&arguments),
        Verb::Book(arguments) => book::run(&arguments),
        Verb::Package(arguments) => package::run(&arguments),
        Verb::Msrv(arguments) => msrv::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref() {
            Some(Ended(status)) => ExitCode::from(*status),
            None => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
    }
}
