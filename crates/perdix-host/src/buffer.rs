//! The ring as a value.

use std::sync::Arc;
use std::time::Duration;

use perdix_core::Mode;

use crate::consumer::Consumer;
use crate::cores::Cores;
use crate::counterpart::StillInUse;
use crate::counters::Counters;
use crate::memory::MemoryKind;
use crate::producer::Producer;
use crate::shared::Shared;

/// A ring of 256-byte slots with its memory; split it into a [`Producer`] and a [`Consumer`].
#[derive(Debug)]
pub struct Buffer {
    pub(crate) shared: Arc<Shared>,
}

impl Buffer {
    /// The two halves, borrowed: for scoped threads, or one thread.
    ///
    /// When they are gone the buffer can be split again. The new halves go on where the old ones
    /// stopped: messages that were published and not consumed are still there.
    ///
    /// If kernels used the ring, this first waits for them: 2 s longer than the longest limit that
    /// a handle carries. If they still run then, or if nobody can tell, the halves belong to no
    /// ring of theirs: producing calls fail with
    /// [`ConsumerGone`](crate::ProduceError::ConsumerGone), consuming ones with
    /// [`ProducerLost`](crate::ConsumeError::ProducerLost), which says why. The buffer is as it
    /// was, and can be split later. [`try_split_mut`](Self::try_split_mut) returns that as an
    /// error, after a time of your choice.
    pub fn split_mut(&mut self) -> (Producer<'_>, Consumer<'_>) {
        self.halves()
    }

    /// [`split_mut`](Self::split_mut), waiting no longer than `limit` for kernels that use the
    /// ring.
    ///
    /// ```
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.try_split_mut(std::time::Duration::ZERO)?;
    /// producer.try_produce(b"nobody else uses the ring")?;
    /// assert!(consumer.try_consume().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StillInUse`]; the buffer is as it was.
    pub fn try_split_mut(&mut self, limit: Duration) -> Result<(Producer<'_>, Consumer<'_>), StillInUse> {
        // SAFETY: the buffer is borrowed mutably, so no half of it can be used.
        let cores = unsafe { self.shared.open(Some(limit)) }?;
        Ok(self.halves_of(cores))
    }

    /// The two halves, owned: to move into threads. The memory lives until both are gone.
    ///
    /// If kernels used the ring, as [`split_mut`](Self::split_mut). Halves that belong to no ring
    /// then leave the memory of the kernels allocated as long as these may run.
    pub fn split(mut self) -> (Producer<'static>, Consumer<'static>) {
        self.halves()
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

    /// What new halves begin with, once earlier halves and kernels have ended.
    pub(crate) fn open(&mut self) -> Result<Cores, StillInUse> {
        // SAFETY: the buffer is borrowed mutably, so no half of it can be used.
        unsafe { self.shared.open(None) }
    }

    fn halves<'a>(&mut self) -> (Producer<'a>, Consumer<'a>) {
        match self.open() {
            Ok(cores) => self.halves_of(cores),
            Err(why) => {
                // A ring each: the end of one must not be taken for the end of the stream.
                let (ring, cores) = Shared::unreachable(&self.shared, why.clone());
                let producer = Producer::new(ring, cores.producer);
                let (ring, cores) = Shared::unreachable(&self.shared, why);
                (producer, Consumer::new(ring, cores.consumer, cores.read))
            }
        }
    }

    fn halves_of<'a>(&self, cores: Cores) -> (Producer<'a>, Consumer<'a>) {
        let Cores { producer, consumer, read } = cores;
        let producer = Producer::new(Arc::clone(&self.shared), producer);
        (producer, Consumer::new(Arc::clone(&self.shared), consumer, read))
    }
}
