//! A launch between its preparation and its being attached.

use cust::sys::CUstream;

use super::error::GpuError;
use super::event::Event;
use super::session::{Session, has_ended};
use super::stream::refuse_capture;
use super::under_way::Begun;

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

impl Session {
    /// Watches everything that is in `stream` now: the launch has taken place already.
    ///
    /// # Safety
    /// The stream is alive and of the same context.
    pub(crate) unsafe fn attach(&self, stream: CUstream) -> Result<(), GpuError> {
        let current = self.gpu().enter();
        let begun = match &current {
            // SAFETY: the caller's contract.
            Ok(_) => unsafe { self.begin_launch(stream) },
            Err(error) => Err(error.clone()),
        };
        match begun {
            Ok(launching) => launching.attach(),
            // What is captured does not run.
            Err(GpuError::Capturing) => Err(GpuError::Capturing),
            Err(error) => {
                self.launched(None);
                Err(error)
            }
        }
    }

    /// Begins a launch: what can fail is done before it. The context is current.
    ///
    /// # Safety
    /// The stream is alive and of the same context, until the launch is attached or cancelled.
    pub(super) unsafe fn begin_launch(&self, stream: CUstream) -> Result<Launching<'_>, GpuError> {
        // SAFETY: the caller's contract.
        unsafe { refuse_capture(stream) }?;
        let event = Event::new(self.gpu())?;
        // SAFETY: the caller's contract.
        Ok(unsafe { Launching::new(self, stream, event) })
    }
}
