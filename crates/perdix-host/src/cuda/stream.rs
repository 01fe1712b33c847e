//! A stream of our own.

use std::sync::Arc;

use cust::sys::{self, CUstream};

use super::driver;
use super::error::{GpuError, check};
use super::gpu::Gpu;

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
        let mut raw = std::ptr::null_mut();
        let flags = sys::CUstream_flags_enum::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: the pointer is valid for writing, and a context is current.
        check("cuStreamCreate", unsafe { driver::cuStreamCreate(&mut raw, flags) })?;
        Ok(Self { gpu: gpu.clone(), raw })
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
