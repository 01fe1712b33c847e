//! A mark in a stream.

use cust::sys::{self, CUevent, CUstream};

use super::driver::{self, Code};
use super::error::{GpuError, check};
use super::gpu::Gpu;

/// A mark in a stream, which can be asked whether all before it is done.
#[derive(Debug)]
pub(super) struct Event {
    gpu: Gpu,
    raw: CUevent,
}

// SAFETY: events may be used from any thread with their context current, which every use sees to.
unsafe impl Send for Event {}

impl Event {
    pub(super) fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        let _current = gpu.enter()?;
        let mut raw = std::ptr::null_mut();
        let flags = sys::CUevent_flags_enum::CU_EVENT_DISABLE_TIMING as u32;
        // SAFETY: the pointer is valid for writing, and a context is current.
        check("cuEventCreate", unsafe { driver::cuEventCreate(&mut raw, flags) })?;
        Ok(Self { gpu: gpu.clone(), raw })
    }

    /// Marks the end of what is in the stream now. The context is current.
    ///
    /// # Safety
    /// The stream is alive and of the event's context.
    pub(super) unsafe fn record(&self, stream: CUstream) -> Result<(), GpuError> {
        // SAFETY: the caller's contract; the event is alive.
        check("cuEventRecord", unsafe { driver::cuEventRecord(self.raw, stream) })
    }

    /// The driver's answer: done, not ready, or what has gone wrong. The context is current.
    pub(super) fn query(&self) -> Code {
        // SAFETY: the event is alive.
        unsafe { driver::cuEventQuery(self.raw) }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if let Ok(_current) = self.gpu.enter() {
            // SAFETY: created once; the driver keeps what a pending event needs.
            unsafe { driver::cuEventDestroy_v2(self.raw) };
        }
    }
}
