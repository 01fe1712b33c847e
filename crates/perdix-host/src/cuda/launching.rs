//! A launch between its preparation and its being attached.

use std::sync::MutexGuard;

use cust::sys::CUstream;

use super::error::GpuError;
use super::event::Event;
use super::session::{Session, has_ended};

/// A launch that is about to take place. Dropped without [`attach`](Self::attach), it has not.
#[derive(Debug)]
pub(crate) struct Launching<'s> {
    session: &'s Session,
    /// Keeps others from launching, and consumers from judging what they see meanwhile.
    _guard: MutexGuard<'s, ()>,
    event: Event,
}

impl<'s> Launching<'s> {
    pub(super) fn new(session: &'s Session, guard: MutexGuard<'s, ()>, event: Event) -> Self {
        Self { session, _guard: guard, event }
    }

    /// The kernels are in `stream`: watches them. If that fails they run all the same. The context is current, so that less can fail.
    ///
    /// # Safety
    /// The stream is alive and of the session's context.
    pub(crate) unsafe fn attach(self, stream: CUstream) -> Result<(), GpuError> {
        // SAFETY: the caller's contract.
        let result = unsafe { self.event.record(stream) };
        // A fault that came at once has ended the kernels, and the event will be asked for it.
        let is_watched = result.as_ref().err().is_none_or(has_ended);
        self.session.launched(is_watched.then_some(self.event));
        result
    }
}
