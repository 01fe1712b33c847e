//! A mapped file that the GPU reaches too.

use cust::sys::{self, CUdeviceptr};

use super::driver;
use super::error::{GpuError, check, check_memory};
use super::gpu::Gpu;
use crate::process::Mapping;

/// A mapping whose pages are pinned and mapped into the GPU's address space. On drop that is undone, before the pages are unmapped.
#[derive(Debug)]
pub(crate) struct Registered {
    gpu: Gpu,
    device: CUdeviceptr,
    mapping: Mapping,
}

impl Registered {
    /// Registers all of the mapping.
    pub(crate) fn new(gpu: &Gpu, mapping: Mapping) -> Result<Self, GpuError> {
        let _current = gpu.enter_relaxed()?;
        let flags = sys::CU_MEMHOSTREGISTER_PORTABLE | sys::CU_MEMHOSTREGISTER_DEVICEMAP;
        let start = mapping.as_ptr().cast();
        // SAFETY: the range is mapped, and stays so until it is unregistered.
        let result = unsafe { driver::cuMemHostRegister_v2(start, mapping.len(), flags) };
        check_memory("cuMemHostRegister", mapping.len(), result)?;
        // From here on, dropping it undoes that.
        let mut registered = Self { gpu: gpu.clone(), device: 0, mapping };
        // SAFETY: registered above as mapped memory; the pointer is valid for writing.
        let found = unsafe { driver::cuMemHostGetDevicePointer_v2(&mut registered.device, start, 0) };
        check("cuMemHostGetDevicePointer", found)?;
        Ok(registered)
    }

    /// The address for the GPU.
    pub(crate) fn device_ptr(&self) -> CUdeviceptr {
        self.device
    }

    /// The memory for the CPU.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // Without its context the registration is gone as well.
        let Ok(_current) = self.gpu.enter_relaxed() else { return };
        // SAFETY: registered in `new`; whoever dropped it has made sure that no kernel uses it.
        unsafe { driver::cuMemHostUnregister(self.mapping.as_ptr().cast()) };
    }
}
