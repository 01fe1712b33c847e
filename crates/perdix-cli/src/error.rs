//! What can go wrong, and the exit status of each.

use std::io;

use perdix_host::{ConsumeError, CreateError, ProduceError};

use crate::digest::Mismatch;
use crate::pattern::Wrong;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read {name}: {source}")]
    Read { name: String, source: io::Error },
    #[error("cannot write {name}: {source}")]
    Write { name: String, source: io::Error },
    #[error("{name} is both the input and the output; write to another file")]
    SameFile { name: String },
    #[error("no FILE given, and standard input is a terminal; name a file, or - to type the input")]
    NoInput,
    /// The reader of standard output has gone.
    #[error("standard output was closed")]
    ClosedPipe,
    #[error("{0}")]
    Arguments(&'static str),
    #[cfg(not(feature = "cuda"))]
    #[error(
        "--producer gpu needs the feature `cuda`, which this build is without; \
         build with `cargo build --release -p perdix-cli --features cuda` (or `cargo install perdix-cli --features cuda`)"
    )]
    NotBuilt,
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] perdix_host::cuda::GpuError),
    #[cfg(feature = "cuda")]
    #[error("{failed} of {total} rows could not be measured; the report says why")]
    Rows { failed: usize, total: usize },
    #[error("interrupted after {bytes} bytes")]
    Interrupted { bytes: u64 },
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    #[error(transparent)]
    Wrong(#[from] Wrong),
    #[error("no message for {seconds} s, and no end of stream; the producer is stuck")]
    Stalled { seconds: u64 },
    /// A check of `transport_test` saw what must not be.
    #[error("{0}")]
    Check(String),
    #[error("{failed} of {total} checks failed; their lines say what was seen")]
    Checks { failed: usize, total: usize },
    /// A soak saw what must not be.
    #[error("episode {episode}: {what}\nconfiguration: {configuration}\nreplay with: {replay}")]
    Soak { episode: u64, what: String, configuration: String, replay: String },
    #[error("interrupted after {episodes} episodes")]
    SoakInterrupted { episodes: u64 },
    #[error("the {side} thread panicked; its message is above")]
    Panicked { side: &'static str },
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    #[cfg(all(target_os = "linux", feature = "top"))]
    #[error("cannot use the terminal: {0}")]
    Terminal(io::Error),
    #[error("cannot catch Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),
    #[error("cannot make the report: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Create(#[from] CreateError),
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Share(#[from] perdix_host::process::ShareError),
    #[error(transparent)]
    Produce(#[from] ProduceError),
    #[error(transparent)]
    Consume(#[from] ConsumeError),
}

impl Error {
    /// A failed write, which on a closed pipe is no fault of the output.
    pub(crate) fn write(name: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Write { name: name.to_owned(), source },
        }
    }

    /// The exit status: 2 for bad arguments, 128 plus the signal's number where a signal is the cause, else 1.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Create(CreateError::Slots(_)) | Self::NoInput | Self::Arguments(_) => 2,
            #[cfg(not(feature = "cuda"))]
            Self::NotBuilt => 2,
            Self::Interrupted { .. } | Self::SoakInterrupted { .. } => 128 + 2,
            Self::ClosedPipe => 128 + 13,
            _ => 1,
        }
    }
}
