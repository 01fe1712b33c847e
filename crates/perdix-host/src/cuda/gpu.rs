//! A device and its context.

use std::marker::PhantomData;
use std::sync::Arc;

use cust::device::DeviceAttribute;
use cust::sys::{CUcontext, CUdevice};

use super::copy::CopyStream;
use super::driver;
use super::error::{GpuError, check};

/// A CUDA device with a context; cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Gpu(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    device: CUdevice,
    context: CUcontext,
    /// Whether it is the device's primary context, which is kept by us as by others; else somebody else keeps it.
    is_primary: bool,
    copies: CopyStream,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: the context is alive, or the call says that it is not.
        if self.copies.is_made() && unsafe { driver::cuCtxPushCurrent_v2(self.context) } == driver::SUCCESS {
            self.copies.destroy();
            let mut popped = std::ptr::null_mut();
            // SAFETY: pops what was pushed above.
            unsafe { driver::cuCtxPopCurrent_v2(&mut popped) };
        }
        if self.is_primary {
            // SAFETY: retained once, in `open`; nothing can be done about a failure here.
            unsafe { driver::cuDevicePrimaryCtxRelease_v2(self.device) };
        }
    }
}

// SAFETY: a context may be used from any thread; every use makes it current on the calling thread first.
unsafe impl Send for Inner {}
// SAFETY: as above; the driver does its own locking.
unsafe impl Sync for Inner {}

impl Gpu {
    /// How many CUDA devices there are.
    ///
    /// # Errors
    /// [`GpuError::NoDevice`] for none.
    pub fn count() -> Result<usize, GpuError> {
        // SAFETY: may be called at any time, again and again.
        check("cuInit", unsafe { driver::cuInit(0) })?;
        let mut count = 0;
        // SAFETY: the pointer is valid for writing.
        check("cuDeviceGetCount", unsafe { driver::cuDeviceGetCount(&mut count) })?;
        match usize::try_from(count) {
            Ok(0) | Err(_) => Err(GpuError::NoDevice),
            Ok(count) => Ok(count),
        }
    }

    /// Device `ordinal`, with its primary context (the one that the runtime API and other libraries use too). What context is
    /// current on this thread stays as it is.
    ///
    /// # Errors
    /// [`GpuError::NoDevice`], [`GpuError::NoSuchDevice`], [`GpuError::Driver`].
    pub fn open(ordinal: usize) -> Result<Self, GpuError> {
        let count = Self::count()?;
        if ordinal >= count {
            return Err(GpuError::NoSuchDevice { ordinal, count });
        }
        let mut device = 0;
        // SAFETY: the pointer is valid for writing.
        check("cuDeviceGet", unsafe { driver::cuDeviceGet(&mut device, ordinal as i32) })?;
        let mut context = std::ptr::null_mut();
        // SAFETY: the pointer is valid for writing; released when the last clone is gone.
        check("cuDevicePrimaryCtxRetain", unsafe { driver::cuDevicePrimaryCtxRetain(&mut context, device) })?;
        Ok(Self::of(device, context, true))
    }

    /// The device of a context that somebody else made, as `cust`, `cudarc` or the runtime API do.
    ///
    /// # Errors
    /// [`GpuError::Driver`] if it is no context.
    ///
    /// # Safety
    /// The context outlives this value, its clones, and all that is made with them.
    pub unsafe fn from_context(context: CUcontext) -> Result<Self, GpuError> {
        Self::count()?;
        // SAFETY: a context by the caller's contract; popped again below.
        check("cuCtxPushCurrent", unsafe { driver::cuCtxPushCurrent_v2(context) })?;
        let mut device = 0;
        // SAFETY: the pointer is valid for writing.
        let result = check("cuCtxGetDevice", unsafe { driver::cuCtxGetDevice(&mut device) });
        let mut popped = std::ptr::null_mut();
        // SAFETY: pops what was pushed above.
        check("cuCtxPopCurrent", unsafe { driver::cuCtxPopCurrent_v2(&mut popped) })?;
        result.map(|()| Self::of(device, context, false))
    }

