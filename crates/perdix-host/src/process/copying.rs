//! Halves for a ring whose other processes are not trusted.

#[cfg(feature = "futures")]
use crate::consumer::Ready;
use crate::consumer::{Consumer, Large, OwnedMessage};
use crate::counters::Counters;
use crate::error::{ConsumeError, Disconnected, ProduceError};
use crate::producer::Producer;
#[cfg(feature = "futures")]
use crate::producer::Room;
use crate::wait::Wait;

/// The consuming half of a ring whose peers may write anything into it at any time: messages are
/// copied, word by word, and nothing in shared memory is ever lent. Dropping it tells the producer that
/// nobody reads any more.
///
/// A copy does not change under its reader. What it says is still the producer's word:
/// [`value_copy`](OwnedMessage::value_copy) checks that the bytes are a value of a type, and nothing
/// checks that it is the right one. Words that no producer writes are a clear error
/// ([`ConsumeError::Corrupt`]).
#[derive(Debug)]
pub struct CopyingConsumer {
    inner: Consumer<'static>,
}

impl CopyingConsumer {
    pub(super) fn new(inner: Consumer<'static>) -> Self {
        Self { inner }
    }

    /// The next message, if it is there.
    ///
    /// # Errors
    /// [`ConsumeError::Empty`] if there is none now, and as [`consume`](Self::consume).
    pub fn try_next(&mut self) -> Result<OwnedMessage, ConsumeError> {
        self.next(Wait::No)
    }

    /// The next message, waiting for it.
    ///
    /// # Errors
    /// [`ConsumeError::EndOfStream`], [`ConsumeError::Corrupt`]; [`ConsumeError::Gap`], after which the
    /// stream goes on; [`ConsumeError::ProducerLost`], [`ConsumeError::ProducerFailed`].
    pub fn consume(&mut self) -> Result<OwnedMessage, ConsumeError> {
        self.next(Wait::Forever)
    }

    /// The next message, waiting for it as `wait` says. A message of several slots comes in parts
    /// ([`has_more`](OwnedMessage::has_more)); [`large`](Self::large) joins them.
    ///
    /// # Errors
    /// As [`consume`](Self::consume); and [`ConsumeError::Empty`] with [`Wait::No`],
    /// [`ConsumeError::TimedOut`] with a time limit.
    pub fn next(&mut self, wait: impl Into<Wait>) -> Result<OwnedMessage, ConsumeError> {
        let meta = self.inner.find(wait.into())?;
        Ok(self.inner.take_copy(meta))
    }

    /// The next message, of one slot or many, copied into `bytes` (whose content is replaced), waiting
    /// until all of it is there as `wait` says.
    ///
    /// # Errors
    /// As [`next`](Self::next), and [`ConsumeError::Truncated`].
    pub fn large(&mut self, bytes: &mut Vec<u8>, wait: impl Into<Wait>) -> Result<Large, ConsumeError> {
        self.inner.large_copied(bytes, wait.into())
    }

    /// Waits, as a task, until there is something for [`try_next`](Self::try_next) to say. (Feature
    /// `futures`.)
    ///
    /// # Errors
    /// As [`consume`](Self::consume).
    #[cfg(feature = "futures")]
    pub fn ready(&mut self) -> Ready<'_, 'static> {
        self.inner.ready()
    }

    /// An iterator over the messages, which waits for each and ends at the end of the stream. An error
    /// ends it too, but for a gap.
    pub fn messages(&mut self) -> CopyingMessages<'_> {
        CopyingMessages { consumer: self, over: false }
    }

    /// Whether messages may still come: [`Consumer::status`].
    ///
    /// # Errors
    /// Why nothing will come; [`ConsumeError::Gap`] (once) if messages were dropped before the next one.
    pub fn status(&mut self) -> Result<(), ConsumeError> {
        self.inner.status()
    }

    /// The number of the next message, from 0.
    pub fn position(&mut self) -> u64 {
        self.inner.position()
    }

    /// Slots of the ring.
    pub fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    /// A handle to the ring's counters. They are what the peers say.
    pub fn counters(&self) -> Counters {
        self.inner.counters()
    }
}

