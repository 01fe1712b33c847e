//! The CPU producer.

mod batch;
mod copying;
mod grant;
mod large;
mod outgoing;
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
pub use outgoing::Outgoing;
use perdix_core::{Fault, PAYLOAD_SIZE, Producer as Core, Refused};
pub use records::RecordProducer;
#[cfg(feature = "futures")]
pub use sink::{MessageSink, Room, SinkError};
pub use typed::TypedGrant;
use waiting::Waiting;
pub use writer::Writer;

use crate::counters::Counters;
use crate::error::{Disconnected, ProduceAllError, ProduceError};
use crate::shared::Shared;
use crate::trace;
use crate::wait::Wait;

/// Messages staged before [`Producer::produce_all`] publishes them: enough to spread the cost, few enough that the consumer
/// starts early.
const PUBLISH_EVERY: u64 = 32;

/// The producing half of a [`Buffer`](crate::Buffer), for a CPU thread. Dropping it ends the stream.
///
/// That the consumer is gone shows when the producer next looks at its tail: at the latest after a ring full of messages.
///
/// | to send | call |
/// |---|---|
/// | bytes, up to 240 | [`try_produce`](Self::try_produce), [`produce`](Self::produce) |
/// | the same with a kind, a time limit, dropped when the ring is full; more bytes than 240 | [`message`](Self::message) |
/// | a value of a type | [`value`](Self::value) |
/// | what is written in place | [`reserve`](Self::reserve), [`reserve_value`](Self::reserve_value) |
/// | many messages | [`batch`](Self::batch), [`produce_all`](Self::produce_all) |
/// | small records, a stream of bytes | [`records`](Self::records), [`writer`](Self::writer) |
///
/// Every call that takes a [`Wait`] says there whether and how long it waits while the ring is full; how it
/// waits is the buffer's [`WaitStrategy`](crate::WaitStrategy). Every message has a *kind*, a tag of 16 bits
/// for the user's purposes, 0 unless given.
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
    /// [`ProduceError::Full`], [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`] or
    /// [`ProduceError::Corrupt`]. What has become of kernels that consume it asks with every 256th try that
    /// finds the ring full ([`ProduceError::ConsumerLost`]).
    #[doc(alias = "try_send")]
    #[inline]
    pub fn try_produce(&mut self, message: &[u8]) -> Result<(), ProduceError> {
        self.message(message).wait(Wait::No).send()
    }

    /// Publishes `message` (up to 240 bytes), waiting while the ring is full.
    ///
    /// # Errors
    /// [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`], [`ProduceError::ConsumerLost`] or
    /// [`ProduceError::Corrupt`].
    #[doc(alias = "send")]
    #[inline]
    pub fn produce(&mut self, message: &[u8]) -> Result<(), ProduceError> {
        self.message(message).send()
    }

    /// Messages dropped that no gap marker reports yet: it waits for a free slot, or for the end of the stream.
    pub fn unreported_drops(&mut self) -> u64 {
        self.core().unreported()
    }

    /// Whether somebody may still read: `Ok` while the consumer is there.
    ///
    /// # Errors
    /// [`Disconnected`] says why nobody will.
    pub fn status(&self) -> Result<(), Disconnected> {
        if self.core.consumer_disconnected() {
            return Err(Disconnected::Gone);
        }
        match self.waiting.lost() {
            Some(why) => Err(Disconnected::Lost { why }),
            None => Ok(()),
        }
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
                    Refused::Full => self.wait_for(1, Wait::Forever),
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

    /// Reserves the next slot for `len` bytes (up to 240), to be written in place, waiting for it as `wait`
    /// says.
    ///
    /// # Errors
    /// As [`Outgoing::send`].
    #[inline]
    pub fn reserve(&mut self, len: usize, wait: impl Into<Wait>) -> Result<Grant<'_>, ProduceError> {
        self.room_for(len, wait.into())?;
        Ok(Grant::new(self.core(), len))
    }

    /// Begins a batch of up to `most` messages that are published together. It has room for as many as there
    /// are free slots now, at least one, for which it waits as `wait` says. (With `most` 0 it has no room.)
    ///
    /// # Errors
    /// As [`Outgoing::send`], but for the length.
    #[inline]
    pub fn batch(&mut self, most: usize, wait: impl Into<Wait>) -> Result<Batch<'_>, ProduceError> {
        let most = (most as u64).min(self.shared.ring.capacity());
        let core = self.core();
        core.abandon();
        // A short look at the cached credit first; the tail is read only if that is not enough for all. One
        // free slot will do, and is not counted as a full ring.
        if core.credit() < most {
            if let Err(refused) = core.renew(1) {
                self.waiting.wait_after(refused, &mut self.core, wait.into())?;
            }
        }
        let core = self.core();
        let room = core.credit().min(most);
        Ok(Batch::new(core, room))
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

    /// Publishes `message` with a kind, waiting no longer than `limit`; its number.
    pub(crate) fn produce_numbered(
        &mut self,
        kind: u16,
        message: &[u8],
        limit: Duration,
    ) -> Result<u64, ProduceError> {
        self.room_for(message.len(), limit.into())?;
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

    /// Makes sure of a free slot for `len` bytes, with nothing staged.
    #[inline]
    fn room_for(&mut self, len: usize, wait: Wait) -> Result<(), ProduceError> {
        if len > PAYLOAD_SIZE {
            return Err(ProduceError::TooLong { len, limit: PAYLOAD_SIZE });
        }
        self.core().abandon();
        if self.core().credit() != 0 { Ok(()) } else { self.wait_for(1, wait) }
    }

    /// Makes sure of `slots` free slots, waiting as `wait` says.
    #[cold]
    fn wait_for(&mut self, slots: u64, wait: Wait) -> Result<(), ProduceError> {
        self.waiting.wait_for(&mut self.core, slots, wait)
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
        Refused::Disconnected => {
            // Not even a call that does nothing: it would cost the hot path an instruction.
            #[cfg(feature = "tracing")]
            trace::consumer_gone(core.ring());
            ProduceError::ConsumerGone
        }
        Refused::TooLong => ProduceError::TooLong { len, limit: PAYLOAD_SIZE },
        Refused::CorruptTail => ProduceError::Corrupt,
    }
}
