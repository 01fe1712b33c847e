//! Finds a rustc that can compile for `nvptx64-nvidia-cuda`: one that has the library source it was built with.
//!
//! Looked for, in this order:
//! 1. the environment variable `PERDIX_GPU_RUSTC`, the path of a rustc;
//! 2. the folder that `cargo xtask setup` fills: `PERDIX_GPU_TOOLCHAIN` if that is set, else `target/gpu-toolchain` in
//!    one of the given folders or above them;
//! 3. the rustc that is active, if it has the component `rust-src`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment variable that names a rustc to use before any other.
pub const RUSTC_VARIABLE: &str = "PERDIX_GPU_RUSTC";
/// The environment variable that names the folder that `cargo xtask setup` filled.
pub const FOLDER_VARIABLE: &str = "PERDIX_GPU_TOOLCHAIN";
/// The folder that `cargo xtask setup` fills, seen from the workspace's root.
pub const FOLDER: &str = "target/gpu-toolchain";
/// The unpacked distribution packages inside that folder: a tree with `usr/bin/rustc` in it.
pub const PACKAGES: &str = "debian";

/// Why no usable compiler was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// None of the places has a rustc with its library source.
    #[error(
        "no rustc with its library source was found, which compiling for a GPU needs:\n{tried}\
         Run `rustup component add rust-src`; or, in the Perdix repository, `cargo xtask setup`, and set {FOLDER_VARIABLE} \
         to its `{FOLDER}`; or set {RUSTC_VARIABLE} to the path of a rustc that has `lib/rustlib/src/rust`"
    )]
    NotFound {
        /// One line for each place, with what was wrong there.
        tried: String,
    },
    /// A compiler that was asked for by name cannot be used.
    #[error("{variable} names {}, which cannot be used: {reason}. Name another rustc, or unset {variable}", path.display())]
    Unusable {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A rustc with the library source that belongs to it.
#[derive(Clone, Debug)]
pub struct Toolchain {
    rustc: PathBuf,
    library_path: Option<PathBuf>,
    version: String,
    origin: &'static str,
}

impl Toolchain {
    /// Finds a compiler. `near` are folders whose `target/gpu-toolchain`, or that of a folder above, is looked at.
    ///
    /// # Errors
    /// When there is none, or when the one named by `PERDIX_GPU_RUSTC` cannot be used.
    pub fn find(near: &[PathBuf]) -> Result<Self, ToolchainError> {
        if let Some(path) = env::var_os(RUSTC_VARIABLE).map(PathBuf::from) {
            return Self::open(&path, RUSTC_VARIABLE).map_err(|reason| ToolchainError::Unusable {
                variable: RUSTC_VARIABLE,
                path,
                reason,
            });
        }
        let mut tried = String::new();
        for folder in folders(near) {
            match Self::unpacked(&folder) {
                Ok(found) => return Ok(found),
                Err(reason) => tried += &format!("  {}: {reason}\n", folder.display()),
            }
        }
        Self::active().map_err(|reason| {
            tried += &format!("  the active rustc: {reason}\n");
            ToolchainError::NotFound { tried }
        })
    }

    /// The rustc that cargo or rustup made active, if it has its library source.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn active() -> Result<Self, String> {
        let rustc = env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
        Self::open(&rustc, "the active toolchain")
    }

    /// The compiler unpacked from distribution packages below `folder`, which `cargo xtask setup` fills.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn unpacked(folder: &Path) -> Result<Self, String> {
        let rustc = folder.join(PACKAGES).join("usr/bin/rustc");
        if !rustc.is_file() {
            return Err(format!("has no {PACKAGES}/usr/bin/rustc"));
        }
        Self::open(&rustc, "cargo xtask setup")
    }

    fn open(rustc: &Path, origin: &'static str) -> Result<Self, String> {
        let library_path = library_path(rustc);
        let version = ask(rustc, library_path.as_deref(), &["-vV"])?;
        let sysroot = ask(rustc, library_path.as_deref(), &["--print", "sysroot"])?;
        let sysroot = PathBuf::from(sysroot.trim());
        let source = sysroot.join("lib/rustlib/src/rust/library");
        if !source.join("core/src/lib.rs").is_file() {
            return Err(format!("has no library source at {}", source.display()));
        }
        // The path behind a rustup proxy: cargo must start this very compiler, whatever folder it runs in.
        let behind = sysroot.join("bin/rustc");
        let rustc =
            if rustc.components().count() == 1 && behind.is_file() { behind } else { rustc.to_owned() };
        Ok(Self { rustc, library_path, version: describe(&version), origin })
    }

    /// The compiler's path.
    #[must_use]
    pub fn rustc(&self) -> &Path {
        &self.rustc
    }

    /// Version, commit and LLVM version on one line; equal lines mean equal compilers.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What led to this compiler.
    #[must_use]
    pub fn origin(&self) -> &'static str {
        self.origin
    }

    /// The value of `LD_LIBRARY_PATH` that the compiler needs, put ahead of what the variable holds.
    #[must_use]
    pub fn library_path(&self) -> Option<OsString> {
        self.library_path.as_deref().map(prepend)
    }
}

