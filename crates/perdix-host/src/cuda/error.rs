//! What can go wrong with a GPU.

use std::ffi::CStr;

use super::driver::{self, Code, NO_DEVICE, OUT_OF_MEMORY, SUCCESS};
use crate::counterpart::StillInUse;

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
    /// There is not enough memory of this kind.
    #[error(
        "no memory: {call} of {bytes} bytes failed; ask for fewer slots, or free what else the process or the device holds"
    )]
    OutOfMemory {
        /// The driver's function: `cuMemAllocManaged`, `cuMemHostAlloc` (pinned) or `cuMemAlloc` (the device's own).
        call: &'static str,
        /// Bytes asked for.
        bytes: usize,
    },
    /// The driver does not accept the PTX.
    #[error("the driver does not load the PTX: {source}\n{log}")]
    Ptx {
        /// What the call said.
        source: Box<GpuError>,
        /// What the compiler in the driver said.
        log: String,
    },
    /// The kernels were compiled with a perdix-gpu (or `perdix.cuh`) of another layout version: they would take the
    /// ring for something else.
    #[error(
        "the kernels were compiled for layout version {found} and this program has version {expected}: recompile the \
         kernels with perdix-gpu of the same version"
    )]
    LayoutVersion {
        /// The version that the PTX names.
        found: u32,
        /// The version of this crate.
        expected: u32,
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
    /// A kernel was to be launched on a ring of another context: on another device, or beside it on the same one.
    #[error("the kernel was loaded into another context than the ring's; load it with the ring's Gpu")]
    OtherContext,
    /// Managed memory was asked for, on a device that cannot use it while the CPU does.
    #[error(
        "{device} cannot use managed memory while the CPU uses it (concurrentManagedAccess is 0); ask for MemoryKind::Pinned"
    )]
    NoConcurrentManagedAccess {
        /// The device's name.
        device: String,
    },
    /// The stream's work is being captured into a graph, where nothing runs yet that could be attached to a ring.
    #[error(
        "the stream is being captured into a CUDA graph, and its kernels do not run yet: capture the kernel with          `Launch::arg_unattached` and `start_on`, and attach each launch of the graph with `launch_with`"
    )]
    Capturing,
    /// A launch was to start in the stream of its ring, and was given no ring.
    #[error(
        "the launch has no ring: pass its host's end with `arg(&producer)`, or name a stream with `start_on`"
    )]
    NoTarget,
    /// A kernel was launched and could not be attached: when it ends is not known, and what it uses is never freed.
    #[error("a launch could not be attached to the ring, so nobody knows whether it still runs")]
    Unwatched,
    /// The kernels attached to a ring have not ended in time.
    #[error("the kernels attached to the ring still run after {0:?}")]
    StillRunning(std::time::Duration),
    /// The buffer cannot be split: kernels of an earlier split may still use it.
    #[error(transparent)]
    StillInUse(#[from] StillInUse),
}

/// The error of a driver call, if it is one.
pub(crate) fn check(call: &'static str, code: Code) -> Result<(), GpuError> {
    match code {
        SUCCESS => Ok(()),
        NO_DEVICE => Err(GpuError::NoDevice),
        code => {
            let mut name = std::ptr::null();
            // SAFETY: the pointer is valid for writing; the driver stores a static string, or null.
            unsafe { driver::cuGetErrorName(code, &mut name) };
            let mut text = std::ptr::null();
            // SAFETY: as above.
            unsafe { driver::cuGetErrorString(code, &mut text) };
            Err(GpuError::Driver { call, code, name: string(name), text: string(text) })
        }
    }
}

/// The error of a call that allocates, if it is one.
pub(crate) fn check_memory(call: &'static str, bytes: usize, code: Code) -> Result<(), GpuError> {
    if code == OUT_OF_MEMORY { Err(GpuError::OutOfMemory { call, bytes }) } else { check(call, code) }
}

fn string(text: *const std::ffi::c_char) -> String {
    if text.is_null() {
        return "unknown".into();
    }
    // SAFETY: the driver's strings are static and end with a NUL.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
