//! A device with the kernels of this repository.

use std::sync::atomic::AtomicU64;

use perdix_host::cuda::{Gpu, GpuError, Kernels, Launch, Mapped, sys};
use perdix_host::{Buffer, Builder, MemoryKind};

use crate::error::Error;
use crate::producer::DeviceChoice;

/// A device, its kernels, and where rings for it lie.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) gpu: Gpu,
    /// The device's name.
    pub(crate) name: String,
    /// Where rings lie.
    pub(crate) memory: MemoryKind,
    /// Why they lie there.
    pub(crate) reason: String,
    kernels: Kernels,
}

impl Rig {
    /// Opens the device and compiles the kernels for it.
    pub(crate) fn open(choice: DeviceChoice) -> Result<Self, Error> {
        let gpu = Gpu::open(choice.device)?;
        let probe = Buffer::builder().slots(1).gpu(&gpu);
        let probe = choice.memory.map_or(probe.clone(), |kind| probe.memory(kind)).build()?;
        let (memory, reason) = (probe.memory(), probe.memory_reason().to_owned());
        let (name, kernels) = (gpu.name()?, gpu.load(perdix_kernels::PTX)?);
        Ok(Self { gpu, name, memory, reason, kernels })
    }

    /// A ring that kernels can fill.
    pub(crate) fn ring(&self, builder: Builder) -> Result<Buffer, Error> {
        Ok(builder.gpu(&self.gpu).memory(self.memory).build()?)
    }

    /// A launch of kernel `name`, to be completed.
    pub(crate) fn launch(&self, name: &str) -> Result<Launch<'_>, GpuError> {
        self.kernels.launch(name)
    }

    /// Waits until all that was launched has ended.
    pub(crate) fn synchronize(&self) -> Result<(), Error> {
        let _current = self.gpu.enter()?;
        // SAFETY: the context is current.
        let result = unsafe { sys::cuCtxSynchronize() };
        driver("cuCtxSynchronize", result)
    }
}

/// The error of a driver call, if it is one.
pub(super) fn driver(call: &'static str, result: sys::CUresult) -> Result<(), Error> {
    match result {
        sys::CUresult::CUDA_SUCCESS => Ok(()),
        other => {
            let (name, text) = (format!("{other:?}"), "see the driver's documentation".to_owned());
            Err(GpuError::Driver { call, code: other as u32, name, text }.into())
        }
    }
}

/// One word that CPU and GPU both see, on a line of its own.
#[derive(Debug)]
pub(crate) struct Word(Mapped);

impl Word {
    /// A word that holds 0, in the rig's kind of memory.
    pub(crate) fn new(rig: &Rig) -> Result<Self, Error> {
        Ok(Self(Mapped::new(&rig.gpu, rig.memory, 256)?))
    }

    /// The word, for the CPU.
    pub(crate) fn get(&self) -> &AtomicU64 {
        // SAFETY: the memory is ours, aligned to 256, longer than a word, and only ever used through atomics.
        unsafe { &*self.0.as_ptr().cast::<AtomicU64>() }
    }

    /// The word's address, for kernels.
    pub(crate) fn address(&self) -> *const AtomicU64 {
        self.0.device_ptr() as *const AtomicU64
    }

    /// Gives the memory up without freeing it: a kernel may still use it.
    pub(crate) fn leak(self) {
        std::mem::forget(self);
    }
}
