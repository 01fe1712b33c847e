//! What can go wrong, one type per operation.

mod io;

use std::time::Duration;

use perdix_core::{AttachError, ConfigError, Corruption, Fault, PAYLOAD_SIZE};

/// Why a buffer could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The number of slots is not legal; the message names the nearest that is.
    #[error(transparent)]
    Slots(#[from] ConfigError),
    /// The number of rings of a set is not legal.
    #[error("a set of rings cannot have {asked} rings: from 1 to {limit}")]
    Shards {
        /// Rings asked for.
        asked: usize,
        /// The most there can be.
        limit: usize,
    },
    /// There is not enough memory.
    #[error("no memory for a ring of {bytes} bytes ({slots} slots of 256); ask for fewer slots")]
    OutOfMemory {
        /// Slots asked for.
        slots: u64,
        /// Bytes needed.
        bytes: usize,
    },
    /// Memory that a GPU reaches needs the feature `cuda`.
    #[cfg(not(feature = "cuda"))]
    #[error("{kind} memory needs the feature `cuda`; build with it, or ask for heap memory")]
    NoSuchMemory {
        /// The kind asked for.
        kind: crate::memory::MemoryKind,
    },
    /// A buffer has both halves in this process; memory that processes share is had otherwise.
    #[error(
        "a buffer does not lie in shared memory: make the ring with `create_shared` or `create_anonymous`, on Linux"
    )]
    SharedMemory,
    /// The memory that was obtained cannot hold a ring.
    #[error("the memory cannot hold the ring: {0}")]
    Region(AttachError),
    /// The memory was to be reachable by a GPU, and that did not work.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] crate::cuda::GpuError),
}

/// Why a message was not produced. Nothing of it was published, and it is still the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// No free slots now; the consumer has to release some first.
    #[error(
        "the ring is full: fewer than {needed} of its {capacity} slots are free; try again, or use a call that waits"
    )]
    Full {
        /// Slots needed.
        needed: u64,
        /// Slots of the ring.
        capacity: u64,
    },
    /// The message is longer than one slot holds, or, for a large message, than the whole ring.
    #[error("a message of {len} bytes is over the limit of {limit} bytes{}", remedy(*.limit))]
    TooLong {
        /// Bytes of the message.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The consumer was dropped, or its process has died: nobody will read, unless another process takes its role.
    #[error("the consumer is gone; nobody will read what is produced")]
    ConsumerGone,
    /// The kernels that consumed have ended, or faulted, without saying so in the ring; what they did not take stays there.
    /// [`Producer::status`](crate::Producer::status) tells why. (Not here: a call that succeeds would cost more.)
    #[error(
        "the ring is full, and the kernels that consumed are lost; launch another one, or split the buffer again"
    )]
    ConsumerLost,
    /// The time limit passed while the ring was full.
    #[error("the ring was still full after {waited:?}; is the consumer running?")]
    TimedOut {
        /// How long the call waited.
        waited: Duration,
    },
    /// The ring's shared memory was overwritten.
    #[error("the ring's memory is corrupt: its tail is not where a consumer can have put it")]
    Corrupt,
}

/// Why nobody will read what is produced: [`Producer::status`](crate::Producer::status).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Disconnected {
    /// The consumer was dropped, or its process has died.
    #[error("the consumer is gone; nobody will read what is produced")]
    Gone,
    /// The kernels that consumed have ended, or faulted, without saying so in the ring.
    #[error("the kernels that consumed are lost: {why}; launch another one, or split the buffer again")]
    Lost {
        /// What became of them.
        why: String,
    },
}

impl From<Disconnected> for ProduceError {
    fn from(why: Disconnected) -> Self {
        match why {
            Disconnected::Gone => Self::ConsumerGone,
            Disconnected::Lost { .. } => Self::ConsumerLost,
        }
    }
}

fn remedy(limit: usize) -> &'static str {
    if limit == PAYLOAD_SIZE {
        "; send_large splits it, on a ring with enough slots"
    } else {
        "; use a ring with more slots"
    }
}

/// Why [`Producer::produce_all`](crate::Producer::produce_all) stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped after {sent} messages: {source}")]
pub struct ProduceAllError {
    /// Messages that were published.
    pub sent: u64,
    /// What stopped it; the message after those sent was not published.
    pub source: ProduceError,
}

/// Why there is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// The producer ended the stream, and everything it published has been consumed.
    #[error("end of stream")]
    EndOfStream,
    /// The producer dropped messages here, because the ring was full and it was told to drop rather than to wait. Reported once, in
    /// order: everything before has been delivered, and consuming goes on behind the gap.
    #[error(
        "{dropped} messages were dropped before message {position}, because the ring was full; consume on, or give it more slots"
    )]
    Gap {
        /// How many messages are missing.
        dropped: u64,
        /// The number of the next message that can come.
        position: u64,
    },
    /// No message is there now; one may still come. Only for a call that does not wait.
    #[error("the ring is empty: no message is there now; try again, or use a call that waits")]
    Empty,
    /// The time limit passed with no message.
    #[error("no message within {waited:?}")]
    TimedOut {
        /// How long the call waited.
        waited: Duration,
    },
    /// The ring's shared memory holds what no producer writes. It stays so; nothing after it is delivered.
    #[error("the ring's memory is corrupt: {0}")]
    Corrupt(#[from] Corruption),
    /// The stream ended inside a large message. Its parts can be had with `try_next`.
    #[error("the stream ended inside a large message, {slots} slots after its start at message {first}")]
    Truncated {
        /// The number of the large message's first slot.
        first: u64,
        /// Slots that came.
        slots: u64,
    },
    /// The producer gave up and said why. Everything it sent before was delivered.
    #[error("the producer gave up before message {first_missing}: {fault}")]
    ProducerFailed {
        /// Why.
        fault: Fault,
        /// The first message that was not sent.
        first_missing: u64,
    },
    /// The kernels that produced have ended, or faulted, without ending the stream; or the process that produced has. Everything they published was delivered.
    #[error("the stream broke off before message {first_missing}: {why}")]
    ProducerLost {
        /// The first message that did not come.
        first_missing: u64,
        /// What became of the kernel or the process.
        why: String,
    },
}
