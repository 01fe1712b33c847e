//! Kernels on a GPU.

use std::marker::PhantomData;
use std::time::Duration;

use perdix_host::cuda::{DeviceBytes, DeviceProducer, Gpu, Kernels};
use perdix_host::events::Sites;
use perdix_host::{Buffer, Consumer};
use tour_kernels::Span;

use crate::Outcome;

/// Longer than any kernel here runs once its ring is read.
const LIMIT: Duration = Duration::from_secs(60);

/// The host's end of a ring into which kernels produce.
pub type Half = DeviceProducer<'static>;

/// A GPU with the kernels loaded.
#[derive(Debug)]
pub struct Stage {
    gpu: Gpu,
    kernels: Kernels,
}

impl Stage {
    /// The first GPU.
    ///
    /// # Errors
    /// Without one.
    pub fn open() -> Outcome<Self> {
        Self::open_number(0)
    }

    /// All GPUs.
    ///
    /// # Errors
    /// Without one.
    pub fn open_all() -> Outcome<Vec<Self>> {
        (0..Gpu::count()?).map(Self::open_number).collect()
    }

    fn open_number(ordinal: usize) -> Outcome<Self> {
        let gpu = Gpu::open(ordinal)?;
        eprintln!("on {}", gpu.name()?);
        let kernels = gpu.load(crate::PTX)?;
        Ok(Self { gpu, kernels })
    }

    /// The kernels.
    pub fn kernels(&self) -> &Kernels {
        &self.kernels
    }

    /// The places in the kernels that log.
    ///
    /// # Errors
    /// If two of them have the same number.
    pub fn sites(&self) -> Outcome<Sites> {
        Ok(Sites::from_ptx(crate::PTX)?)
    }

    /// Whether kernels run as fast as on a GPU.
    pub fn is_fast(&self) -> bool {
        true
    }

    /// A ring of `slots` slots that this GPU can write to.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn ring(&self, slots: usize) -> Outcome<(Half, Consumer<'static>)> {
        Ok(Buffer::builder().slots(slots).gpu(&self.gpu).build()?.into_gpu()?)
    }

    /// Copies values to the GPU's memory.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn upload<T: Number>(&self, values: &[T]) -> Outcome<Uploaded<T>> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_bytes()).collect();
        // At least one byte: an allocation of none is refused.
        let bytes = DeviceBytes::new(&self.gpu, if bytes.is_empty() { &[0] } else { &bytes })?;
        Ok(Uploaded { bytes, len: values.len() as u64, values: PhantomData })
    }
}

/// Numbers as they lie in memory.
pub trait Number: Copy {
    /// Its bytes.
    fn to_bytes(self) -> impl Iterator<Item = u8>;
}

impl Number for u8 {
    fn to_bytes(self) -> impl Iterator<Item = u8> {
        [self].into_iter()
    }
}

impl Number for u32 {
    fn to_bytes(self) -> impl Iterator<Item = u8> {
        self.to_le_bytes().into_iter()
    }
}

/// Values in the GPU's memory. Keep them until the kernel has ended.
#[derive(Debug)]
pub struct Uploaded<T> {
    bytes: DeviceBytes,
    len: u64,
    values: PhantomData<T>,
}

impl<T: Copy> Uploaded<T> {
    /// Where they are.
    pub fn span(&self) -> Span<T> {
        Span::new(self.bytes.device_ptr() as *const T, self.len)
    }
}

/// A kernel that was started.
#[derive(Debug)]
pub struct Running(Half);

impl Running {
    /// The kernel that was launched on the ring of `half`.
    pub fn new(half: Half) -> Self {
        Self(half)
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// If it has faulted.
    pub fn is_running(&self) -> Outcome<bool> {
        Ok(self.0.is_running()?)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// If it does not.
    pub fn wait(self) -> Outcome {
        Ok(self.0.wait(LIMIT)?)
    }
}
