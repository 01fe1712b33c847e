//! `cargo xtask test-gpu`: checks a machine's GPU, here or, as a bundle, elsewhere.

mod bundle;
mod elf;

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use crate::cargo::{self, Build};
use crate::say::say;
use crate::{Outcome, bench_gpu, cuda_library, shell, workspace};

/// The program with the device tests; its package has the same name.
const TESTS: &str = "perdix-gpu-tests";
/// The programs of the command's package, and the benchmark.
const COMMANDS: [&str; 4] = ["perdix", "transport_test", "benchmark", bench_gpu::PROGRAM];

/// Build and run the tests that need a GPU, or bundle them for another machine
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run nothing: leave the programs, the PTX and a `run` script in this folder
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// Arguments for the tests: a part of a name, --list, ...
    #[arg(last = true, conflicts_with = "bundle")]
    arguments: Vec<String>,
}

/// There is no driver, so no program for the GPU starts.
#[derive(Debug, thiserror::Error)]
#[error(
    "no CUDA device: libcuda.so.1 is not installed. Install NVIDIA's driver, or use `cargo xtask test-gpu --bundle DIR` \
     and run it on a machine that has one"
)]
pub(crate) struct NoDriver;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.bundle {
        Some(folder) => bundle::make(folder),
        None => test(&arguments.arguments),
    }
}

fn test(arguments: &[String]) -> Outcome {
    if !cuda_library::is_loadable() {
        return Err(NoDriver.into());
    }
    let programs = build()?;
    let tests = cargo::find(&programs, TESTS)?;
    say!("running {}", workspace::shown(tests));
    let status = Command::new(tests).args(arguments).status().map_err(shell::file(tests))?;
    if status.success() { Ok(()) } else { Err(shell::ended(status).into()) }
}

/// The programs that use the GPU, in release form.
fn build() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let packages = ["-p", TESTS, "-p", "perdix-cli", "-p", bench_gpu::PACKAGE];
    let features = ["--features", "perdix-gpu-tests/cuda,perdix-cli/cuda,perdix-gpu-bench/cuda"];
    let packages = packages.into_iter().chain(features);
    Ok(Build::new("Cargo.toml").args(packages).cuda(&cuda_library::provide()?).run()?)
}
