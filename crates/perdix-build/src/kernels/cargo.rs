//! The inner cargo, run in a clean environment: the outer one leaves variables that would redirect it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::Kernels;
use crate::{BuildError, Toolchain};

/// Where the inner build leaves its results, seen from its target folder.
pub(super) const ARTIFACTS: &str = "nvptx64-nvidia-cuda/release";

/// One run of the inner cargo.
pub(super) struct Inner<'a> {
    pub(super) kernels: &'a Kernels,
    pub(super) toolchain: &'a Toolchain,
    pub(super) folder: &'a Path,
    pub(super) target_dir: &'a Path,
}

impl Inner<'_> {
    /// Compiles the crate and returns the file with the PTX.
    pub(super) fn compile(&self) -> Result<PathBuf, BuildError> {
        let file = self.target_dir.join("kernels.s");
        self.run_compiler(&file)?;
        if !file.is_file() {
            // Cargo saw nothing to do, but somebody removed the file, which cargo does not know of.
            let stale = self.target_dir.join(ARTIFACTS);
            fs::remove_dir_all(&stale).map_err(BuildError::file(&stale))?;
            self.run_compiler(&file)?;
        }
        if file.is_file() {
            return Ok(file);
        }
        Err(BuildError::NoPtx { file, target_dir: self.target_dir.to_owned() })
    }

    fn run_compiler(&self, file: &Path) -> Result<(), BuildError> {
        let arguments = self.kernels.arguments(&file.to_string_lossy());
        self.run(self.cargo().args(arguments)).map(drop)
    }

    /// The package's name. Asked after the build, which writes the lock file that the question needs.
    pub(super) fn package(&self) -> Result<String, BuildError> {
        let output = self.run(self.cargo().arg("pkgid"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(package_name(text.trim()).to_owned())
    }

    fn run(&self, command: &mut Command) -> Result<Output, BuildError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = command.output().map_err(|source| BuildError::Run { program, source })?;
        if output.status.success() {
            return Ok(output);
        }
        Err(BuildError::Compile {
            path: self.folder.to_owned(),
            compiler: self.toolchain.version().to_owned(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(self.folder);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(is_outer) {
                command.env_remove(name);
            }
        }
        if let Some(path) = self.toolchain.library_path() {
            command.env("LD_LIBRARY_PATH", path);
        }
        command
            .env("RUSTC", self.toolchain.rustc())
            // Unlocks `-Zbuild-std` and the unstable GPU features in a stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            // Unlike in `RUSTFLAGS`, a flag in here may hold a space.
            .env("CARGO_ENCODED_RUSTFLAGS", self.kernels.flags().join("\u{1f}"))
            .env("CARGO_TARGET_DIR", self.target_dir)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3")
            .env("CARGO_PROFILE_RELEASE_LTO", "fat")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
            .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "false")
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "false");
        command
    }
}

/// Whether the outer cargo set the variable, or it would change what the inner one does.
fn is_outer(name: &str) -> bool {
    // How cargo reaches its registry and its job slots must stay known.
    const KEPT: [&str; 8] = [
        "CARGO_HOME",
        "CARGO_MAKEFLAGS",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTRY_",
        "CARGO_REGISTRIES_",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    const DROPPED_FAMILIES: [&str; 4] = ["CARGO_", "RUSTC_", "RUSTDOC", "DEP_"];
    const DROPPED: [&str; 9] =
        ["RUSTC", "RUSTFLAGS", "TARGET", "HOST", "OUT_DIR", "PROFILE", "OPT_LEVEL", "DEBUG", "NUM_JOBS"];
    let starts = |prefix: &&str| name.starts_with(*prefix);
    !KEPT.iter().any(starts) && (DROPPED_FAMILIES.iter().any(starts) || DROPPED.contains(&name))
}

/// `path+file:///a/name#1.0.0` and `path+file:///a/folder#name@1.0.0` are the two forms of a package id.
fn package_name(id: &str) -> &str {
    let (location, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    match fragment.split_once('@') {
        Some((name, _)) => name,
        None => location.rsplit('/').next().unwrap_or(location),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_give_the_name() {
        assert_eq!(package_name("path+file:///tmp/my-kernels#0.1.0"), "my-kernels");
        assert_eq!(package_name("path+file:///tmp/gpu#my-kernels@0.1.0"), "my-kernels");
    }

    #[test]
    fn the_outer_build_does_not_leak_in() {
        for name in [
            "RUSTC",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_TARGET_DIR",
            "TARGET",
        ] {
            assert!(is_outer(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_MAKEFLAGS",
            "RUSTUP_HOME",
            "PATH",
            "HOSTNAME",
            "DEBUGINFOD_URLS",
        ] {
            assert!(!is_outer(name), "{name}");
        }
    }
}
