//! A buffer made to order.

use std::sync::Arc;

use perdix_core::{Config, Mode};

use crate::buffer::Buffer;
use crate::error::CreateError;
use crate::memory::{Heap, MemoryKind, Region};
use crate::shared::{Shared, Waits};
use crate::wait::WaitStrategy;

/// Makes a [`Buffer`] to order.
///
/// ```
/// use perdix_host::{Buffer, Mode, WaitStrategy};
/// let buffer = Buffer::builder().slots(64).mode(Mode::FenceFree).wait(WaitStrategy::Spin).build()?;
/// assert_eq!((buffer.capacity(), buffer.mode()), (64, Mode::FenceFree));
/// # Ok::<(), perdix_host::CreateError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    config: Config,
    waits: Waits,
    tail_every: Option<u64>,
    memory: Option<MemoryKind>,
    #[cfg(feature = "cuda")]
    gpu: Option<crate::cuda::Gpu>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let config = Config { capacity: 4096, mode: Mode::Fenced, start: 0 };
        Self {
            config,
            waits: Waits::default(),
            tail_every: None,
            memory: None,
            #[cfg(feature = "cuda")]
            gpu: None,
        }
    }

    /// Slots of 256 bytes: a power of two from 1 to 2^30. 4096 (1 MiB) unless set; a larger ring rides out longer pauses of
    /// the consumer, a smaller one stays in a smaller cache.
    pub fn slots(mut self, slots: usize) -> Self {
        self.config.capacity = slots as u64;
        self
    }

    /// How messages become visible; [`Mode::Fenced`] unless set.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.config.mode = mode;
        self
    }

    /// How both halves wait; [`WaitStrategy::Backoff`] unless set.
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.waits = Waits { producer: strategy, consumer: strategy };
        self
    }

    /// How the producer waits for a free slot.
    pub fn producer_wait(mut self, strategy: WaitStrategy) -> Self {
        self.waits.producer = strategy;
        self
    }

    /// How the consumer waits for a message.
    pub fn consumer_wait(mut self, strategy: WaitStrategy) -> Self {
        self.waits.consumer = strategy;
        self
    }

    /// How many released slots the consumer holds back at most before it tells the producer; an idle consumer tells at once.
    /// A quarter of the ring, at most 256, unless set; clamped to 1 up to the number of slots.
    pub fn release_every(mut self, messages: usize) -> Self {
        self.tail_every = Some(messages as u64);
        self
    }

    /// The number of the first message; 0 unless set. For tests that want to see 64-bit numbers wrap.
    pub fn first_message(mut self, number: u64) -> Self {
        self.config.start = number;
        self
    }

    /// What kind of memory. Unless set: heap without the feature `cuda` or without a CUDA device; else managed memory where the device
    /// has `concurrentManagedAccess`, and pinned memory where not. [`Buffer::memory_reason`] tells what was chosen and why.
    pub fn memory(mut self, kind: MemoryKind) -> Self {
        self.memory = Some(kind);
        self
    }

    /// The GPU whose kernels are to produce; the first one unless set.
    #[cfg(feature = "cuda")]
    pub fn gpu(mut self, gpu: &crate::cuda::Gpu) -> Self {
        self.gpu = Some(gpu.clone());
        self
    }

    /// Makes the buffer.
    ///
    /// # Errors
    /// [`CreateError`] for an illegal number of slots, for lack of memory, or for a kind of memory that this build or machine lacks.
    pub fn build(self) -> Result<Buffer, CreateError> {
        let bytes = self.config.bytes()?;
        if self.memory == Some(MemoryKind::Shared) {
            return Err(CreateError::SharedMemory);
        }
        let (region, reason) = self.region(bytes)?;
        let shared = Shared::new(region, reason, self.config, self.waits, self.tail_every)?;
        Ok(Buffer { shared: Arc::new(shared) })
    }

    /// What a ring that processes share takes of it, and the kind of memory asked for.
    #[cfg(target_os = "linux")]
    pub(crate) fn plan(self) -> (crate::process::Plan, Option<MemoryKind>) {
        let plan =
            crate::process::Plan { config: self.config, waits: self.waits, tail_every: self.tail_every };
        (plan, self.memory)
    }

    #[cfg(not(feature = "cuda"))]
    fn region(&self, bytes: usize) -> Result<(Region, String), CreateError> {
        match self.memory {
            None => Ok((self.heap(bytes)?, "built without the feature `cuda`: CPU to CPU".into())),
            Some(MemoryKind::Heap) => Ok((self.heap(bytes)?, "asked for".into())),
            Some(kind) => Err(CreateError::NoSuchMemory { kind }),
        }
    }

    #[cfg(feature = "cuda")]
    fn region(&self, bytes: usize) -> Result<(Region, String), CreateError> {
        use crate::cuda::{Gpu, GpuError, Mapped};
        let gpu = match (&self.gpu, self.memory) {
            (_, Some(MemoryKind::Heap)) => return Ok((self.heap(bytes)?, "asked for".into())),
            (Some(gpu), _) => gpu.clone(),
            (None, Some(_)) => Gpu::open(0)?,
            (None, None) => match Gpu::open(0) {
                Ok(gpu) => gpu,
                Err(GpuError::NoDevice) => {
                    return Ok((self.heap(bytes)?, "no CUDA device: CPU to CPU".into()));
                }
                Err(other) => return Err(other.into()),
            },
        };
        let (kind, reason) = match self.memory {
            Some(kind) => (kind, "asked for".into()),
            None if gpu.concurrent_managed_access()? => (
                MemoryKind::Managed,
                format!("{} lets CPU and GPU use managed memory at the same time", gpu.name()?),
            ),
            None => (MemoryKind::Pinned, format!("{} lacks concurrentManagedAccess", gpu.name()?)),
        };
        Ok((Region::Gpu(Mapped::new(&gpu, kind, bytes)?), reason))
    }

    fn heap(&self, bytes: usize) -> Result<Region, CreateError> {
        Heap::new(bytes)
            .map(Region::Heap)
            .ok_or(CreateError::OutOfMemory { slots: self.config.capacity, bytes })
    }
}
