//! What has become of the kernels that produce, or consume.
//!
//! Without the feature `cuda` there are none, and nothing to ask.

#[cfg(feature = "cuda")]
pub(crate) use crate::cuda::Liveness;

/// The kernels of a ring that has none.
#[cfg(not(feature = "cuda"))]
#[derive(Debug)]
pub(crate) struct Liveness;

#[cfg(not(feature = "cuda"))]
impl Liveness {
    /// No kernels, ever.
    pub(crate) fn new() -> Self {
        Self
    }

    /// Why nothing more will come of them although they have not said so in the ring; `None` while something may.
    pub(crate) fn lost(&self) -> Option<String> {
        None
    }

    /// Whether kernels produce.
    #[cfg(any(feature = "futures", feature = "metrics"))]
    pub(crate) fn has_kernels(&self) -> bool {
        false
    }

    /// Waits until all kernels have ended and forgets them; whether there were any.
    pub(crate) fn detach(&self) -> bool {
        false
    }

    /// Waits, bounded, until all kernels have ended; whether they have.
    pub(crate) fn ended_within_limit(&self) -> bool {
        true
    }
}
