//! A buffer made to order.

use std::sync::Arc;

use perdix_core::{Config, Mode};

use crate::buffer::Buffer;
use crate::error::CreateError;
use crate::memory::{Heap, Memory, MemoryKind};
use crate::shared::Shared;
use crate::wait::{WaitStrategies, WaitStrategy};

impl Buffer {
    /// A ring of `slots` slots (a power of two) with the defaults of [`Buffer::builder`].
    ///
    /// ```
    /// use perdix_host::Buffer;
    /// let mut buffer = Buffer::new(4096)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.try_produce(b"Hello from GPU!")?;
    /// if let Some(message) = consumer.try_consume() {
    ///     println!("Received: {:?}", message);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CreateError`] for an illegal number of slots, or for lack of memory.
    pub fn new(slots: usize) -> Result<Self, CreateError> {
        Self::builder().slots(slots).build()
    }

    /// A buffer to order.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

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
    plan: Plan,
    memory: Option<MemoryKind>,
    #[cfg(feature = "cuda")]
    gpu: Option<crate::cuda::Gpu>,
}

/// What a ring is like, wherever it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) waits: WaitStrategies,
    pub(crate) tail_every: Option<u64>,
}

impl Builder {
    fn new() -> Self {
        let config = Config { capacity: 4096, mode: Mode::Fenced, start: 0 };
        Self {
            plan: Plan { config, waits: WaitStrategies::default(), tail_every: None },
            memory: None,
            #[cfg(feature = "cuda")]
            gpu: None,
        }
    }

    /// Slots of 256 bytes: a power of two from 1 to 2^30. 4096 (1 MiB) unless set; a larger ring
    /// rides out longer pauses of the consumer, a smaller one stays in a smaller cache.
    pub fn slots(mut self, slots: usize) -> Self {
        self.plan.config.capacity = slots as u64;
        self
    }

    /// How messages become visible; [`Mode::Fenced`] unless set.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.plan.config.mode = mode;
        self
    }

    /// How both halves wait; [`WaitStrategy::Backoff`] unless set.
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.plan.waits = WaitStrategies { producer: strategy, consumer: strategy };
        self
    }

    /// How the producer waits for a free slot.
    pub fn producer_wait(mut self, strategy: WaitStrategy) -> Self {
        self.plan.waits.producer = strategy;
        self
    }

    /// How the consumer waits for a message.
    pub fn consumer_wait(mut self, strategy: WaitStrategy) -> Self {
        self.plan.waits.consumer = strategy;
        self
    }

    /// How many released slots the consumer holds back at most before it tells the producer; an
    /// idle consumer tells at once. A quarter of the ring, at most 256, unless set; clamped to 1 up
    /// to the number of slots.
    pub fn release_every(mut self, messages: usize) -> Self {
        self.plan.tail_every = Some(messages as u64);
        self
    }

    /// The number of the first message; 0 unless set. For tests that want to see 64-bit numbers
    /// wrap.
    pub fn first_message(mut self, number: u64) -> Self {
        self.plan.config.start = number;
        self
    }

    /// What kind of memory. Unless set: heap without the feature `cuda` or without a CUDA device;
    /// else managed memory where the device has `concurrentManagedAccess`, and pinned memory where
    /// not. [`Buffer::memory_reason`] tells what was chosen and why.
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
    /// [`CreateError`] for an illegal number of slots, for lack of memory, or for a kind of memory
    /// that this build or machine lacks.
    pub fn build(self) -> Result<Buffer, CreateError> {
        let Plan { config, waits, tail_every } = self.plan;
        let bytes = config.bytes()?;
        if self.memory == Some(MemoryKind::Shared) {
            return Err(CreateError::SharedMemory);
        }
        let (memory, reason) = self.obtain(bytes)?;
        let shared = Shared::new(memory, reason, config, waits, tail_every)?;
        Ok(Buffer { shared: Arc::new(shared) })
    }

    /// What a ring that processes share takes of it, and the kind of memory asked for.
    #[cfg(target_os = "linux")]
    pub(crate) fn plan(self) -> (Plan, Option<MemoryKind>) {
        (self.plan, self.memory)
    }

    #[cfg(not(feature = "cuda"))]
    fn obtain(&self, bytes: usize) -> Result<(Box<dyn Memory>, String), CreateError> {
        match self.memory {
            None => Ok((self.heap(bytes)?, "built without the feature `cuda`: CPU to CPU".into())),
            Some(MemoryKind::Heap) => Ok((self.heap(bytes)?, "asked for".into())),
            Some(kind) => Err(CreateError::NoSuchMemory { kind }),
        }
    }

    #[cfg(feature = "cuda")]
    fn obtain(&self, bytes: usize) -> Result<(Box<dyn Memory>, String), CreateError> {
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
        Ok((Box::new(Mapped::new(&gpu, kind, bytes)?), reason))
    }

    fn heap(&self, bytes: usize) -> Result<Box<dyn Memory>, CreateError> {
        let slots = self.plan.config.capacity;
        let heap = Heap::new(bytes).ok_or(CreateError::OutOfMemory { slots, bytes })?;
        Ok(Box::new(heap))
    }
}
