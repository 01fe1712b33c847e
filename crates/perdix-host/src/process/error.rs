//! What can go wrong with rings that processes share.

use std::path::PathBuf;

use nix::errno::Errno;
use perdix_core::{AttachError, ConfigError};

use super::name::NameError;
use crate::memory::MemoryKind;

/// Why a ring in shared memory could not be made, opened, listed or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// The name is not legal.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The number of slots is not legal; the message names the nearest that is.
    #[error(transparent)]
    Slots(#[from] ConfigError),
    /// The builder asked for a kind of memory that processes do not share.
    #[error(
        "{kind} memory belongs to one process: do not ask for a kind of memory, or ask for {}",
        MemoryKind::Shared
    )]
    Memory {
        /// The kind asked for.
        kind: MemoryKind,
    },
    /// The directory of the rings is not what it must be.
    #[error("{} cannot hold rings: {why}; name another with {VARIABLE}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it, and what it must be.
        why: String,
    },
    /// Some process has a ring of this name open.
    #[error("the ring {name} is in use; take another name, or end the processes that have it open")]
    InUse {
        /// The name.
        name: String,
    },
    /// There is no ring of this name.
    #[error(
        "there is no ring {name} in {}; is its creator running, as the same user and with the same {VARIABLE}?",
        either(directories)
    )]
    NotFound {
        /// The name.
        name: String,
        /// Where it was looked for.
        directories: Vec<PathBuf>,
    },
    /// What has this name is a symbolic link, a directory, a pipe or the like.
    #[error("{what} is no regular file")]
    NotAFile {
        /// The file.
        what: String,
    },
    /// The file belongs to somebody else.
    #[error("{what} belongs to user {owner}, this process to user {user}")]
    Owner {
        /// The file.
        what: String,
        /// Its owner.
        owner: u32,
        /// The user that this process runs as.
        user: u32,
    },
    /// Others may read or write the file.
    #[error("{what} has the mode {mode:03o}: a ring may be open to its owner alone (600)")]
    Mode {
        /// The file.
        what: String,
        /// Its permission bits.
        mode: u32,
    },
    /// A descriptor that came from elsewhere is not that of a memory file which nobody can shrink.
    #[error(
        "the descriptor is not of a sealed memory file, so a peer could take its memory away; \
         pass one of a ring that create_anonymous made"
    )]
    NotSealed,
    /// Descriptors can be opened once more only where `/proc` is mounted.
    #[error(
        "/proc is not mounted, and a descriptor of a ring is opened through it; mount it, or use a ring with a name"
    )]
    NoProc,
    /// There is no room for the ring.
    #[error("no room for a ring of {bytes} bytes in {place}; {}", more_room(place, *limit))]
    NoSpace {
        /// Bytes needed.
        bytes: u64,
        /// Where.
        place: String,
        /// The most bytes that this process may give a file (`ulimit -f`), if that is the reason.
        limit: Option<u64>,
    },
    /// The memory holds no ring that this build can use.
    #[error("{what} holds no ring that this build can use: {why}")]
    Invalid {
        /// The file.
        what: String,
        /// What is wrong.
        why: AttachError,
    },
    /// A call to the system failed.
    #[error("{call} failed for {what}: {}", std::io::Error::from_raw_os_error(*code))]
    System {
        /// The call.
        call: &'static str,
        /// On what.
        what: String,
        /// The system's error number.
        code: i32,
    },
}

/// The environment variable that names the directory of this user's rings.
pub(super) const VARIABLE: &str = "PERDIX_DIR";

/// Where rings without a name lie.
pub(super) const MEMORY: &str = "memory";

/// How to get room for a ring.
fn more_room(place: &str, limit: Option<u64>) -> String {
    match limit {
        Some(limit) => {
            format!("ask for fewer slots, or raise the limit of {limit} bytes for a file (ulimit -f)")
        }
        None if place == MEMORY => "ask for fewer slots, or make room (free -b)".into(),
        None => {
            format!("ask for fewer slots, make room (df {place}), or name another directory with {VARIABLE}")
        }
    }
}

/// The paths as an enumeration.
fn either(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(" or ")
}

impl ShareError {
    /// There is no room for so many bytes in this place.
    pub(super) fn no_space(bytes: usize, place: &str) -> Self {
        Self::NoSpace { bytes: bytes as u64, place: place.into(), limit: None }
    }

    /// Memory could not be mapped.
    pub(super) fn mapping(bytes: usize, place: &str) -> impl FnOnce(Errno) -> Self {
        move |errno| match errno {
            // A limit of the process's address space, for example.
            Errno::ENOMEM => Self::no_space(bytes, place),
            other => Self::system("mmap", place)(other),
        }
    }

    pub(super) fn system(call: &'static str, what: impl Into<String>) -> impl FnOnce(Errno) -> Self {
        let what = what.into();
        move |errno| Self::System { call, what, code: errno as i32 }
    }
}

/// Why a process did not get a role of a ring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoleError {
    /// A live process is the producer.
    #[error("the ring has a producer already (process {process}); a ring has one")]
    ProducerThere {
        /// Its number.
        process: u32,
    },
    /// A live process is the consumer.
    #[error("the ring has a consumer already (process {process}); a ring has one at a time")]
    ConsumerThere {
        /// Its number.
        process: u32,
    },
    /// A ring carries one stream, and this one's producer has ended it, or died.
    #[error(
        "the ring's stream {} (by process {process}); create a new ring for a new stream",
        if *.ended { "has been ended" } else { "broke off when its producer died" }
    )]
    ProducerWasHere {
        /// The number of the process that was the producer.
        process: u32,
        /// Whether it ended the stream.
        ended: bool,
    },
    /// The ring's memory says of its consumer what no consumer writes.
    #[error("nobody can go on with this ring: {0}")]
    Invalid(AttachError),
    /// A call to the system failed.
    #[error("{call} failed: {}", std::io::Error::from_raw_os_error(*code))]
    System {
        /// The call.
        call: &'static str,
        /// The system's error number.
        code: i32,
    },
    /// The GPU does not get at the memory.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] crate::cuda::GpuError),
}

impl RoleError {
    pub(super) fn system(call: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self::System { call, code: errno as i32 }
    }
}
