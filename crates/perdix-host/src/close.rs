//! The end of a ring's memory, without a wait in a drop.
//!
//! Dropping the last share of a ring (its buffer, a half, or a handle to its counters) waits for
//! the kernels that use it, which an executor's thread must not do. These calls wait as long as
//! they are told, or as a task.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::buffer::Buffer;
use crate::consumer::Consumer;
use crate::counterpart::StillInUse;
use crate::producer::Producer;
use crate::shared::Shared;

impl Buffer {
    /// Waits until the kernels that use the ring have ended, no longer than `limit`, and gives up
    /// this share of its memory.
    ///
    /// After that no drop waits for these kernels. Dropping a buffer waits too, for a time that
    /// depends on its kernels: 2 s longer than the longest limit that a handle carries.
    ///
    /// # Errors
    /// [`CloseError`]: kernels may still use the memory, which is kept with the error.
    pub fn close(self, limit: Duration) -> Result<(), CloseError> {
        CloseError::or_closed(self.shared, limit)
    }

    /// [`close`](Self::close) as a future: its task is woken now and then to ask. (Feature
    /// `futures`.)
    #[cfg(feature = "futures")]
    pub fn close_async(self, limit: Duration) -> Closing {
        Closing::new(self.shared, limit)
    }
}

impl Producer<'_> {
    /// Ends the stream, waits until the kernels that consume have ended, no longer than `limit`,
    /// and gives up this share of the memory. As [`Buffer::close`].
    ///
    /// # Errors
    /// [`CloseError`]: kernels may still use the memory, which is kept with the error. The stream
    /// has ended.
    pub fn close(self, limit: Duration) -> Result<(), CloseError> {
        CloseError::or_closed(self.end(), limit)
    }

    /// [`close`](Self::close) as a future. (Feature `futures`.)
    #[cfg(feature = "futures")]
    pub fn close_async(self, limit: Duration) -> Closing {
        Closing::new(self.end(), limit)
    }
}

impl Consumer<'_> {
    /// Tells the producer that nobody reads any more, waits until the kernels that produce have
    /// ended, no longer than `limit`, and gives up this share of the memory. As [`Buffer::close`].
    ///
    /// # Errors
    /// [`CloseError`]: kernels may still use the memory, which is kept with the error.
    pub fn close(self, limit: Duration) -> Result<(), CloseError> {
        CloseError::or_closed(self.end_reading(), limit)
    }

    /// [`close`](Self::close) as a future. (Feature `futures`.)
    #[cfg(feature = "futures")]
    pub fn close_async(self, limit: Duration) -> Closing {
        Closing::new(self.end_reading(), limit)
    }
}

/// A ring could not be closed yet: kernels may still use its memory, which this keeps.
///
/// Dropping it waits as dropping the buffer does.
#[derive(thiserror::Error)]
#[error("{why}")]
pub struct CloseError {
    why: StillInUse,
    shared: Arc<Shared>,
}

impl CloseError {
    /// Why it was not closed.
    pub fn why(&self) -> &StillInUse {
        &self.why
    }

    /// Tries again.
    ///
    /// # Errors
    /// As [`Buffer::close`].
    pub fn retry(self, limit: Duration) -> Result<(), Self> {
        Self::or_closed(self.shared, limit)
    }

    /// Never frees the memory, and never waits.
    pub fn leak(self) {
        std::mem::forget(self.shared);
    }

    fn or_closed(shared: Arc<Shared>, limit: Duration) -> Result<(), Self> {
        match shared.ended(Some(limit)) {
            Ok(()) => Ok(()),
            Err(why) => Err(Self { why, shared }),
        }
    }
}

impl fmt::Debug for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseError").field("why", &self.why).finish_non_exhaustive()
    }
}

#[cfg(feature = "futures")]
pub use closing::Closing;

#[cfg(feature = "futures")]
mod closing {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Instant;

    use super::{Arc, CloseError, Duration, Shared, StillInUse};
    use crate::poller::{Registration, Watch};

    /// Waits until the kernels that use a ring have ended; made by
    /// [`Buffer::close_async`](crate::Buffer::close_async). Dropped before it is done, it waits as
    /// dropping the buffer does. (Feature `futures`.)
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Closing {
        /// Dropped first.
        registration: Registration,
        /// `None` when it is done.
        shared: Option<Arc<Shared>>,
        begun: Instant,
        limit: Duration,
    }

    impl Closing {
        pub(super) fn new(shared: Arc<Shared>, limit: Duration) -> Self {
            let registration = Registration::default();
            Self { registration, shared: Some(shared), begun: Instant::now(), limit }
        }
    }

    impl Future for Closing {
        type Output = Result<(), CloseError>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let Self { registration, shared, begun, limit } = self.get_mut();
            let Some(ring) = shared.take() else { return Poll::Ready(Ok(())) };
            let waited = begun.elapsed();
            match ring.ended(Some(Duration::ZERO)) {
                Err(StillInUse::Running { .. }) if waited < *limit => {
                    registration.wait(cx, vec![Watch::end(Arc::clone(&ring))]);
                    *shared = Some(ring);
                    Poll::Pending
                }
                ended => {
                    registration.end();
                    let why = |why| match why {
                        StillInUse::Running { .. } => StillInUse::Running { waited },
                        other => other,
                    };
                    Poll::Ready(ended.map_err(|error| CloseError { why: why(error), shared: ring }))
                }
            }
        }
    }
}
