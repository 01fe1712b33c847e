//! What can go wrong with a GPU.

use std::ffi::CStr;

use cust::sys::{self, CUresult};

/// Why a GPU operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// The driver is there, but no GPU is (or none is visible to this process).
    #[error("no CUDA device")]
    NoDevice,
    /// There is no such device.
    #[error("no CUDA device {ordinal}; there are {count}")]
    NoSuchDevice {
        /// The device asked for.
        ordinal: usize,
        /// Devices there are.
        count: usize,
    },
    /// A driver call failed.
    #[error("{call} failed: {name} ({code}): {text}")]
    Driver {
        /// The driver's function.
        call: &'static str,
        /// Its result.
        code: u32,
        /// The result's name.
        name: String,
        /// What the driver says of it.
        text: String,
    },
    /// The driver does not accept the PTX.
    #[error("the driver does not load the PTX: {source}\n{log}")]
    Ptx {
        /// What the call said.
        source: Box<GpuError>,
        /// What the compiler in the driver said.
        log: String,
    },
    /// The PTX has a NUL byte, or the name has one.
    #[error("a PTX text or kernel name must not contain a NUL byte")]
    Nul,
    /// The module has no such kernel.
    #[error("the module has no kernel named {name}: {source}")]
    NoKernel {
        /// The name.
        name: String,
        /// What the call said.
        source: Box<GpuError>,
    },
    /// The buffer lies in memory that the GPU does not see.
    #[error("the ring lies in heap memory, which no GPU sees: build it with managed or pinned memory")]
    NotReachable,
    /// The kernels attached to a ring have not ended in time.
    #[error("the kernels attached to the ring still run after {0:?}")]
    StillRunning(std::time::Duration),
}

/// The error of a driver call, if it is one.
pub(crate) fn check(call: &'static str, result: CUresult) -> Result<(), GpuError> {
    match result {
        CUresult::CUDA_SUCCESS => Ok(()),
        CUresult::CUDA_ERROR_NO_DEVICE => Err(GpuError::NoDevice),
        other => {
            let mut name = std::ptr::null();
            // SAFETY: the pointer is valid for writing; the driver stores a static string, or null.
            unsafe { sys::cuGetErrorName(other, &mut name) };
            let mut text = std::ptr::null();
            // SAFETY: as above.
            unsafe { sys::cuGetErrorString(other, &mut text) };
            Err(GpuError::Driver { call, code: other as u32, name: string(name), text: string(text) })
        }
    }
}

/// The same for `cust`, whose errors carry the driver's number.
pub(crate) fn explain(call: &'static str) -> impl Fn(cust::error::CudaError) -> GpuError {
    move |error| match error {
        cust::error::CudaError::NoDevice => GpuError::NoDevice,
        other => {
            GpuError::Driver { call, code: other as u32, name: format!("{other:?}"), text: other.to_string() }
        }
    }
}

fn string(text: *const std::ffi::c_char) -> String {
    if text.is_null() {
        return "unknown".into();
    }
    // SAFETY: the driver's strings are static and end with a NUL.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