    fn of(device: CUdevice, context: CUcontext, is_primary: bool) -> Self {
        Self(Arc::new(Inner { device, context, is_primary, copies: CopyStream::default() }))
    }

    /// The stream for copies to and from the device.
    pub(super) fn copy_stream(&self) -> &CopyStream {
        &self.0.copies
    }

    /// Makes the context current on this thread until the guard is dropped; what was current before is current again then.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn enter(&self) -> Result<Current<'_>, GpuError> {
        // SAFETY: the context is alive as long as `self`.
        check("cuCtxPushCurrent", unsafe { driver::cuCtxPushCurrent_v2(self.0.context) })?;
        Ok(Current { gpu: self, _not_send: PhantomData })
    }

    /// The device's name.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn name(&self) -> Result<String, GpuError> {
        let mut text = [0_u8; 256];
        let (start, len) = (text.as_mut_ptr().cast(), text.len() as i32);
        // SAFETY: the buffer has the length given.
        check("cuDeviceGetName", unsafe { driver::cuDeviceGetName(start, len, self.0.device) })?;
        Ok(until_nul(&text))
    }

    /// The compute capability, major and minor.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn compute_capability(&self) -> Result<(i32, i32), GpuError> {
        let major = self.attribute(DeviceAttribute::ComputeCapabilityMajor)?;
        Ok((major, self.attribute(DeviceAttribute::ComputeCapabilityMinor)?))
    }

    /// The CUDA version that the driver supports, major and minor.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn driver_version() -> Result<(i32, i32), GpuError> {
        let mut version = 0;
        // SAFETY: the pointer is valid for writing.
        check("cuDriverGetVersion", unsafe { driver::cuDriverGetVersion(&mut version) })?;
        Ok((version / 1000, version % 1000 / 10))
    }

    /// Whether CPU and GPU may use managed memory at the same time.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn concurrent_managed_access(&self) -> Result<bool, GpuError> {
        Ok(self.attribute(DeviceAttribute::ConcurrentManagedAccess)? != 0)
    }

    /// A device attribute.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn attribute(&self, attribute: DeviceAttribute) -> Result<i32, GpuError> {
        let mut value = 0;
        // SAFETY: the pointer is valid for writing.
        let result = unsafe { driver::cuDeviceGetAttribute(&mut value, attribute as u32, self.0.device) };
        check("cuDeviceGetAttribute", result)?;
        Ok(value)
    }

    /// The PCI address of the device, as `0000:1b:00.0`.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn pci_address(&self) -> Result<String, GpuError> {
        let mut text = [0_u8; 32];
        let (start, len) = (text.as_mut_ptr().cast(), text.len() as i32);
        // SAFETY: the buffer has the length given.
        check("cuDeviceGetPCIBusId", unsafe { driver::cuDeviceGetPCIBusId(start, len, self.0.device) })?;
        Ok(until_nul(&text).to_ascii_lowercase())
    }

    /// The device's number, as other driver calls want it.
    pub fn raw_device(&self) -> CUdevice {
        self.0.device
    }

    /// The context, for other CUDA libraries.
    pub fn raw_context(&self) -> CUcontext {
        self.0.context
    }
}

/// While it lives, the GPU's context is current on this thread.
#[derive(Debug)]
#[must_use]
pub struct Current<'g> {
    gpu: &'g Gpu,
    /// Contexts are current per thread.
    _not_send: PhantomData<*const ()>,
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let mut popped = std::ptr::null_mut();
        // SAFETY: pops what `enter` pushed; nothing can be done about a failure here.
        unsafe { driver::cuCtxPopCurrent_v2(&mut popped) };
        if popped != self.gpu.0.context && !popped.is_null() {
            // Somebody has popped ours meanwhile: this one is not ours to take.
            // SAFETY: it was current until now.
            unsafe { driver::cuCtxPushCurrent_v2(popped) };
        }
    }
}

/// The text in a buffer that the driver has filled.
fn until_nul(text: &[u8]) -> String {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
