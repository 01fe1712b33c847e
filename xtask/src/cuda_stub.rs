//! `cargo xtask cuda-stub`: a `libcuda` with no GPU behind it, so that the feature `cuda` builds, links and runs its
//! "no device" paths on machines without NVIDIA's driver.
//!
//! Linking against it is harmless where there is a GPU: it bears the driver's own name, `libcuda.so.1`, and the loader
//! takes the driver's library unless `LD_LIBRARY_PATH` says otherwise.

mod names;
mod source;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::{Outcome, shell, workspace};

/// Build a stand-in for NVIDIA's libcuda that finds no device, in target/cuda-stub
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

const REMEDY: &str = "It needs a C compiler called `cc` (on Debian: apt install gcc libc6-dev)";

pub(crate) fn run(_: &Arguments) -> Outcome {
    let folder = workspace::root().join("target/cuda-stub");
    let libraries = folder.join("lib64");
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
    println!("{}: {} functions, none finds a device", workspace::shown(&library), names.len());
    println!("build with CUDA_LIBRARY_PATH={}", folder.display());
    println!("run with LD_LIBRARY_PATH={}", libraries.display());
    Ok(())
}
