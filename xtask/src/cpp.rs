//! `cargo xtask cpp`: the CUDA C++ kernels that the device tests run, as PTX that is kept in the repository.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use perdix_build::Header;

use crate::say::say;
use crate::{Outcome, shell, workspace};

const SOURCE: &str = "cpp/send.cu";
const PTX: &str = "kernels/ptx/perdix_cpp.ptx";

/// The oldest architecture that CUDA 13 compiles for.
const ARCH: &str = "compute_75";

const REMEDY: &str = "See what nvcc says above";

/// Compile the CUDA C++ kernels of the device tests to PTX, with nvcc
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing: compare with the file that is kept, if this nvcc has made it
    #[arg(long)]
    check: bool,
}

/// Why there is no PTX.
#[derive(Debug, thiserror::Error)]
enum CppError {
    #[error("no nvcc was found: run `cargo xtask setup --nvcc`, or set PERDIX_NVCC to the path of one")]
    NoCompiler,
    #[error("{PTX} is not what {SOURCE} gives: run `cargo xtask cpp` and commit it")]
    Stale,
    #[error("{PTX} has no header that tells its compiler: run `cargo xtask cpp`")]
    NoHeader,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let nvcc = find().ok_or(CppError::NoCompiler)?;
    let made = compile(&nvcc)?;
    let kept = workspace::root().join(PTX);
    if !arguments.check {
        fs::write(&kept, &made).map_err(shell::file(&kept))?;
        say!("wrote {PTX}, {} bytes", made.len());
        return Ok(());
    }
    let text = fs::read_to_string(&kept).map_err(shell::file(&kept))?;
    let recorded = Header::parse(&text).ok_or(CppError::NoHeader)?;
    let here = Header::parse(&made).ok_or(CppError::NoHeader)?;
    if recorded.compiler != here.compiler {
        say!("not compared: it was made by {}, and this is {}", recorded.compiler, here.compiler);
    } else if text == made {
        say!("{PTX} is what {SOURCE} gives, byte for byte");
    } else {
        return Err(CppError::Stale.into());
    }
    Ok(())
}

/// nvcc: the one named, the one that `setup` has fetched, or one that is installed.
fn find() -> Option<PathBuf> {
    let fetched = workspace::toolchain_folder().join("nvcc/nvidia/cu13/bin/nvcc");
    let path = env::var_os("PATH").unwrap_or_default();
    let named = env::var_os("PERDIX_NVCC").map(PathBuf::from);
    named
        .into_iter()
        .chain([fetched, PathBuf::from("/usr/local/cuda/bin/nvcc")])
        .chain(env::split_paths(&path).map(|folder| folder.join("nvcc")))
        .find(|program| program.is_file())
}

/// The PTX, with a header of our own in the place of nvcc's.
fn compile(nvcc: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let folder = workspace::root().join("target/cpp");
    fs::create_dir_all(&folder).map_err(shell::file(&folder))?;
    let out = folder.join("send.ptx");
    let arguments = ["-std=c++17", "-O3", "-ptx", "-arch", ARCH, "-I", "include", SOURCE];
    let mut command = Command::new(nvcc);
    command.args(arguments).args(["-Werror", "all-warnings", "-o"]).arg(&out).current_dir(workspace::root());
    shell::run(&mut command, REMEDY)?;
    let text = fs::read_to_string(&out).map_err(shell::file(&out))?;
    let said = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or("unknown");
    let header = Header {
        generator: "`cargo xtask cpp`".into(),
        compiler: format!("nvcc{}", said("// Cuda compilation tools,")),
        target: said(".target ").into(),
        command: format!("nvcc {}", arguments.join(" ")),
    };
    let body = text.find(".version").and_then(|at| text.get(at..)).unwrap_or(&text);
    Ok(header.render() + body)
}
