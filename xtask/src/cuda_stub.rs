//! `cargo xtask cuda-stub`: a `libcuda` with no GPU behind it, so that the feature `cuda` builds, links and runs its
//! "no device" paths on machines without NVIDIA's driver.
//!
//! Linking against it is harmless where there is a GPU: it bears the driver's own name, `libcuda.so.1`, and the loader
//! takes the driver's library unless `LD_LIBRARY_PATH` says otherwise.

mod names;
mod source;

use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use crate::say::say;
use crate::{Outcome, shell, workspace};

/// Build a stand-in for NVIDIA's libcuda that finds no device, in target/cuda-stub
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// The folder of the libraries, where the build scripts of CUDA crates look for it.
const LIBRARIES: &str = "lib64";
const REMEDY: &str = "It needs a C compiler called `cc` (on Debian: apt install gcc libc6-dev)";

/// The stub, once it is built.
#[derive(Debug)]
pub(crate) struct Stub {
    /// What `CUDA_LIBRARY_PATH` takes to link against it.
    pub(crate) folder: PathBuf,
    /// Its source.
    pub(crate) code: PathBuf,
    library: PathBuf,
    functions: usize,
}

pub(crate) fn run(_: &Arguments) -> Outcome {
    let Stub { folder, library, functions, .. } = build()?;
    say!("{}: {functions} functions, none finds a device", workspace::shown(&library));
    say!("build with CUDA_LIBRARY_PATH={}", folder.display());
    say!("run with LD_LIBRARY_PATH={}", folder.join(LIBRARIES).display());
    Ok(())
}

/// Where the stub lies, built or not.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("target/cuda-stub")
}

/// Builds the stub unless it is there.
pub(crate) fn build() -> Result<Stub, Box<dyn Error>> {
    let folder = folder();
    let libraries = folder.join(LIBRARIES);
    let library = libraries.join("libcuda.so.1");
    let code = folder.join("libcuda.c");
    fs::create_dir_all(&libraries).map_err(shell::file(&libraries))?;

    let names = names::all(&folder.join("names"))?;
    let text = source::library(&names);
    if !library.is_file() || fs::read_to_string(&code).ok().as_deref() != Some(text.as_str()) {
        fs::write(&code, &text).map_err(shell::file(&code))?;
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wl,-soname,libcuda.so.1", "-o"]).arg(&library).arg(&code);
        shell::run(&mut cc, REMEDY)?;
    }
    let plain = libraries.join("libcuda.so");
    if !plain.exists() {
        symlink("libcuda.so.1", &plain).map_err(shell::file(&plain))?;
    }
    Ok(Stub { folder, code, library, functions: names.len() })
}
