//! The ring as a value.

use std::sync::Arc;

use perdix_core::{DeviceState, Mode};

use crate::builder::Builder;
use crate::consumer::Consumer;
use crate::counters::Counters;
use crate::error::CreateError;
use crate::memory::MemoryKind;
use crate::producer::Producer;
use crate::shared::Shared;

/// A ring of 256-byte slots with its memory; split it into a [`Producer`] and a [`Consumer`].
#[derive(Debug)]
pub struct Buffer {
    pub(crate) shared: Arc<Shared>,
}

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

    /// The two halves, borrowed: for scoped threads, or one thread.
    ///
    /// When they are gone the buffer can be split again. The new halves go on where the old ones stopped: messages that
    /// were published and not consumed are still there.
    pub fn split_mut(&mut self) -> (Producer<'_>, Consumer<'_>) {
        self.open();
        (Producer::new(Arc::clone(&self.shared)), Consumer::new(Arc::clone(&self.shared)))
    }

    /// The two halves, owned: to move into threads. The memory lives until both are gone.
    pub fn split(self) -> (Producer<'static>, Consumer<'static>) {
        self.open();
        (Producer::new(Arc::clone(&self.shared)), Consumer::new(self.shared))
    }

    /// Slots.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity() as usize
    }

    /// How messages become visible.
    pub fn mode(&self) -> Mode {
        self.shared.ring.mode()
    }

    /// What kind of memory the ring lies in.
    pub fn memory(&self) -> MemoryKind {
        self.shared.memory().map_or(MemoryKind::Heap, |memory| memory.kind())
    }

    /// Why the ring lies in this kind of memory, in words for people.
    pub fn memory_reason(&self) -> &str {
        &self.shared.reason
    }

    /// A handle to the ring's counters.
    pub fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.shared))
    }

    /// Takes back the end of stream and the "consumer gone" of earlier halves. If kernels use the ring, waits until they have ended.
    pub(crate) fn open(&self) {
        if self.shared.readers.detach() {
            // SAFETY: the buffer is borrowed mutably or owned here, so no half can be used, and the kernels have ended.
            unsafe { self.shared.take_back() };
        }
        if self.shared.liveness.detach() | self.shared.lanes.detach() {
            // SAFETY: the buffer is borrowed mutably or owned here, so no half can be used, and the kernels have ended.
            unsafe { self.shared.take_over() };
        }
        // SAFETY: the buffer is borrowed mutably or owned here, so no half exists that could be used.
        let producer = unsafe { self.shared.producer() };
        // SAFETY: as above.
        let consumer = unsafe { self.shared.consumer() };
        producer.abandon();
        producer.reopen();
        consumer.rejoin();
        // SAFETY: as above; these references are used no more.
        unsafe { self.shared.agree_on_gap() };
    }

    /// Opens the ring for device producers; the state that they begin with.
    pub(crate) fn device_state(&self) -> DeviceState {
        self.open();
        // SAFETY: the buffer is borrowed mutably or owned here, so no half is in use, and `open` has seen earlier kernels end.
        unsafe { self.shared.take_over() };
        // SAFETY: as above.
        unsafe { self.shared.agree_on_gap() };
        // SAFETY: as above.
        let producer = unsafe { self.shared.producer() };
        // SAFETY: as above.
        let tail = unsafe { self.shared.consumer() }.next();
        DeviceState::new(producer.head(), tail).with_gap(producer.dropped(), producer.gap())
    }
}