/// Every folder that `cargo xtask setup` may have filled.
#[must_use]
pub fn folders(near: &[PathBuf]) -> Vec<PathBuf> {
    if let Some(folder) = env::var_os(FOLDER_VARIABLE) {
        return vec![folder.into()];
    }
    let mut found: Vec<PathBuf> = Vec::new();
    for start in near {
        for folder in start.ancestors().map(|above| above.join(FOLDER)).filter(|folder| folder.is_dir()) {
            if !found.contains(&folder) {
                found.push(folder);
            }
        }
    }
    found
}

/// The folder of the compiler's own shared libraries, when the loader does not look there by itself: a tree unpacked
/// from packages has them in `lib/x86_64-linux-gnu`, not in the `lib` that the compiler's run path names.
fn library_path(rustc: &Path) -> Option<PathBuf> {
    let lib = rustc.parent()?.parent()?.join("lib");
    if lib == Path::new("/usr/lib") {
        return None;
    }
    let has_driver = |folder: &PathBuf| {
        let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().starts_with("librustc_driver"))
    };
    fs::read_dir(&lib).ok()?.flatten().map(|entry| entry.path()).find(has_driver)
}

fn prepend(folder: &Path) -> OsString {
    let mut value = folder.as_os_str().to_owned();
    if let Some(rest) = env::var_os("LD_LIBRARY_PATH").filter(|rest| !rest.is_empty()) {
        value.push(":");
        value.push(rest);
    }
    value
}

fn ask(rustc: &Path, library_path: Option<&Path>, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(rustc);
    command.args(arguments);
    if let Some(folder) = library_path {
        command.env("LD_LIBRARY_PATH", prepend(folder));
    }
    let output =
        command.output().map_err(|error| format!("`{}` does not start: {error}", rustc.display()))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{}` fails: {}", rustc.display(), message.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One line out of `rustc -vV`.
fn describe(verbose: &str) -> String {
    let first = verbose.lines().next().unwrap_or_default();
    let value = |key: &str| verbose.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("unknown");
    format!("{first}, commit {}, LLVM {}", value("commit-hash: "), value("LLVM version: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_line_names_compiler_commit_and_llvm() {
        let verbose = "rustc 1.96.0 (ac68faa20 2026-05-25)\nbinary: rustc\ncommit-hash: ac68faa20c58\nLLVM version: 22.1.8\n";
        assert_eq!(
            describe(verbose),
            "rustc 1.96.0 (ac68faa20 2026-05-25), commit ac68faa20c58, LLVM 22.1.8"
        );
    }

    #[test]
    fn a_missing_compiler_is_named() {
        let error = Toolchain::open(Path::new("/nowhere/bin/rustc"), "a test").unwrap_err();
        assert!(error.contains("/nowhere/bin/rustc"), "{error}");
    }
}
