//! The CPU producer.

mod batch;
#[cfg(target_os = "linux")]
mod copying;
mod grant;
mod large;
mod records;
#[cfg(feature = "futures")]
mod sink;
mod typed;
mod waiting;
mod writer;

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

pub use batch::Batch;
pub use grant::Grant;
use perdix_core::{Fault, PAYLOAD_SIZE, Producer as Core, Refused};
pub use records::RecordProducer;
#[cfg(feature = "futures")]
pub use sink::{MessageSink, Room, SinkError};
pub use typed::TypedGrant;
use waiting::Waiting;
pub use writer::Writer;

use crate::counters::Counters;
use crate::error::{ProduceAllError, ProduceError};
use crate::shared::Shared;
use crate::trace;

/// Messages staged before [`Producer::produce_all`] publishes them: enough to spread the cost, few enough that the consumer
/// starts early.
const PUBLISH_EVERY: u64 = 32;

/// The producing half of a [`Buffer`], for a CPU thread. Dropping it ends the stream.
///
/// That the consumer is gone shows when the producer next looks at its tail: at the latest after a ring full of messages.
///
/// Calls that begin with `try_` never wait; the others wait while the ring is full, as the buffer's
/// [`WaitStrategy`](crate::WaitStrategy) says, and can be given a time limit. Every message has a *kind*, a tag of 16 bits for
/// the user's purposes, 0 unless given.
///
/// A producer that is forgotten (`std::mem::forget`) does not end the stream. When its buffer is split again, what it
/// had published is there.
// Aligned so that it shares no cache line with the other half.
#[derive(Debug)]
#[repr(align(128))]
pub struct Producer<'a> {
    /// Its state; parked in the buffer when it is dropped.
    core: ManuallyDrop<Core>,
    waiting: Waiting,
    shared: Arc<Shared>,
    /// Borrows the buffer, and (as `Cell` is not `Sync`) keeps the half to one thread at a time.
    borrow: PhantomData<(&'a mut Shared, std::cell::Cell<()>)>,
}

