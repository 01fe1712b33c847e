//! Why a set of rings has no message.

use std::time::Duration;

use crate::error::ConsumeError;

/// Why there is no message on any ring of a [`ShardedConsumer`](crate::ShardedConsumer).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// Every ring's stream has ended (or failed, which was reported), and everything published has been consumed.
    #[error("the streams of all rings have ended")]
    EndOfStream,
    /// No message is there now on any ring; one may still come. Only for a call that does not wait.
    #[error("all rings are empty: no message is there now; try again, or use a call that waits")]
    Empty,
    /// The time limit passed with no message on any ring.
    #[error("no message on any ring within {waited:?}")]
    TimedOut {
        /// How long the call waited.
        waited: Duration,
    },
    /// One ring broke off, or has a gap. Everything of it that could be delivered was; the other rings go on, and this one behind a gap:
    /// call again.
    #[error("ring {ring}: {source}")]
    Ring {
        /// The ring's index.
        ring: usize,
        /// What happened to it.
        source: ConsumeError,
    },
}
