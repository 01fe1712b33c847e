//! `cargo xtask example`: a user's program as it would stand in a repository of its own, built and run.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use perdix_build::inspect;

use crate::cargo::{self, Build};
use crate::say::say;
use crate::{Outcome, cuda_library, shell};

/// The program's manifest, seen from the repository's root.
pub(crate) const MANIFEST: &str = "examples/own-kernel/Cargo.toml";
/// The program.
pub(crate) const PROGRAM: &str = "own-kernel";
/// The kernel that must be in its PTX.
const KERNEL: &str = "twin_primes";

/// Build and run examples/own-kernel: on emulated lanes, or on the GPU
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run its kernel on the GPU
    #[arg(long)]
    gpu: bool,
}

/// Why the example does not do what it should.
#[derive(Debug, thiserror::Error)]
enum ExampleError {
    #[error("the example wrote no PTX with `{PROGRAM} --ptx`")]
    NoPtx,
    #[error("the example's PTX has the kernels {0:?}, and not {KERNEL}")]
    NoKernel(Vec<String>),
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.gpu && !cuda_library::is_loadable() {
        return Err(crate::test_gpu::NoDriver.into());
    }
    let program = build(arguments.gpu)?;
    check_ptx(&shell::run(Command::new(&program).arg("--ptx"), "It is printed as it was compiled")?)?;
    let status = Command::new(&program).status().map_err(shell::file(&program))?;
    if status.success() { Ok(()) } else { Err(shell::ended(status).into()) }
}

/// Builds the program. With `gpu` its kernel runs on a GPU, else on emulated lanes.
pub(crate) fn build(gpu: bool) -> Result<PathBuf, Box<dyn Error>> {
    let build = Build::new(MANIFEST);
    let build = if gpu { build.args(["--features", "cuda"]).cuda(&cuda_library::provide()?) } else { build };
    Ok(cargo::find(&build.run()?, PROGRAM)?.to_owned())
}

fn check_ptx(ptx: &str) -> Outcome {
    if ptx.is_empty() {
        return Err(ExampleError::NoPtx.into());
    }
    let kernels = inspect::inspect(ptx)?.kernels;
    if !kernels.iter().any(|name| name == KERNEL) {
        return Err(ExampleError::NoKernel(kernels).into());
    }
    say!("the example's PTX has {} bytes and the kernel {KERNEL}", ptx.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ptx_without_the_kernel_is_refused() {
        let ptx =
            |name: &str| format!(".version 6.3\n.target sm_70\n.visible .entry {name}()\n{{\nret;\n}}\n");
        assert!(check_ptx(&ptx(KERNEL)).is_ok());
        assert!(check_ptx(&ptx("other")).unwrap_err().to_string().contains("other"));
        assert!(check_ptx("").is_err());
    }
}
