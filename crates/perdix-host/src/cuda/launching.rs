//! A launch between its preparation and its being attached.

use std::sync::atomic::{AtomicU64, Ordering};

use cust::sys::CUstream;

use super::error::GpuError;
use super::event::Event;
use super::session::{Session, has_ended};

/// How many launches of a session have begun and how many of them are over, attached or not.
///
/// While some are under way nobody may judge the session: a new kernel forgets that earlier ones
/// paused, so that it looks as if one had ended without `finish`. Nobody waits for them: launches
/// may be nested, cross each other, and wait for kernels.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    begun: AtomicU64,
    /// Never more than `begun`.
    over: AtomicU64,
}

impl UnderWay {
    fn begin(&self) -> Begun<'_> {
        // Before the launch: pairs with the Acquire in `quiet`.
        self.begun.fetch_add(1, Ordering::AcqRel);
        Begun(self)
    }

    /// How many launches there have been, if none is under way. Whoever gets the same answer before
    /// and after it looked at the session saw no launch in between.
    pub(super) fn quiet(&self) -> Option<u64> {
        // In this order: `over` never exceeds `begun`, so that they were equal when the first was
        // read. Pairs with the Release in `Begun`.
        let over = self.over.load(Ordering::Acquire);
        // Pairs with the Release in `begin`.
        (self.begun.load(Ordering::Acquire) == over).then_some(over)
    }
}

/// One launch under way.
#[derive(Debug)]
struct Begun<'s>(&'s UnderWay);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        // After the event is in the session's list: pairs with the Acquire in `quiet`.
        self.0.over.fetch_add(1, Ordering::Release);
    }
}

/// A launch that is about to take place, or under way. If a panic drops it, it may have taken
/// place, and is attached.
#[derive(Debug)]
pub(crate) struct Launching<'s> {
    session: &'s Session,
    stream: CUstream,
    /// `None` once the launch is attached or cancelled.
    event: Option<Event>,
    _begun: Begun<'s>,
}

impl<'s> Launching<'s> {
    /// Begins a launch into `stream`, which `event` will watch.
    ///
    /// # Safety
    /// The stream is alive and of the session's context, until this value is gone.
    pub(super) unsafe fn new(session: &'s Session, stream: CUstream, event: Event) -> Self {
        Self { session, stream, event: Some(event), _begun: session.under_way().begin() }
    }

    /// The kernels are in the stream: watches them. If that fails they run all the same. The
    /// context is current, so that less can fail.
    pub(crate) fn attach(mut self) -> Result<(), GpuError> {
        self.watch()
    }

    /// Nothing was launched.
    pub(crate) fn cancel(mut self) {
        self.event = None;
    }

    fn watch(&mut self) -> Result<(), GpuError> {
        let Some(event) = self.event.take() else { return Ok(()) };
        // SAFETY: the contract of `new`.
        let result = unsafe { event.record(self.stream) };
        // A fault that came at once has ended the kernels, and the event will be asked for it.
        let is_watched = result.as_ref().err().is_none_or(has_ended);
        self.session.launched(is_watched.then_some(event));
        result
    }
}

impl Drop for Launching<'_> {
    fn drop(&mut self) {
        // Neither attached nor cancelled: a panic. There is nobody to tell; what cannot be watched
        // is noted as such.
        let _ = self.watch();
    }
}
