//! `cargo xtask msrv`: whether the published crates compile with the oldest compiler that they promise to.

use std::path::PathBuf;
use std::process::Command;

use crate::package::PUBLISHED;
use crate::say::say;
use crate::{Outcome, cuda_library, shell, trixie, workspace};

/// The compiler named in the workspace's `rust-version`.
const OLDEST: &str = "1.85";
/// Debian 13 has it, in these packages.
const PACKAGES: [&str; 14] = [
    "rustc",
    "libstd-rust-dev",
    "libstd-rust-1.85",
    "libllvm19",
    "libedit2",
    "libbsd0",
    "libmd0",
    "libffi8",
    "libtinfo6",
    "libxml2",
    "liblzma5",
    "libz3-4",
    "libzstd1",
    "zlib1g",
];
const REMEDY: &str = "Run `rustup toolchain install 1.85`, or use a Debian system";

/// Check the published crates, with all features, with the oldest Rust that they support
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Why the check says nothing good.
#[derive(Debug, thiserror::Error)]
enum MsrvError {
    #[error("the crates do not compile with Rust {OLDEST}: see above")]
    DoesNotCompile,
    #[error("the compiler found is no Rust {OLDEST} but {0}. {REMEDY}")]
    OtherVersion(String),
}

pub(crate) fn run(_: &Arguments) -> Outcome {
    let rustc = oldest()?;
    let version = shell::run(Command::new(&rustc).arg("--version"), REMEDY)?;
    if !version.starts_with(&format!("rustc {OLDEST}.")) {
        return Err(MsrvError::OtherVersion(version).into());
    }
    say!("checking with {}", version.trim());
    let mut cargo = Command::new("cargo");
    cargo.args(["check", "--quiet", "--all-features"]).args(PUBLISHED.iter().flat_map(|name| ["-p", name]));
    cargo.current_dir(workspace::root()).env("RUSTC", &rustc);
    // A build of its own, so that the other compiler's is not thrown away.
    cargo.env("CARGO_TARGET_DIR", workspace::root().join("target/msrv"));
    cargo.env("CUDA_LIBRARY_PATH", cuda_library::provide()?);
    let status = cargo.status().map_err(shell::file("cargo".as_ref()))?;
    if status.success() { Ok(()) } else { Err(MsrvError::DoesNotCompile.into()) }
}

/// rustup's if it is installed, else Debian's.
fn oldest() -> Result<PathBuf, shell::Failure> {
    let which = shell::run(Command::new("rustup").args(["which", "--toolchain", OLDEST, "rustc"]), REMEDY);
    match which {
        Ok(path) => Ok(path.trim().into()),
        Err(_) => trixie::provide("rustc", &PACKAGES),
    }
}
