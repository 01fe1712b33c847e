//! Memory that the GPU reaches.

use std::ptr::NonNull;

use cust::sys::{self, CUdeviceptr, CUmem_advise};

use super::error::{GpuError, check, check_memory};
use super::gpu::Gpu;
use super::{copy, driver};
use crate::memory::MemoryKind;

/// The device number that stands for the CPU in memory advice (`CU_DEVICE_CPU`).
const CPU: sys::CUdevice = -1;

/// Host memory that CPU and GPU use at the same time: managed or pinned. Freed on drop.
#[derive(Debug)]
pub struct Mapped {
    gpu: Gpu,
    kind: MemoryKind,
    host: NonNull<u8>,
    device: CUdeviceptr,
    len: usize,
}

// SAFETY: an owned region; access to its content is the user's business.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// `len` zeroed bytes of managed or pinned memory, aligned to at least 256.
    ///
    /// # Errors
    /// [`GpuError::NotReachable`] for heap and shared memory, [`GpuError::NoConcurrentManagedAccess`] for managed memory of a device
    /// that lacks it, [`GpuError::OutOfMemory`], [`GpuError::Driver`].
    pub fn new(gpu: &Gpu, kind: MemoryKind, len: usize) -> Result<Self, GpuError> {
        let _current = gpu.enter_relaxed()?;
        let len = len.max(1);
        let (host, device) = match kind {
            MemoryKind::Heap | MemoryKind::Shared => return Err(GpuError::NotReachable),
            MemoryKind::Managed => managed(gpu, len)?,
            MemoryKind::Pinned => pinned(len)?,
        };
        let host = NonNull::new(host).ok_or(GpuError::NotReachable)?;
        let memory = Self { gpu: gpu.clone(), kind, host, device, len };
        // SAFETY: the memory is ours, and that long.
        unsafe { host.as_ptr().write_bytes(0, len) };
        Ok(memory)
    }

    /// The address for the CPU.
    pub fn as_ptr(&self) -> *mut u8 {
        self.host.as_ptr()
    }

    /// The address for the GPU.
    pub fn device_ptr(&self) -> CUdeviceptr {
        self.device
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: there is at least one byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Managed or pinned.
    pub fn kind(&self) -> MemoryKind {
        self.kind
    }

    /// The device whose context it belongs to.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let Ok(_current) = self.gpu.enter_relaxed() else { return };
        match self.kind {
            // SAFETY: allocated by cuMemAllocManaged; whoever dropped it has made sure that no kernel uses it.
            MemoryKind::Managed => unsafe { driver::cuMemFree_v2(self.device) },
            // SAFETY: allocated by cuMemHostAlloc; as above.
            _ => unsafe { driver::cuMemFreeHost(self.host.as_ptr().cast()) },
        };
    }
}

fn managed(gpu: &Gpu, len: usize) -> Result<(*mut u8, CUdeviceptr), GpuError> {
    if !gpu.concurrent_managed_access()? {
        return Err(GpuError::NoConcurrentManagedAccess { device: gpu.name()? });
    }
    let mut device = 0;
    let global = sys::CUmemAttach_flags_enum::CU_MEM_ATTACH_GLOBAL as u32;
    // SAFETY: the pointer is valid for writing, and a context is current.
    let result = unsafe { driver::cuMemAllocManaged(&mut device, len, global) };
    check_memory("cuMemAllocManaged", len, result)?;
    let advice = [
        (CUmem_advise::CU_MEM_ADVISE_SET_PREFERRED_LOCATION, CPU),
        (CUmem_advise::CU_MEM_ADVISE_SET_ACCESSED_BY, gpu.raw_device()),
    ];
    for (advice, place) in advice {
        // SAFETY: the range was allocated above.
        let result = check("cuMemAdvise", unsafe { driver::cuMemAdvise(device, len, advice as u32, place) });
        if let Err(error) = result {
            // SAFETY: allocated above, used by nobody.
            unsafe { driver::cuMemFree_v2(device) };
            return Err(error);
        }
    }
    Ok((device as *mut u8, device))
}

fn pinned(len: usize) -> Result<(*mut u8, CUdeviceptr), GpuError> {
    let mut host = std::ptr::null_mut();
    let flags = sys::CU_MEMHOSTALLOC_PORTABLE | sys::CU_MEMHOSTALLOC_DEVICEMAP;
    // SAFETY: the pointer is valid for writing, and a context is current.
    let result = unsafe { driver::cuMemHostAlloc(&mut host, len, flags) };
    check_memory("cuMemHostAlloc", len, result)?;
    let mut device = 0;
    // SAFETY: allocated above as mapped memory.
    let result = check("cuMemHostGetDevicePointer", unsafe {
        driver::cuMemHostGetDevicePointer_v2(&mut device, host, 0)
    });
    if let Err(error) = result {
        // SAFETY: allocated above, used by nobody.
        unsafe { driver::cuMemFreeHost(host) };
        return Err(error);
    }
    Ok((host.cast(), device))
}

/// Bytes in the GPU's own memory. Freed on drop.
#[derive(Debug)]
pub struct DeviceBytes {
    gpu: Gpu,
    device: CUdeviceptr,
    len: usize,
}

impl DeviceBytes {
    /// Copies `bytes` to the GPU.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`], [`GpuError::Driver`].
    pub fn new(gpu: &Gpu, bytes: &[u8]) -> Result<Self, GpuError> {
        let _current = gpu.enter_relaxed()?;
        let mut device = 0;
        // SAFETY: the pointer is valid for writing, and a context is current.
        let result = unsafe { driver::cuMemAlloc_v2(&mut device, bytes.len().max(1)) };
        check_memory("cuMemAlloc", bytes.len().max(1), result)?;
        let memory = Self { gpu: gpu.clone(), device, len: bytes.len() };
        memory.write_at(0, bytes)?;
        Ok(memory)
    }

    /// Copies `bytes` to `offset` bytes behind the front; what does not fit is left out. Waits for the copy, not for kernels, in
    /// whatever stream these run.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), GpuError> {
        let len = bytes.len().min(self.len.saturating_sub(offset));
        let Some(bytes @ [_, ..]) = bytes.get(..len) else { return Ok(()) };
        let _current = self.gpu.enter_relaxed()?;
        let to = self.device + offset as CUdeviceptr;
        // SAFETY: the range ends within the memory, and the context is current.
        unsafe { copy::to_device(self.gpu.copy_stream(), to, bytes) }
    }

    /// Copies the front to `bytes`; what is not there is left alone. Waits for the copy, not for kernels: first wait for those
    /// that write here.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn read(&self, bytes: &mut [u8]) -> Result<(), GpuError> {
        let len = bytes.len().min(self.len);
        let Some(bytes @ [_, ..]) = bytes.get_mut(..len) else { return Ok(()) };
        let _current = self.gpu.enter_relaxed()?;
        // SAFETY: the memory is at least that long, and the context is current.
        unsafe { copy::from_device(self.gpu.copy_stream(), bytes, self.device) }
    }

    /// The address for the GPU.
    pub fn device_ptr(&self) -> CUdeviceptr {
        self.device
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Drop for DeviceBytes {
    fn drop(&mut self) {
        if let Ok(_current) = self.gpu.enter_relaxed() {
            // SAFETY: allocated by cuMemAlloc. The driver itself waits for kernels before it frees device memory.
            unsafe { driver::cuMemFree_v2(self.device) };
        }
    }
}
