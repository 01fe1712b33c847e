//! A stream of our own.

use std::sync::Arc;

use cust::sys::CUstream;

use super::error::{GpuError, check};
use super::gpu::Gpu;
use super::{copy, driver};

/// A stream that does not wait for the default stream. What is in it runs on when it is dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    gpu: Gpu,
    raw: CUstream,
}

// SAFETY: a stream may be used from any thread with its context current, which every use sees to.
unsafe impl Send for Stream {}
// SAFETY: as above; the driver does its own locking.
unsafe impl Sync for Stream {}

impl Stream {
    pub(crate) fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        let _current = gpu.enter()?;
        Ok(Self { gpu: gpu.clone(), raw: copy::create()? })
    }

    /// `stream` if there is one, or a new one.
    pub(super) fn shared(gpu: &Gpu, stream: Option<&Arc<Self>>) -> Result<Arc<Self>, GpuError> {
        match stream {
            Some(stream) => Ok(Arc::clone(stream)),
            None => Ok(Arc::new(Self::new(gpu)?)),
        }
    }

    pub(crate) fn raw(&self) -> CUstream {
        self.raw
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Ok(_current) = self.gpu.enter() {
            // SAFETY: created in `new`; the driver lets what is in it run on.
            unsafe { driver::cuStreamDestroy_v2(self.raw) };
        }
    }
}

/// Refuses a stream whose work is being captured into a graph: an event recorded there marks a
/// place in the graph and never says that a kernel has ended. The context is current.
///
/// # Safety
/// The stream is alive and of the current context.
pub(super) unsafe fn refuse_capture(stream: CUstream) -> Result<(), GpuError> {
    let mut status = 0;
    // SAFETY: the caller's contract; the pointer is valid for writing.
    check("cuStreamIsCapturing", unsafe { driver::cuStreamIsCapturing(stream, &mut status) })?;
    if status == 0 { Ok(()) } else { Err(GpuError::Capturing) }
}
