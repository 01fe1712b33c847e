//! The binaries' entry points: parse, run, turn the outcome into a message and an exit status.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::bench::{self, BenchArgs};
use crate::checks::{self, CheckArgs};
use crate::demo::{self, DemoArgs};
use crate::doctor::{self, DoctorArgs};
use crate::error::Error;
use crate::signals::report_file_size_limit;
use crate::soak::{self, SoakArgs};
use crate::stream::{self, StreamArgs};

/// Moves bytes through a Perdix ring: a lock-free, zero-copy channel from one producer (a thread, or a CUDA kernel) to one consumer thread.
#[derive(Debug, Parser)]
#[command(name = "perdix", version, propagate_version = true)]
struct Perdix {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Stream(StreamArgs),
    Demo(DemoArgs),
    Bench(BenchArgs),
    Doctor(DoctorArgs),
    #[cfg(target_os = "linux")]
    Rings(crate::rings::RingsArgs),
    #[cfg(all(target_os = "linux", feature = "top"))]
    Top(crate::top::TopArgs),
    Soak(SoakArgs),
}

/// Checks the transport on this machine: five checks, a line each.
#[derive(Debug, Parser)]
#[command(name = "transport_test", version)]
struct TransportTest {
    #[command(flatten)]
    args: CheckArgs,
}

/// Measures the transport on this machine: throughput and round trip, in one table.
#[derive(Debug, Parser)]
#[command(name = "benchmark", version)]
struct Benchmark {
    #[command(flatten)]
    args: BenchArgs,
}

/// Runs the command `perdix` with the arguments of this process.
pub fn perdix() -> ExitCode {
    report_file_size_limit();
    let outcome = match Perdix::parse().command {
        Command::Stream(args) => stream::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Bench(args) => bench::run("bench", &args),
        Command::Doctor(args) => doctor::run(&args),
        #[cfg(target_os = "linux")]
        Command::Rings(args) => crate::rings::run(&args),
        #[cfg(all(target_os = "linux", feature = "top"))]
        Command::Top(args) => crate::top::run(&args),
        Command::Soak(args) => soak::run(&args),
    };
    exit("perdix", outcome)
}

/// Runs the command `transport_test` with the arguments of this process.
pub fn transport_test() -> ExitCode {
    report_file_size_limit();
    exit("transport_test", checks::run(&TransportTest::parse().args))
}

/// Runs the command `benchmark` with the arguments of this process.
pub fn benchmark() -> ExitCode {
    report_file_size_limit();
    exit("benchmark", bench::run("benchmark", &Benchmark::parse().args))
}

fn exit(program: &str, outcome: Result<(), Error>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    // Like any program that the closed pipe's signal ends: quietly.
    if !matches!(error, Error::ClosedPipe) {
        eprintln!("{program}: {error}");
    }
    ExitCode::from(error.status())
}
