//! A device and its context.

use std::marker::PhantomData;
use std::sync::Arc;

use cust::context::{Context, ContextHandle};
use cust::device::{Device, DeviceAttribute};
use cust::sys::{self, CUcontext};

use super::error::{GpuError, check, explain};

/// A CUDA device with a context; cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Gpu(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    device: Device,
    context: CUcontext,
    /// Keeps the primary context; `None` for a context that the user keeps.
    _primary: Option<Context>,
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
        cust::init(cust::CudaFlags::empty()).map_err(explain("cuInit"))?;
        match Device::num_devices().map_err(explain("cuDeviceGetCount"))? {
            0 => Err(GpuError::NoDevice),
            count => Ok(count as usize),
        }
    }

    /// Device `ordinal`, with its primary context (the one that the runtime API and other libraries use too).
    ///
    /// # Errors
    /// [`GpuError::NoDevice`], [`GpuError::NoSuchDevice`], [`GpuError::Driver`].
    pub fn open(ordinal: usize) -> Result<Self, GpuError> {
        let count = Self::count()?;
        if ordinal >= count {
            return Err(GpuError::NoSuchDevice { ordinal, count });
        }
        let device = Device::get_device(ordinal as u32).map_err(explain("cuDeviceGet"))?;
        let primary = Context::new(device).map_err(explain("cuDevicePrimaryCtxRetain"))?;
        let context = primary.get_inner();
        Ok(Self(Arc::new(Inner { device, context, _primary: Some(primary) })))
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
        check("cuCtxPushCurrent", unsafe { sys::cuCtxPushCurrent_v2(context) })?;
        let device = cust::context::CurrentContext::get_device().map_err(explain("cuCtxGetDevice"));
        let mut popped = std::ptr::null_mut();
        // SAFETY: pops what was pushed above.
        check("cuCtxPopCurrent", unsafe { sys::cuCtxPopCurrent_v2(&mut popped) })?;
        Ok(Self(Arc::new(Inner { device: device?, context, _primary: None })))
    }

    /// Makes the context current on this thread until the guard is dropped; what was current before is current again then.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn enter(&self) -> Result<Current<'_>, GpuError> {
        // SAFETY: the context is alive as long as `self`.
        check("cuCtxPushCurrent", unsafe { sys::cuCtxPushCurrent_v2(self.0.context) })?;
        Ok(Current { _gpu: self, _not_send: PhantomData })
    }

    /// The device's name.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn name(&self) -> Result<String, GpuError> {
        self.0.device.name().map_err(explain("cuDeviceGetName"))
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
        check("cuDriverGetVersion", unsafe { sys::cuDriverGetVersion(&mut version) })?;
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
        self.0.device.get_attribute(attribute).map_err(explain("cuDeviceGetAttribute"))
    }

    /// The PCI address of the device, as `0000:1b:00.0`.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn pci_address(&self) -> Result<String, GpuError> {
        let mut text = [0_u8; 32];
        let len = text.len() as i32;
        // SAFETY: the buffer has the length given.
        let result =
            unsafe { sys::cuDeviceGetPCIBusId(text.as_mut_ptr().cast(), len, self.0.device.as_raw()) };
        check("cuDeviceGetPCIBusId", result)?;
        Ok(text
            .iter()
            .take_while(|byte| **byte != 0)
            .map(|byte| char::from(*byte).to_ascii_lowercase())
            .collect())
    }

    /// The device's number, as other driver calls want it.
    pub fn raw_device(&self) -> sys::CUdevice {
        self.0.device.as_raw()
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
    _gpu: &'g Gpu,
    /// Contexts are current per thread.
    _not_send: PhantomData<*const ()>,
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let mut popped = std::ptr::null_mut();
        // SAFETY: pops what `enter` pushed; nothing can be done about a failure here.
        unsafe { sys::cuCtxPopCurrent_v2(&mut popped) };
    }
}
