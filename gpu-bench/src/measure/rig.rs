//! A device with the kernels of this repository.

use std::sync::atomic::AtomicU64;
use std::thread;

use perdix_host::cuda::{DeviceAttribute, Gpu, GpuError, Kernels, Launch, Mapped, sys};
use perdix_host::{Buffer, Builder, MemoryKind, WaitStrategy};

use crate::cores::Cores;
use crate::error::Error;
use crate::results::{Memory, Mode};

impl From<Memory> for MemoryKind {
    fn from(memory: Memory) -> Self {
        match memory {
            Memory::Pinned => Self::Pinned,
            Memory::Managed => Self::Managed,
        }
    }
}

/// The device, its kernels, and what is measured on it.
#[derive(Debug)]
pub(super) struct Rig {
    pub(super) gpu: Gpu,
    pub(super) cores: Cores,
    /// The kinds of memory to measure; the first is the one where only one is measured.
    pub(super) memories: Vec<Memory>,
    kernels: Kernels,
}

impl Rig {
    /// Opens the device and compiles the kernels for it.
    pub(super) fn open(device: usize, memory: Option<Memory>) -> Result<Self, Error> {
        let gpu = Gpu::open(device)?;
        let kernels = gpu.load(perdix_kernels::PTX)?;
        let cores = Cores::near(Some(&gpu.pci_address()?)).map_err(Error::Cores)?;
        let memories = match memory {
            Some(memory) => vec![memory],
            None if gpu.concurrent_managed_access()? => vec![Memory::Pinned, Memory::Managed],
            None => vec![Memory::Pinned],
        };
        Ok(Self { gpu, cores, memories, kernels })
    }

    /// The memory for what is measured in one kind only.
    pub(super) fn memory(&self) -> Memory {
        self.memories.first().copied().unwrap_or(Memory::Pinned)
    }

    /// A ring to order, whose consumer spins.
    pub(super) fn builder(&self, memory: Memory, mode: Mode, slots: usize) -> Builder {
        let builder = Buffer::builder().gpu(&self.gpu).memory(memory.into());
        builder.slots(slots).mode(mode.into()).wait(WaitStrategy::Spin)
    }

    /// A ring whose consumer spins.
    pub(super) fn ring(&self, memory: Memory, mode: Mode, slots: usize) -> Result<Buffer, Error> {
        Ok(self.builder(memory, mode, slots).build()?)
    }

    /// Memory that both sides see.
    pub(super) fn mapped(&self, memory: Memory, bytes: usize) -> Result<Mapped, Error> {
        Ok(Mapped::new(&self.gpu, memory.into(), bytes)?)
    }

    /// A launch of kernel `name`, to be completed.
    pub(super) fn launch(&self, name: &str) -> Result<Launch<'_>, Error> {
        Ok(self.kernels.launch(name)?)
    }

    /// Waits until all that was launched has ended; every kernel of this repository ends by itself.
    pub(super) fn synchronize(&self) -> Result<(), Error> {
        let _current = self.gpu.enter()?;
        // SAFETY: the context is current.
        let result = unsafe { sys::cuCtxSynchronize() };
        driver("cuCtxSynchronize", result)
    }

    /// Does `work` on a thread that is pinned to the first consumer's core.
    pub(super) fn on_consumer_core<R: Send>(
        &self,
        work: impl FnOnce() -> Result<R, Error> + Send,
    ) -> Result<R, Error> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.cores.pin_consumer(0).map_err(Error::Cores)?;
                work()
            });
            thread.join().map_err(|_| Error::Panicked)?
        })
    }

    /// Multiprocessors of the device.
    pub(super) fn multiprocessors(&self) -> Result<u32, Error> {
        let count = self.gpu.attribute(DeviceAttribute::MultiprocessorCount)?;
        Ok(u32::try_from(count).unwrap_or(1).max(1))
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
pub(super) struct Word(Mapped);

impl Word {
    /// A word that holds 0.
    pub(super) fn new(rig: &Rig, memory: Memory) -> Result<Self, Error> {
        Ok(Self(rig.mapped(memory, 256)?))
    }

    /// The word, for the CPU.
    pub(super) fn get(&self) -> &AtomicU64 {
        // SAFETY: the memory is ours, aligned to 256, longer than a word, and only ever used through atomics.
        unsafe { &*self.0.as_ptr().cast::<AtomicU64>() }
    }

    /// The word's address, for kernels.
    pub(super) fn address(&self) -> *const AtomicU64 {
        self.0.device_ptr() as *const AtomicU64
    }
}
