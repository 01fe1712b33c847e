//! `cargo xtask cuda-fake`: a `libcuda` that pretends to have a device and fails where it is told to, for tests of what happens
//! then.
//!
//! Its device says in its name that it is fake, and the device tests refuse it.

use std::fs;
use std::process::Command;

use crate::cuda_stub::{self, Stub};
use crate::say::say;
use crate::{Outcome, shell, workspace};

/// Build a stand-in for NVIDIA's libcuda that pretends to have a device and fails on demand, in target/cuda-fake
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

const CODE: &str = include_str!("cuda_fake/driver.c");
const REMEDY: &str = "It needs a C compiler called `cc` (on Debian: apt install gcc libc6-dev)";

pub(crate) fn run(_: &Arguments) -> Outcome {
    let folder = workspace::root().join("target/cuda-fake");
    let libraries = folder.join("lib64");
    fs::create_dir_all(&libraries).map_err(shell::file(&libraries))?;
    let (code, rest) = (folder.join("driver.c"), folder.join("rest.c"));
    fs::write(&code, CODE).map_err(shell::file(&code))?;
    // The functions that programs link to and the fake does not have: the stub's, which give way to the fake's own.
    let Stub { code: stub, .. } = cuda_stub::build()?;
    let text = fs::read_to_string(&stub).map_err(shell::file(&stub))?;
    fs::write(&rest, weak(&text)).map_err(shell::file(&rest))?;
    let library = libraries.join("libcuda.so.1");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-g", "-pthread", "-Wall", "-Wextra", "-Werror"]);
    cc.args(["-Wl,-soname,libcuda.so.1", "-o"]).arg(&library).arg(&code).arg(&rest);
    shell::run(&mut cc, REMEDY)?;
    say!("{}: one device, which is none", workspace::shown(&library));
    say!("run with LD_LIBRARY_PATH={}", libraries.display());
    Ok(())
}

/// The stub's code, every function of which gives way to another of its name.
fn weak(code: &str) -> String {
    code.lines()
        .map(|line| match line.strip_prefix("int ") {
            Some(function) => format!("__attribute__((weak)) int {function}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_give_way_and_other_lines_stay() {
        let code = "/* text */\nint cuInit() { return 3; }\n return 0;\n";
        assert_eq!(weak(code), "/* text */\n__attribute__((weak)) int cuInit() { return 3; }\n return 0;\n");
    }
}
