//! Calls that leave other threads' stream captures alone.
//!
//! While any thread captures a stream in the default mode, calls such as `cuEventQuery` and
//! `cuMemAlloc` of every other thread fail, and spoil the capture: unless the calling thread says
//! that it has nothing to do with it.

use super::driver;
use super::error::GpuError;
use super::gpu::{Current, Gpu};

/// `CU_STREAM_CAPTURE_MODE_RELAXED`.
const RELAXED: u32 = 2;

/// While it lives, the GPU's context is current on this thread, and what the thread calls has
/// nothing to do with stream captures.
#[derive(Debug)]
pub(super) struct Relaxed<'g> {
    /// The thread's mode before, unless the driver did not change it.
    before: Option<u32>,
    _current: Current<'g>,
}

impl Gpu {
    /// [`enter`](Self::enter) for calls of the library's own, which launch nothing.
    pub(super) fn enter_relaxed(&self) -> Result<Relaxed<'_>, GpuError> {
        let current = self.enter()?;
        Ok(Relaxed { before: exchange(RELAXED), _current: current })
    }
}

impl Drop for Relaxed<'_> {
    fn drop(&mut self) {
        self.before.map(exchange);
    }
}

/// Sets the thread's mode and returns that before. A failure changes nothing, and only captures
/// would notice.
fn exchange(mut mode: u32) -> Option<u32> {
    // SAFETY: the pointer is valid for reading and writing.
    let result = unsafe { driver::cuThreadExchangeStreamCaptureMode(&mut mode) };
    (result == driver::SUCCESS).then_some(mode)
}
