//! A buffer made to order.

use std::sync::Arc;

use perdix_core::{Config, Mode};

use crate::buffer::Buffer;
use crate::error::CreateError;
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
}

impl Builder {
    pub(crate) fn new() -> Self {
        let config = Config { capacity: 4096, mode: Mode::Fenced, start: 0 };
        Self { config, waits: Waits::default(), tail_every: None }
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

    /// Makes the buffer.
    ///
    /// # Errors
    /// [`CreateError`] for an illegal number of slots, or for lack of memory.
    pub fn build(self) -> Result<Buffer, CreateError> {
        Ok(Buffer { shared: Arc::new(Shared::new(self.config, self.waits, self.tail_every)?) })
    }
}
