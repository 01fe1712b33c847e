//! Who is on the other side of a half: the one question that every call that waits asks.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Whoever produces into a ring, or consumes from it: a thread, kernels, emulated lanes, or another
/// process.
///
/// Where it lives implements this (`cuda`, `process`, `emulated`); nothing below them knows of
/// them.
pub(crate) trait Counterpart: fmt::Debug + Send + Sync {
    /// Why nothing more will come of it although it has not said so in the ring; `None` while
    /// something may. What it did last is visible to the caller then: one more look decides.
    fn lost(&self) -> Option<String>;

    /// Whether it may end without saying so in the ring: whoever waits for it asks `lost` now and
    /// then.
    #[cfg_attr(not(feature = "futures"), allow(dead_code))] // a task asks; a thread looks anyway
    fn may_vanish(&self) -> bool;

    /// Waits until it can no longer touch the ring's memory: no longer than `limit`, or for `None`
    /// a little longer than its own longest wait.
    ///
    /// # Errors
    /// [`StillInUse`]: it still may.
    fn ended(&self, limit: Option<Duration>) -> Result<(), StillInUse>;

    /// Whether it is a core of this machine, as far as is known.
    fn is_core(&self) -> bool;

    /// Whether it counts its messages in the ring as it goes. (Others count when they pause or
    /// end.)
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))] // a gauge asks
    fn counts_at_once(&self) -> bool;

    /// Whether it is another process, which may outlive the ring's use in this one.
    fn is_elsewhere(&self) -> bool {
        false
    }

    /// The half of this process is gone. `over`: it has seen that nothing is left to read, and that
    /// nothing will come.
    fn leave(&self, over: bool) {
        let _ = over;
    }
}

/// A thread of this process. It says in the ring that it leaves, whatever becomes of it.
#[derive(Debug)]
pub(crate) struct Thread;

impl Counterpart for Thread {
    fn lost(&self) -> Option<String> {
        None
    }

    fn may_vanish(&self) -> bool {
        false
    }

    fn ended(&self, _: Option<Duration>) -> Result<(), StillInUse> {
        Ok(())
    }

    fn is_core(&self) -> bool {
        true
    }

    fn counts_at_once(&self) -> bool {
        true
    }
}

/// Nobody: the halves were split from a ring that kernels may still use, and have none.
#[derive(Debug)]
pub(crate) struct Unreachable(pub(crate) StillInUse);

impl Counterpart for Unreachable {
    fn lost(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn may_vanish(&self) -> bool {
        true
    }

    fn ended(&self, _: Option<Duration>) -> Result<(), StillInUse> {
        Ok(())
    }

    fn is_core(&self) -> bool {
        true
    }

    fn counts_at_once(&self) -> bool {
        true
    }
}

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

/// One side of a ring: who is there now. A split changes it.
#[derive(Debug)]
pub(crate) struct Side(Mutex<Arc<dyn Counterpart>>);

impl Side {
    pub(crate) fn new(counterpart: Arc<dyn Counterpart>) -> Self {
        Self(Mutex::new(counterpart))
    }

    pub(crate) fn get(&self) -> Arc<dyn Counterpart> {
        Arc::clone(&self.lock())
    }

    pub(crate) fn set(&self, counterpart: Arc<dyn Counterpart>) {
        let before = std::mem::replace(&mut *self.lock(), counterpart);
        drop(before); // no longer under the lock
    }

    /// Keeps whoever is there, and all that belongs to it, until this process ends.
    pub(crate) fn keep_for_ever(&self) {
        std::mem::forget(self.get());
    }

    fn lock(&self) -> MutexGuard<'_, Arc<dyn Counterpart>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