/// Messages of a [`CopyingConsumer`]: [`CopyingConsumer::messages`].
#[derive(Debug)]
pub struct CopyingMessages<'c> {
    consumer: &'c mut CopyingConsumer,
    over: bool,
}

impl Iterator for CopyingMessages<'_> {
    type Item = Result<OwnedMessage, ConsumeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.consumer.consume();
        self.over = !matches!(next, Ok(_) | Err(ConsumeError::Gap { .. }));
        if matches!(next, Err(ConsumeError::EndOfStream)) { None } else { Some(next) }
    }
}

/// The producing half of a ring whose peers may write anything into it at any time: messages are
/// copied in, word by word, and nothing in shared memory is ever lent. Dropping it ends the stream.
#[derive(Debug)]
pub struct CopyingProducer {
    inner: Producer<'static>,
}

impl CopyingProducer {
    pub(super) fn new(inner: Producer<'static>) -> Self {
        Self { inner }
    }

    /// Publishes `message` (up to 240 bytes) if a slot is free.
    ///
    /// # Errors
    /// [`ProduceError::Full`], [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`] or
    /// [`ProduceError::Corrupt`].
    pub fn try_produce(&mut self, message: &[u8]) -> Result<(), ProduceError> {
        self.send(0, message, Wait::No)
    }

    /// Publishes `message` (up to 240 bytes), waiting while the ring is full.
    ///
    /// # Errors
    /// [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`] or [`ProduceError::Corrupt`].
    pub fn produce(&mut self, message: &[u8]) -> Result<(), ProduceError> {
        self.send(0, message, Wait::Forever)
    }

    /// Publishes `message` (up to 240 bytes) with a kind, waiting for a free slot as `wait` says.
    ///
    /// # Errors
    /// As [`produce`](Self::produce); and [`ProduceError::Full`] with [`Wait::No`],
    /// [`ProduceError::TimedOut`] with a time limit.
    pub fn send(&mut self, kind: u16, message: &[u8], wait: impl Into<Wait>) -> Result<(), ProduceError> {
        self.inner.produce_copied(kind, message, wait.into()).map(drop)
    }

    /// Publishes `message` if a slot is free; if the ring is full, drops and counts it, and returns
    /// `false`: [`Outgoing::send_or_drop`](crate::Outgoing::send_or_drop).
    ///
    /// # Errors
    /// As [`produce`](Self::produce); the message is not counted then.
    pub fn send_or_drop(&mut self, kind: u16, message: &[u8]) -> Result<bool, ProduceError> {
        self.inner.produce_copied_or_drop(kind, message)
    }

    /// Publishes a message of up to 240 bytes times the [number of slots](Self::capacity) over as many
    /// slots as it needs, waiting until all of them are free as `wait` says.
    ///
    /// # Errors
    /// As [`send`](Self::send); nothing is published then.
    pub fn send_large(
        &mut self,
        kind: u16,
        message: &[u8],
        wait: impl Into<Wait>,
    ) -> Result<(), ProduceError> {
        self.inner.produce_large_copied(kind, message, wait.into())
    }

    /// Waits, as a task, until so many slots are free. (Feature `futures`.)
    ///
    /// # Errors
    /// [`ProduceError::ConsumerGone`], [`ProduceError::Corrupt`]; [`ProduceError::Full`] if the ring has
    /// fewer slots.
    #[cfg(feature = "futures")]
    pub fn room(&mut self, slots: usize) -> Room<'_, 'static> {
        self.inner.room(slots)
    }

    /// Slots that are free now, as the consumer says.
    pub fn free_slots(&mut self) -> usize {
        self.inner.free_slots()
    }

    /// Whether somebody may still read: [`Producer::status`].
    ///
    /// # Errors
    /// [`Disconnected`] says why nobody will.
    pub fn status(&self) -> Result<(), Disconnected> {
        self.inner.status()
    }

    /// Slots of the ring.
    pub fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    /// Ends the stream, as dropping does.
    pub fn finish(self) {}

    /// A handle to the ring's counters. They are what the peers say.
    pub fn counters(&self) -> Counters {
        self.inner.counters()
    }
}