impl Producer<'_> {
    /// The half of this ring with the state `core`, which nobody else has.
    pub(crate) fn new(shared: Arc<Shared>, core: Core) -> Self {
        let waiting = Waiting::new(shared.waits.producer, shared.consumer.get());
        Self { core: ManuallyDrop::new(core), waiting, shared, borrow: PhantomData }
    }

    /// Publishes `message` (up to 240 bytes) if a slot is free.
    ///
    /// # Errors
    /// [`ProduceError::Full`], [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`] or [`ProduceError::Corrupt`].
    #[doc(alias = "try_send")]
    #[inline]
    pub fn try_produce(&mut self, message: &[u8]) -> Result<(), ProduceError> {
        self.try_produce_kind(0, message)
    }

    /// [`try_produce`](Self::try_produce) with a kind.
    ///
    /// # Errors
    /// As [`try_produce`](Self::try_produce).
    #[inline]
    pub fn try_produce_kind(&mut self, kind: u16, message: &[u8]) -> Result<(), ProduceError> {
        let core = self.core();
        core.push(kind, 0, message).map_err(|refused| explain(refused, core, message.len(), 1))
    }

    /// Publishes `message` (up to 240 bytes), waiting while the ring is full.
    ///
    /// # Errors
    /// [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`] or [`ProduceError::Corrupt`].
    #[doc(alias = "send")]
    #[inline]
    pub fn produce(&mut self, message: &[u8]) -> Result<(), ProduceError> {
        self.produce_kind(0, message)
    }

    /// [`produce`](Self::produce) with a kind.
    ///
    /// # Errors
    /// As [`produce`](Self::produce).
    #[inline]
    pub fn produce_kind(&mut self, kind: u16, message: &[u8]) -> Result<(), ProduceError> {
        match self.core().push(kind, 0, message) {
            Ok(()) => Ok(()),
            Err(refused) => self.produce_slowly(refused, kind, message, None),
        }
    }

    /// [`produce`](Self::produce), waiting no longer than `limit`.
    ///
    /// # Errors
    /// As [`produce`](Self::produce), and [`ProduceError::TimedOut`].
    pub fn produce_timeout(&mut self, message: &[u8], limit: Duration) -> Result<(), ProduceError> {
        match self.core().push(0, 0, message) {
            Ok(()) => Ok(()),
            Err(refused) => self.produce_slowly(refused, 0, message, Some(limit)),
        }
    }

    /// Publishes `message` if a slot is free; if the ring is full, drops and counts it, and returns `false`.
    ///
    /// The consumer learns how many messages are missing, in their place ([`ConsumeError::Gap`](crate::ConsumeError::Gap)). That takes
    /// a slot of its own ahead of the next message, so after a drop messages are dropped until two slots are free. (On a ring of one slot the
    /// notice goes first and the message is dropped; under lasting pressure such a ring carries nothing but notices.)
    ///
    /// # Errors
    /// [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`] or [`ProduceError::Corrupt`]; the message is not counted then.
    pub fn produce_or_drop(&mut self, message: &[u8]) -> Result<bool, ProduceError> {
        self.produce_or_drop_kind(0, message)
    }

    /// [`produce_or_drop`](Self::produce_or_drop) with a kind.
    ///
    /// # Errors
    /// As [`produce_or_drop`](Self::produce_or_drop).
    pub fn produce_or_drop_kind(&mut self, kind: u16, message: &[u8]) -> Result<bool, ProduceError> {
        let core = self.core();
        core.push_or_drop(kind, 0, message).map_err(|refused| explain(refused, core, message.len(), 1))
    }

    /// Messages dropped since the consumer was last told of any: its notice waits for a free slot, or for the end of the stream.
    pub fn untold_drops(&mut self) -> u64 {
        self.core().gap()
    }

    /// Publishes every message of an iterator, several under one publication, waiting while the ring is full. Returns how many.
    ///
    /// # Errors
    /// [`ProduceAllError`] says how many were published before the first that could not be.
    pub fn produce_all<I>(&mut self, messages: I) -> Result<u64, ProduceAllError>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.core().abandon();
        let mut sent = 0;
        for message in messages {
            let message = message.as_ref();
            while let Err(refused) = self.core().stage(0, 0, message) {
                sent += self.core().publish();
                let waited = match refused {
                    Refused::Full => self.wait_for(1, None),
                    other => Err(explain(other, self.core(), message.len(), 1)),
                };
                waited.map_err(|source| ProduceAllError { sent, source })?;
            }
            if self.core().staged() >= PUBLISH_EVERY {
                sent += self.core().publish();
            }
        }
        Ok(sent + self.core().publish())
    }

    /// Reserves the next slot for `len` bytes (up to 240), to be written in place, if one is free.
    ///
    /// # Errors
    /// As [`try_produce`](Self::try_produce).
    #[inline]
    pub fn try_reserve(&mut self, len: usize) -> Result<Grant<'_>, ProduceError> {
        self.reserve_within(len, Some(Duration::ZERO)).map_err(|error| match error {
            ProduceError::TimedOut { .. } => {
                ProduceError::Full { needed: 1, capacity: self.shared.ring.capacity() }
            }
            other => other,
        })?;
        Ok(Grant::new(self.core(), len))
    }

    /// [`try_reserve`](Self::try_reserve), waiting while the ring is full.
    ///
    /// # Errors
    /// As [`produce`](Self::produce).
    #[inline]
    pub fn reserve(&mut self, len: usize) -> Result<Grant<'_>, ProduceError> {
        self.reserve_within(len, None)?;
        Ok(Grant::new(self.core(), len))
    }

    /// [`reserve`](Self::reserve), waiting no longer than `limit`.
    ///
    /// # Errors
    /// As [`produce`](Self::produce), and [`ProduceError::TimedOut`].
    pub fn reserve_timeout(&mut self, len: usize, limit: Duration) -> Result<Grant<'_>, ProduceError> {
        self.reserve_within(len, Some(limit))?;
        Ok(Grant::new(self.core(), len))
    }

    /// Begins a batch of up to `most` messages that are published together; it has as many as are free now, at least one.
    ///
    /// # Errors
    /// [`ProduceError::Full`] if no slot is free (or `most` is 0), [`ProduceError::ConsumerGone`], [`ProduceError::Corrupt`].
    #[inline]
    pub fn try_batch(&mut self, most: usize) -> Result<Batch<'_>, ProduceError> {
        let most = (most as u64).min(self.shared.ring.capacity());
        let core = self.core();
        core.abandon();
        // A short look at the cached credit first; the tail is read only if that is not enough for all. One free slot will
        // do, and is not counted as a full ring.
        if core.credit() < most {
            core.renew(1).map_err(|refused| explain(refused, core, 0, 1))?;
        }
        match core.credit().min(most) {
            0 => Err(explain(Refused::Full, core, 0, 1)),
            room => Ok(Batch::new(core, room)),
        }
    }

    /// [`try_batch`](Self::try_batch), waiting until at least one slot is free.
    ///
    /// # Errors
    /// [`ProduceError::ConsumerGone`] or [`ProduceError::Corrupt`]; [`ProduceError::Full`] only if `most` is 0.
    pub fn batch(&mut self, most: usize) -> Result<Batch<'_>, ProduceError> {
        self.core().abandon();
        if most != 0 {
            self.wait_for(1, None)?;
        }
        self.try_batch(most)
    }

    /// Slots that are free now, read from the consumer's tail.
    pub fn free_slots(&mut self) -> usize {
        let core = self.core();
        core.abandon();
        // Only the refreshed credit counts here; that the consumer is gone is no error, and no slots are asked for, so that
        // a look is not counted as a full ring.
        let _ = core.renew(0);
        core.credit() as usize
    }

    /// Whether the consumer was dropped; if kernels consume, whether they have left or have ended.
    pub fn is_consumer_gone(&self) -> bool {
        self.core.consumer_gone() || self.consumer_lost().is_some()
    }

    /// Why nobody will read any more although no consumer has said so: what became of the kernels that consumed. `None` while some may
    /// read, and on a ring whose consumer is a thread.
    pub fn consumer_lost(&self) -> Option<String> {
        self.waiting.lost()
    }

    /// Publishes `message` (up to 240 bytes) in whole words, each stored once, waiting no longer than `limit`; its number. For rings to
    /// which nothing is written in place.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code))] // only kernels can do with less than a published order
    pub(crate) fn produce_words(
        &mut self,
        kind: u16,
        message: &[u8],
        limit: Duration,
    ) -> Result<u64, ProduceError> {
        self.reserve_within(message.len(), Some(limit))?;
        let core = self.core();
        let number = core.head();
        let word = |i: usize| {
            let bytes = message.get(8 * i..).unwrap_or_default();
            let mut word = [0; 8];
            word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(word)
        };
        core.push_pairs(kind, 0, message.len(), |pair| [word(2 * pair), word(2 * pair + 1)])
            .map_err(|refused| explain(refused, core, message.len(), 1))?;
        Ok(number)
    }

    /// [`produce_kind`](Self::produce_kind), waiting no longer than `limit`; the message's number.
    pub(crate) fn produce_numbered(
        &mut self,
        kind: u16,
        message: &[u8],
        limit: Duration,
    ) -> Result<u64, ProduceError> {
        self.reserve_within(message.len(), Some(limit))?;
        let core = self.core();
        let number = core.head();
        core.push(kind, 0, message).map_err(|refused| explain(refused, core, message.len(), 1))?;
        Ok(number)
    }

    /// Slots of the ring.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity() as usize
    }

    /// Ends the stream. Dropping the producer does the same, unless its thread is panicking: then the consumer is told
    /// ([`ConsumeError::ProducerFailed`](crate::ConsumeError::ProducerFailed) with [`Fault::Panicked`]).
    pub fn finish(self) {}

    /// A handle to the ring's counters.
    pub fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.shared))
    }

    /// Ends the stream; a share of the ring's memory.
    pub(crate) fn end(self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    #[inline(always)]
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    #[inline]
    fn reserve_within(&mut self, len: usize, limit: Option<Duration>) -> Result<(), ProduceError> {
        if len > PAYLOAD_SIZE {
            return Err(ProduceError::TooLong { len, limit: PAYLOAD_SIZE });
        }
        self.core().abandon();
        if self.core().credit() != 0 { Ok(()) } else { self.wait_for(1, limit) }
    }

    #[cold]
    fn produce_slowly(
        &mut self,
        refused: Refused,
        kind: u16,
        message: &[u8],
        limit: Option<Duration>,
    ) -> Result<(), ProduceError> {
        if refused == Refused::Full {
            self.wait_for(1, limit)?;
        }
        let core = self.core();
        core.push(kind, 0, message).map_err(|refused| explain(refused, core, message.len(), 1))
    }

    /// Waits until `slots` slots are free.
    #[cold]
    fn wait_for(&mut self, slots: u64, limit: Option<Duration>) -> Result<(), ProduceError> {
        self.waiting.wait_for(&mut self.core, slots, limit)
    }
}

impl Drop for Producer<'_> {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        if panicking {
            // Not an end that anybody wanted: the consumer must not take what came for all there is.
            self.core().fail(Fault::Panicked);
        } else {
            self.core().finish();
        }
        let messages = self.core().counts().0;
        trace::produced(&self.shared.ring, messages, panicking);
        // SAFETY: the half is being dropped, and nothing uses its state after this.
        let core = unsafe { ManuallyDrop::take(&mut self.core) };
        self.shared.park_producer(core);
        self.waiting.leave();
    }
}

/// The user's words for a refusal of the protocol.
fn explain(refused: Refused, core: &Core, len: usize, needed: u64) -> ProduceError {
    match refused {
        Refused::Full => ProduceError::Full { needed, capacity: core.ring().capacity() },
        Refused::ConsumerGone => {
            // Not even a call that does nothing: it would cost the hot path an instruction.
            #[cfg(feature = "tracing")]
            trace::consumer_gone(core.ring());
            ProduceError::ConsumerGone
        }
        Refused::TooLong => ProduceError::TooLong { len, limit: PAYLOAD_SIZE },
        Refused::CorruptTail => ProduceError::Corrupt,
    }
}
