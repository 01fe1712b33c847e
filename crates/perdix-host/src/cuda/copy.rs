//! Copies to and from the device, in a stream of our own.
//!
//! The default stream waits for the kernels of all blocking streams. A kernel there may wait for
//! the very thread that copies.

use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use cust::sys::{self, CUdeviceptr, CUstream};

use super::driver;
use super::error::{GpuError, check};

/// The stream of a context's copies: made with the first of them, and gone with the context's last
/// user.
#[derive(Debug, Default)]
pub(super) struct CopyStream(Mutex<Option<Raw>>);

#[derive(Clone, Copy, Debug)]
struct Raw(CUstream);

// SAFETY: a stream may be used from any thread with its context current, which every use sees to.
unsafe impl Send for Raw {}

impl CopyStream {
    /// The stream. The context is current.
    fn get(&self) -> Result<CUstream, GpuError> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *stream {
            Some(Raw(made)) => Ok(made),
            None => {
                let made = create()?;
                *stream = Some(Raw(made));
                Ok(made)
            }
        }
    }

    /// Gives the stream back. The context is current, and no copy is under way.
    pub(super) fn destroy(&mut self) {
        if let Some(Raw(stream)) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            // SAFETY: created in `get`, and used no more.
            unsafe { driver::cuStreamDestroy_v2(stream) };
        }
    }

    pub(super) fn is_made(&mut self) -> bool {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// A stream that does not wait for the default stream, nor that for it. A context is current.
pub(super) fn create() -> Result<CUstream, GpuError> {
    let mut raw = std::ptr::null_mut();
    let flags = sys::CUstream_flags_enum::CU_STREAM_NON_BLOCKING as u32;
    // SAFETY: the pointer is valid for writing, and a context is current.
    check("cuStreamCreate", unsafe { driver::cuStreamCreate(&mut raw, flags) })?;
    Ok(raw)
}

/// Copies `bytes` to the device, in this stream. Waits for the copy, not for kernels.
///
/// # Safety
/// There are that many bytes of device memory at `to`. The stream's context is current.
pub(super) unsafe fn to_device(on: &CopyStream, to: CUdeviceptr, bytes: &[u8]) -> Result<(), GpuError> {
    let stream = on.get()?;
    let from = bytes.as_ptr().cast::<c_void>();
    // SAFETY: the caller's contract; `bytes` is borrowed until the copy is over, below.
    let result = unsafe { driver::cuMemcpyHtoDAsync_v2(to, from, bytes.len(), stream) };
    check("cuMemcpyHtoDAsync", result)?;
    finish(stream)
}

/// Copies device memory to `bytes`, in this stream. Waits for the copy, not for kernels.
///
/// # Safety
/// There are that many bytes of device memory at `from`. The stream's context is current.
pub(super) unsafe fn from_device(
    on: &CopyStream,
    bytes: &mut [u8],
    from: CUdeviceptr,
) -> Result<(), GpuError> {
    let stream = on.get()?;
    let to = bytes.as_mut_ptr().cast::<c_void>();
    // SAFETY: the caller's contract; `bytes` is borrowed until the copy is over, below.
    let result = unsafe { driver::cuMemcpyDtoHAsync_v2(to, from, bytes.len(), stream) };
    check("cuMemcpyDtoHAsync", result)?;
    finish(stream)
}

/// Waits for the copies in the stream.
fn finish(stream: CUstream) -> Result<(), GpuError> {
    // SAFETY: the stream is that of a `CopyStream`, which the caller borrows.
    check("cuStreamSynchronize", unsafe { driver::cuStreamSynchronize(stream) })
}
