//! Programs from crates.io that checks run: those on the path, or built into target/tools.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::say::say;
use crate::shell::Failure;
use crate::{shell, workspace};

/// A program and how to get it.
#[derive(Debug)]
pub(crate) struct Tool {
    /// The program and its package.
    pub(crate) name: &'static str,
    /// The version that is built if there is none.
    pub(crate) version: &'static str,
    /// What `cargo install` is told besides.
    pub(crate) options: &'static [&'static str],
}

const REMEDY: &str = "Install it by hand, so that it is on PATH";

impl Tool {
    /// Whether it is installed.
    pub(crate) fn is_there(&self) -> bool {
        let mut there = Command::new(self.name);
        there.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        there.status().is_ok_and(|status| status.success())
    }

    /// The program, built first if need be.
    pub(crate) fn find(&self) -> Result<PathBuf, Failure> {
        if self.is_there() {
            return Ok(self.name.into());
        }
        let root = workspace::root().join("target/tools");
        let program = root.join("bin").join(self.name);
        let package = format!("{}@{}", self.name, self.version);
        if !program.exists() {
            say!("building {package}, which takes a while, into {}", workspace::shown(&root));
            let mut install = Command::new("cargo");
            install
                .args(["install", "--locked", "--quiet"])
                .args(self.options)
                .arg("--root")
                .arg(&root)
                .arg(package);
            // What is built once and runs for seconds need not be fast.
            install.envs([("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"), ("CARGO_PROFILE_RELEASE_LTO", "off")]);
            install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
            // A build of its own: the caller's target folder may be under way.
            install.env("CARGO_TARGET_DIR", root.join("build"));
            shell::run(&mut install, REMEDY)?;
        }
        Ok(program)
    }
}
