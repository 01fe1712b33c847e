//! A module that is loaded.

use std::ffi::{CString, c_void};

use cust::sys::{CUfunction, CUjit_option, CUmodule};

use super::driver;
use super::error::{GpuError, check};
use super::gpu::Gpu;

/// Bytes for what the driver's compiler has to say.
const LOG_BYTES: usize = 16 * 1024;

/// The code of one PTX text on its device. Unloaded on drop: that must not happen while its kernels
/// run, and may wait for whatever runs in the context, so sessions keep the modules of their
/// kernels.
#[derive(Debug)]
pub(super) struct Module {
    gpu: Gpu,
    raw: CUmodule,
}

// SAFETY: a module may be used from any thread with its context current, which every use sees to.
unsafe impl Send for Module {}
// SAFETY: as above; the driver does its own locking.
unsafe impl Sync for Module {}

impl Module {
    /// Has the driver compile PTX. The context is current.
    pub(super) fn load(gpu: &Gpu, ptx: &str) -> Result<Self, GpuError> {
        let text = CString::new(ptx).map_err(|_| GpuError::Nul)?;
        let mut log = vec![0_u8; LOG_BYTES];
        let mut options =
            [CUjit_option::CU_JIT_ERROR_LOG_BUFFER, CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES]
                .map(|option| option as u32);
        // The driver takes numbers in the place of pointers.
        let mut values = [log.as_mut_ptr().cast::<c_void>(), LOG_BYTES as *mut c_void];
        let mut raw = std::ptr::null_mut();
        // SAFETY: the text ends with a NUL, the two options have two values, and the log has the
        // length given.
        let result = unsafe {
            driver::cuModuleLoadDataEx(
                &mut raw,
                text.as_ptr().cast(),
                options.len() as u32,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        check("cuModuleLoadDataEx", result).map_err(|source| {
            let log = log.split(|byte| *byte == 0).next().map(String::from_utf8_lossy).unwrap_or_default();
            GpuError::Ptx { source: Box::new(source), log: log.into_owned() }
        })?;
        Ok(Self { gpu: gpu.clone(), raw })
    }

    /// The kernel's handle, loading it if need be. The context is current.
    pub(super) fn function(&self, name: &str) -> Result<CUfunction, GpuError> {
        let text = CString::new(name).map_err(|_| GpuError::Nul)?;
        let mut function = std::ptr::null_mut();
        // SAFETY: the module is loaded, and the name ends with a NUL.
        let result = unsafe { driver::cuModuleGetFunction(&mut function, self.raw, text.as_ptr()) };
        check("cuModuleGetFunction", result)
            .map_err(|source| GpuError::NoKernel { name: name.into(), source: Box::new(source) })?;
        Ok(function)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Ok(_current) = self.gpu.enter_relaxed() {
            // SAFETY: loaded once; no kernel of it runs (see above).
            unsafe { driver::cuModuleUnload(self.raw) };
        }
    }
}
