//! The role that a ring's user has towards another process, if the ring is shared with one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::role::Role;

/// The role of this process in the ring; none in a ring of its own.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Whether the other half is another process's.
    pub(crate) is_process: bool,
    role: Mutex<Option<Role>>,
}

impl Peer {
    /// Both halves are here.
    pub(crate) fn none() -> Self {
        Self { is_process: false, role: Mutex::new(None) }
    }

    pub(crate) fn of(role: Role) -> Self {
        Self { is_process: true, role: Mutex::new(Some(role)) }
    }

    /// Why no more messages will come from the other process although the stream has not ended; `None` while some may.
    pub(crate) fn lost(&self) -> Option<String> {
        if self.is_process { self.lock().as_ref()?.lost() } else { None }
    }

    /// Looks for the consumer where nobody else does: [`Role::watch_after_fork`].
    pub(crate) fn watch_after_fork(&self) {
        if self.is_process {
            if let Some(role) = self.lock().as_ref() {
                role.watch_after_fork();
            }
        }
    }

    /// Whether the producer is known to be a core of this machine; `None` if that was settled when the ring was made.
    pub(crate) fn produced_by_core(&self) -> Option<bool> {
        if self.is_process { self.lock().as_ref().map(Role::produced_by_core) } else { None }
    }

    /// Gives the role up; `over` as in [`Role::leave`].
    pub(crate) fn leave(&self, over: bool) {
        if self.is_process {
            if let Some(role) = self.lock().take() {
                role.leave(over);
            }
        }
    }

    /// Keeps the role until this process ends.
    #[cfg(feature = "cuda")]
    pub(crate) fn keep_for_ever(&self) {
        std::mem::forget(self.lock().take());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Role>> {
        self.role.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
