//! What can go wrong.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use perdix_host::{CallError, ConsumeError, ConsumeRecordsError, CreateError, ProduceError};

/// Why something could not be measured or reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("cannot access {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold results.
    #[error("{} holds no results of this program: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file holds results in another layout.
    #[error("{} has format {found}, and this program reads {}", path.display(), crate::results::FORMAT)]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A plot cannot be drawn.
    #[error("{0}")]
    Plot(String),
    /// Messages are missing, wrong, or too many.
    #[error("{0}")]
    Wrong(String),
    /// Nothing came.
    #[error("nothing came for {0:?}")]
    Stalled(Duration),
    /// A thread panicked.
    #[error("a thread panicked; its message is above")]
    Panicked,
    /// A thread could not be put on a core.
    #[error("cannot choose the cores of threads: {0}")]
    Cores(io::Error),
    /// Ring memory.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The ring's consumer.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// The ring's producer, where that is the CPU.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// A request to a kernel.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The ring's consumer, of records.
    #[error(transparent)]
    Records(#[from] ConsumeRecordsError),
    /// The program cannot use a GPU.
    #[cfg(not(feature = "cuda"))]
    #[error("no CUDA device: built without the feature `cuda`; run `cargo xtask bench-gpu`")]
    NotBuilt,
    /// The GPU.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] perdix_host::cuda::GpuError),
}
