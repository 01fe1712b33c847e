//! `cargo xtask setup`: gets what compiling and checking kernels needs. Installs nothing outside `target/`, unless rustup
//! is what provides the library source.

mod debian;
mod pins;
mod wheels;

use std::process::Command;

use perdix_build::Toolchain;

use crate::say::say;
use crate::{Outcome, shell, workspace};

/// Get the GPU compiler and NVIDIA's assembler, into target/gpu-toolchain
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the compiler comes from
    #[arg(long, value_enum, default_value_t = Source::Auto)]
    from: Source,
    /// Get nvdisasm and cuobjdump too, for reading machine code
    #[arg(long)]
    disassembler: bool,
    /// Get NVIDIA's C++ compiler too, for `cargo xtask cpp`
    #[arg(long)]
    nvcc: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Source {
    /// The active toolchain if it has rust-src, else Debian packages where apt has them, else rustup
    Auto,
    /// rustup component add rust-src
    Rustup,
    /// Debian packages, unpacked below target/ and not installed
    Debian,
}

const RUSTUP_REMEDY: &str = "Check the network, or use `cargo xtask setup --from debian` on a Debian system";

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let folder = workspace::toolchain_folder();
    let compiler = match arguments.from {
        Source::Debian => debian::provide(&folder)?,
        Source::Rustup => from_rustup()?,
        Source::Auto => match Toolchain::unpacked(&folder).or_else(|_| Toolchain::active()) {
            Ok(found) => found,
            Err(_) if debian::is_possible() => debian::provide(&folder)?,
            Err(_) => from_rustup()?,
        },
    };
    say!("compiler: {} (from {})", compiler.version(), compiler.origin());
    for wheel in pins::WHEELS.iter().filter(|wheel| arguments.disassembler || !wheel.optional) {
        let program = wheels::provide(wheel, &folder)?;
        say!("{}: {} {}", workspace::shown(&program), wheel.package, wheel.version);
    }
    if arguments.nvcc {
        say!("{}: CUDA {}", workspace::shown(&wheels::provide_nvcc(&folder)?), pins::NVCC[0].1);
    }
    say!("ready: cargo xtask ptx --check");
    Ok(())
}

fn from_rustup() -> Result<Toolchain, Box<dyn std::error::Error>> {
    if let Ok(found) = Toolchain::active() {
        return Ok(found);
    }
    say!("adding rust-src to the active toolchain with rustup ...");
    let mut rustup = Command::new("rustup");
    shell::run(rustup.args(["component", "add", "rust-src"]).current_dir(workspace::root()), RUSTUP_REMEDY)?;
    Ok(Toolchain::active()?)
}
