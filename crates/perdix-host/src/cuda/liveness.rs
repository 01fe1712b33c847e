//! Whether the kernels that produce into a ring, or consume from it, may still do so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::GpuError;
use super::session::Session;

/// How long dropping a buffer waits for its kernels beyond the time limit that their producers have.
const GRACE: Duration = Duration::from_secs(2);

/// The kernels of one ring; empty until it is split for a GPU.
#[derive(Debug)]
pub(crate) struct Liveness(Mutex<Option<Arc<Session>>>);

impl Liveness {
    /// No kernels yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Begins a session of kernels.
    pub(crate) fn attach(&self, session: Arc<Session>) {
        *self.lock() = Some(session);
    }

    /// Why nothing more will come of them although they have not said so in the ring; `None` while something may.
    pub(crate) fn lost(&self) -> Option<String> {
        let session = self.lock().clone()?;
        session.lost()
    }

    /// Whether kernels produce.
    #[cfg(any(feature = "futures", feature = "metrics"))]
    pub(crate) fn has_kernels(&self) -> bool {
        self.lock().is_some()
    }

    /// Waits until all kernels have ended and forgets them; whether there were any.
    pub(crate) fn detach(&self) -> bool {
        let Some(session) = self.lock().take() else { return false };
        // Device waits are bounded, so this is, unless a kernel spins for reasons of its own.
        while let Err(GpuError::StillRunning(_)) = session.wait(Duration::MAX) {}
        true
    }

    /// Waits, bounded, until all kernels have ended; whether they certainly have. If not, all that belongs to them is kept for ever.
    pub(crate) fn ended_within_limit(&self) -> bool {
        let Some(session) = self.lock().take() else { return true };
        let waited = session.wait(session.limit().saturating_add(GRACE));
        // A driver that did not answer is asked once more.
        if waited.or_else(|_| session.wait(Duration::ZERO)).is_ok() && session.is_watched() {
            return true;
        }
        // Kernels still use the state, and freeing memory of the device would wait for them without a limit.
        std::mem::forget(session);
        false
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
