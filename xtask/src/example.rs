//! `cargo xtask example`: programs as users would have them in repositories of their own, built and run.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

use perdix_build::inspect;

use crate::cargo::{self, Build};
use crate::say::say;
use crate::{Outcome, cuda_library, shell, workspace};

/// The program with a kernel crate and nothing else, seen from the repository's root.
pub(crate) const PROGRAM: &str = "own-kernel";
const MANIFEST: &str = "examples/own-kernel/Cargo.toml";
/// The kernel that must be in its PTX.
const KERNEL: &str = "twin_primes";

/// The programs of the tour.
pub(crate) const TOUR: [&str; 6] = ["hello", "grep", "tokens", "events", "two_gpus", "cudarc_interop"];
const TOUR_MANIFEST: &str = "examples/tour/Cargo.toml";
/// What they read: emulated lanes are slow, a GPU deserves more.
const SHORT_TEXT: &str = "docs/protocol.md";
const LONG_TEXT: &str = "kernels/ptx/perdix_kernels.ptx";
/// A text with letters that are not ASCII; bundles carry it.
pub(crate) const TEXT: &str = "docs/measurements.md";

/// Build the examples and run them, on emulated lanes or on the GPU; each compares its answer with one found by other means
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run their kernels on the GPU
    #[arg(long)]
    gpu: bool,
    /// Only these
    #[arg(value_name = "NAME", value_parser = named)]
    names: Vec<String>,
}

/// Why an example does not do what it should.
#[derive(Debug, thiserror::Error)]
enum ExampleError {
    #[error("the example wrote no PTX with `{PROGRAM} --ptx`")]
    NoPtx,
    #[error("the example's PTX has the kernels {0:?}, and not {KERNEL}")]
    NoKernel(Vec<String>),
    #[error("{0} failed ({1})")]
    Failed(String, std::process::ExitStatus),
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.gpu && !cuda_library::is_loadable() {
        return Err(crate::test_gpu::NoDriver.into());
    }
    let wanted =
        |name: &&str| arguments.names.is_empty() || arguments.names.iter().any(|other| other == name);
    let names: Vec<&str> = [PROGRAM].into_iter().chain(TOUR).filter(wanted).collect();
    let programs = build(&names, arguments.gpu)?;
    for name in names {
        let program = cargo::find(&programs, name)?;
        if name == PROGRAM {
            check_ptx(&shell::run(Command::new(program).arg("--ptx"), "It is printed as it was compiled")?)?;
        }
        say!("== {name}");
        let mut command = Command::new(program);
        command.args(arguments_of(name, arguments.gpu)).current_dir(workspace::root());
        let status = command.status().map_err(shell::file(program))?;
        if !status.success() {
            return Err(ExampleError::Failed(name.to_owned(), status).into());
        }
    }
    Ok(())
}

/// Builds these programs. With `gpu` their kernels run on a GPU, else on emulated lanes.
pub(crate) fn build(names: &[&str], gpu: bool) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let own = names.contains(&PROGRAM).then_some(MANIFEST);
    let tour = TOUR.iter().any(|name| names.contains(name)).then_some(TOUR_MANIFEST);
    let mut programs = Vec::new();
    for manifest in own.into_iter().chain(tour) {
        let build = Build::new(manifest);
        let build =
            if gpu { build.args(["--features", "cuda"]).cuda(&cuda_library::provide()?) } else { build };
        programs.extend(build.run()?);
    }
    Ok(programs)
}

/// What a program is given, seen from the repository's root.
fn arguments_of(name: &str, gpu: bool) -> Vec<&'static str> {
    let text = if gpu { LONG_TEXT } else { SHORT_TEXT };
    match name {
        "grep" => vec!["st", text, "--check"],
        "tokens" => vec![TEXT],
        "events" => vec!["-q", TEXT],
        _ => Vec::new(),
    }
}

fn named(name: &str) -> Result<String, String> {
    let all = [PROGRAM].into_iter().chain(TOUR);
    if all.clone().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    Err(format!("there are {}", all.collect::<Vec<_>>().join(", ")))
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

    #[test]
    fn other_names_are_refused() {
        assert_eq!(named("grep").as_deref(), Ok("grep"));
        assert!(named("grap").unwrap_err().contains("grep"));
    }
}
