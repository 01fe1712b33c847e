//! The driver's functions that are called here.
//!
//! `cust::sys` declares them too, with results of an enum. A driver that is newer than that enum answers with numbers that it does
//! not have, and such a value must not exist in Rust: here a result is a number.

use std::ffi::{c_char, c_int, c_uint, c_void};

use cust::sys::{CUcontext, CUdevice, CUdeviceptr, CUevent, CUfunction, CUmodule, CUstream};

/// A driver's result.
pub(crate) type Code = u32;

pub(crate) const SUCCESS: Code = 0;
pub(crate) const OUT_OF_MEMORY: Code = 2;
pub(crate) const NO_DEVICE: Code = 100;
pub(crate) const NOT_READY: Code = 600;

/// The results after which no kernel of the context runs any more: the process is about to end, the context is gone, or a fault has
/// stopped all that was in it.
const ENDED: [Code; 16] = [4, 201, 214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721];

/// Whether a result says that the context's kernels have ended, whatever became of them.
pub(crate) fn is_end(code: Code) -> bool {
    ENDED.contains(&code)
}

// SAFETY: the signatures are those of the driver's header, <cuda.h>.
unsafe extern "C" {
    pub(crate) fn cuInit(flags: c_uint) -> Code;
    pub(crate) fn cuDriverGetVersion(version: *mut c_int) -> Code;
    pub(crate) fn cuGetErrorName(error: Code, text: *mut *const c_char) -> Code;
    pub(crate) fn cuGetErrorString(error: Code, text: *mut *const c_char) -> Code;

    pub(crate) fn cuDeviceGetCount(count: *mut c_int) -> Code;
    pub(crate) fn cuDeviceGet(device: *mut CUdevice, ordinal: c_int) -> Code;
    pub(crate) fn cuDeviceGetName(name: *mut c_char, len: c_int, device: CUdevice) -> Code;
    pub(crate) fn cuDeviceGetAttribute(value: *mut c_int, attribute: c_uint, device: CUdevice) -> Code;
    pub(crate) fn cuDeviceGetPCIBusId(text: *mut c_char, len: c_int, device: CUdevice) -> Code;
    pub(crate) fn cuDevicePrimaryCtxRetain(context: *mut CUcontext, device: CUdevice) -> Code;
    pub(crate) fn cuDevicePrimaryCtxRelease_v2(device: CUdevice) -> Code;

    pub(crate) fn cuCtxPushCurrent_v2(context: CUcontext) -> Code;
    pub(crate) fn cuCtxPopCurrent_v2(context: *mut CUcontext) -> Code;
    pub(crate) fn cuCtxGetDevice(device: *mut CUdevice) -> Code;

    pub(crate) fn cuMemAlloc_v2(memory: *mut CUdeviceptr, bytes: usize) -> Code;
    pub(crate) fn cuMemAllocManaged(memory: *mut CUdeviceptr, bytes: usize, flags: c_uint) -> Code;
    pub(crate) fn cuMemAdvise(memory: CUdeviceptr, bytes: usize, advice: c_uint, place: CUdevice) -> Code;
    pub(crate) fn cuMemFree_v2(memory: CUdeviceptr) -> Code;
    pub(crate) fn cuMemHostAlloc(memory: *mut *mut c_void, bytes: usize, flags: c_uint) -> Code;
    pub(crate) fn cuMemHostGetDevicePointer_v2(
        device: *mut CUdeviceptr,
        host: *mut c_void,
        flags: c_uint,
    ) -> Code;
    pub(crate) fn cuMemFreeHost(memory: *mut c_void) -> Code;
    #[cfg(target_os = "linux")]
    pub(crate) fn cuMemHostRegister_v2(memory: *mut c_void, bytes: usize, flags: c_uint) -> Code;
    #[cfg(target_os = "linux")]
    pub(crate) fn cuMemHostUnregister(memory: *mut c_void) -> Code;
    pub(crate) fn cuMemcpyHtoDAsync_v2(
        to: CUdeviceptr,
        from: *const c_void,
        bytes: usize,
        stream: CUstream,
    ) -> Code;
    pub(crate) fn cuMemcpyDtoHAsync_v2(
        to: *mut c_void,
        from: CUdeviceptr,
        bytes: usize,
        stream: CUstream,
    ) -> Code;

    pub(crate) fn cuStreamCreate(stream: *mut CUstream, flags: c_uint) -> Code;
    pub(crate) fn cuStreamDestroy_v2(stream: CUstream) -> Code;
    pub(crate) fn cuStreamSynchronize(stream: CUstream) -> Code;
    pub(crate) fn cuStreamIsCapturing(stream: CUstream, status: *mut c_uint) -> Code;
    pub(crate) fn cuThreadExchangeStreamCaptureMode(mode: *mut c_uint) -> Code;
    pub(crate) fn cuEventCreate(event: *mut CUevent, flags: c_uint) -> Code;
    pub(crate) fn cuEventRecord(event: CUevent, stream: CUstream) -> Code;
    pub(crate) fn cuEventQuery(event: CUevent) -> Code;
    pub(crate) fn cuEventDestroy_v2(event: CUevent) -> Code;

    pub(crate) fn cuModuleLoadDataEx(
        module: *mut CUmodule,
        image: *const c_void,
        options: c_uint,
        names: *mut c_uint,
        values: *mut *mut c_void,
    ) -> Code;
    pub(crate) fn cuModuleUnload(module: CUmodule) -> Code;
    pub(crate) fn cuModuleGetFunction(
        function: *mut CUfunction,
        module: CUmodule,
        name: *const c_char,
    ) -> Code;
    pub(crate) fn cuLaunchKernel(
        function: CUfunction,
        grid_x: c_uint,
        grid_y: c_uint,
        grid_z: c_uint,
        block_x: c_uint,
        block_y: c_uint,
        block_z: c_uint,
        shared_bytes: c_uint,
        stream: CUstream,
        arguments: *mut *mut c_void,
        extra: *mut *mut c_void,
    ) -> Code;
}
