//! Why a kernel crate could not be turned into PTX.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::inspect::InspectError;
use crate::toolchain::ToolchainError;

/// Why [`Kernels::build`](crate::Kernels::build) failed, and what to do about it.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no crate at the given path.
    #[error("no kernel crate at {}: give the folder that holds its Cargo.toml (build scripts run in their own crate's folder)", .0.display())]
    NoCrate(PathBuf),
    /// No compiler that can produce PTX was found.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The compiler refused the crate.
    #[error("the kernel crate {} does not compile with {compiler}:\n{log}", path.display())]
    Compile {
        /// The crate's folder.
        path: PathBuf,
        /// The compiler that was used.
        compiler: String,
        /// What cargo wrote.
        log: String,
    },
    /// A program could not be started.
    #[error("cannot run `{program}`: {source}. Install it or put it on PATH")]
    Run {
        /// The program.
        program: String,
        /// What the system answered.
        source: io::Error,
    },
    /// The compiler ended well but left no PTX.
    #[error("cargo left no PTX at {}: remove {} and build again", file.display(), target_dir.display())]
    NoPtx {
        /// The file that was expected.
        file: PathBuf,
        /// The inner build's target folder.
        target_dir: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot access {}: {source}. Check its permissions and the space left", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The PTX would not load, or would break the protocol.
    #[error("the PTX of {} is refused:\n{source}", path.display())]
    Refused {
        /// The PTX, as the compiler wrote it.
        path: PathBuf,
        /// What is wrong with it.
        source: InspectError,
    },
}

impl BuildError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}

/// The same text as [`Display`](fmt::Display): a build script whose `main` returns the error shows it by `Debug`.
impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
