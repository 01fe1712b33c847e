//! Why a ring's memory is not free yet.

use std::time::Duration;

/// Why a buffer can be neither split nor freed: kernels may still use its memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StillInUse {
    /// Kernels have not ended in time.
    #[error("kernels still use the ring after {waited:?}; wait for them, or give them more time")]
    Running {
        /// How long the call waited.
        waited: Duration,
    },
    /// Nobody can tell whether kernels have ended. If that stays so the memory is never freed.
    #[error("kernels may still use the ring: {why}; make another buffer")]
    Unknown {
        /// What the driver says, or which launch could not be watched.
        why: String,
    },
}
