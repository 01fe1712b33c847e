//! The consumer.

mod batch;
#[cfg(target_os = "linux")]
mod copying;
mod iter;
mod large;
mod look;
mod message;
mod reader;
mod records;
mod recv;
#[cfg(feature = "futures")]
mod stream;
mod typed;

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

pub use batch::MessageBatch;
pub use iter::{IntoMessages, Messages};
pub use large::Large;
pub use message::{Message, MessageRef, OwnedMessage};
use perdix_core::{Consumer as Core, Corruption, Meta, Poll};
pub use reader::Reader;
pub use records::RecordBatch;
pub use recv::RecvTimeoutError;
#[cfg(feature = "futures")]
pub use stream::{MessageStream, Ready};
pub use typed::TypedMessage;

use crate::cores::ReadPosition;
use crate::counterpart::Counterpart;
use crate::counters::Counters;
use crate::error::ConsumeError;
use crate::shared::Shared;
use crate::trace;
use crate::wait::Waiter;

/// The consuming half of a [`Buffer`], whoever produces. Dropping it tells the producer that nobody reads any more.
///
/// Calls that begin with `try_` never wait; the others wait while the ring is empty, as the buffer's
/// [`WaitStrategy`](crate::WaitStrategy) says, and can be given a time limit. Messages come in the order in which they were
/// produced, each exactly once.
///
/// A consumer that is forgotten (`std::mem::forget`) does not tell the producer. When its buffer is split again, what it had taken and
/// not handed back by then may come again: see [`Builder::release_every`](crate::Builder::release_every).
// Aligned so that it shares no cache line with the other half.
#[derive(Debug)]
#[repr(align(128))]
pub struct Consumer<'a> {
    /// Its state; parked in the buffer when it is dropped.
    core: ManuallyDrop<Core>,
    /// What readers have read of the next message.
    read: ReadPosition,
    /// Who produces.
    producer: Arc<dyn Counterpart>,
    shared: Arc<Shared>,
    /// Borrows the buffer, and (as `Cell` is not `Sync`) keeps the half to one thread at a time.
    borrow: PhantomData<(&'a mut Shared, std::cell::Cell<()>)>,
}

impl<'a> Consumer<'a> {
    /// The half of this ring with the state `core`, which nobody else has.
    pub(crate) fn new(shared: Arc<Shared>, core: Core, read: ReadPosition) -> Self {
        let producer = shared.producer.get();
        let mut half = Self { core: ManuallyDrop::new(core), read, producer, shared, borrow: PhantomData };
        half.learn_producer();
        half
    }

    /// The next message, if it is there.
    ///
    /// `None` means nothing now. Whether something may still come, [`status`](Self::status) tells; and if messages were dropped here,
    /// nothing comes before it has told that.
    #[doc(alias = "try_recv")]
    #[inline]
    pub fn try_consume(&mut self) -> Option<Message<'_>> {
        match self.poll() {
            Ok(Poll::Ready(meta)) => Some(Message::take(self.core(), meta)),
            _ => None,
        }
    }

    /// The next message, waiting for it.
    ///
    /// # Errors
    /// [`ConsumeError::EndOfStream`], [`ConsumeError::Corrupt`]; with a producer that drops messages when the ring is full
    /// [`ConsumeError::Gap`]; with a GPU producer also [`ConsumeError::ProducerFailed`] and [`ConsumeError::ProducerLost`].
    #[doc(alias = "recv")]
    #[inline]
    pub fn consume(&mut self) -> Result<Message<'_>, ConsumeError> {
        let meta = self.wait_for_message(None)?;
        Ok(Message::take(self.core(), meta))
    }

    /// The next message, waiting no longer than `limit`.
    ///
    /// # Errors
    /// As [`consume`](Self::consume), and [`ConsumeError::TimedOut`].
    #[inline]
    pub fn consume_timeout(&mut self, limit: Duration) -> Result<Message<'_>, ConsumeError> {
        let meta = self.wait_for_message(Some(limit))?;
        Ok(Message::take(self.core(), meta))
    }

    /// All messages that are there, up to `most`, as one guard; `None` if there are none (or `most` is 0).
    #[inline]
    pub fn try_consume_batch(&mut self, most: usize) -> Option<MessageBatch<'_>> {
        match self.core().run_sized(most as u64) {
            (0, _) => {
                // Nothing to hand out: let the producer have all its credit.
                let _ = self.poll();
                None
            }
            (count, bytes) => Some(MessageBatch::take(self.core(), count, bytes)),
        }
    }

    /// [`try_consume_batch`](Self::try_consume_batch), waiting until there is at least one message.
    ///
    /// # Errors
    /// As [`consume`](Self::consume). With `most` 0 the batch is empty.
    pub fn consume_batch(&mut self, most: usize) -> Result<MessageBatch<'_>, ConsumeError> {
        self.batch_within(most, None)
    }

    /// [`consume_batch`](Self::consume_batch), waiting no longer than `limit`.
    ///
    /// # Errors
    /// As [`consume`](Self::consume), and [`ConsumeError::TimedOut`].
    pub fn consume_batch_timeout(
        &mut self,
        most: usize,
        limit: Duration,
    ) -> Result<MessageBatch<'_>, ConsumeError> {
        self.batch_within(most, Some(limit))
    }

    /// Calls `each` with every message that is there now, at most a ring full, and says how many there were. The slots are
    /// released as it goes.
    pub fn drain(&mut self, mut each: impl FnMut(MessageRef<'_>)) -> usize {
        let mut left = self.shared.ring.capacity() as usize;
        let mut count = 0;
        while let Some(batch) = self.try_consume_batch(left.min(32)) {
            batch.iter().for_each(&mut each);
            count += batch.len();
            left -= batch.len();
        }
        count
    }

    /// Calls `each` with every message until the end of the stream, waiting for them, and says how many there were.
    ///
    /// # Errors
    /// As [`consume`](Self::consume), but for the end of the stream; everything before has been delivered. After
    /// [`ConsumeError::Gap`] call it again.
    pub fn for_each(&mut self, mut each: impl FnMut(MessageRef<'_>)) -> Result<u64, ConsumeError> {
        let mut count = 0;
        loop {
            match self.consume_batch(32) {
                Ok(batch) => {
                    batch.iter().for_each(&mut each);
                    count += batch.len() as u64;
                }
                Err(ConsumeError::EndOfStream) => return Ok(count),
                Err(error) => return Err(error),
            }
        }
    }

    /// An iterator over copies of the messages; it waits for each and ends at the end of the stream.
    pub fn messages(&mut self) -> Messages<'_, 'a> {
        Messages::new(self)
    }

    /// How many messages are there now. Counts them, so it costs a look at each; at most the number of slots.
    pub fn available(&mut self) -> usize {
        self.core().run(u64::MAX) as usize
    }

    /// Whether messages may still come: `Ok` while the stream is open or something is left to read.
    ///
    /// # Errors
    /// [`ConsumeError::EndOfStream`] if the stream has ended and all is read, [`ConsumeError::Gap`] (once) if messages were dropped
    /// before the next one, and the other reasons why nothing will come.
    pub fn status(&mut self) -> Result<(), ConsumeError> {
        match self.poll()? {
            Poll::Gap(_) => self.gap(),
            Poll::Ended => Err(self.end()),
            Poll::Ready(_) => Ok(()),
            Poll::Empty => self.check_producer(),
        }
    }

    /// How many messages the producer dropped before the next one, because the ring was full: `None` for none. The same as
    /// [`ConsumeError::Gap`], for those who look first.
    ///
    /// ```
    /// let mut buffer = perdix_host::Buffer::new(2)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// for i in 0..5_u8 {
    ///     producer.produce_or_drop(&[i])?; // the last three find the ring full
    /// }
    /// assert_eq!(consumer.drain(|_| ()), 2);
    /// assert!(producer.produce_or_drop(&[5])?);
    /// assert_eq!(consumer.take_gap(), Some(3));
    /// assert_eq!(consumer.try_consume().as_deref(), Some(&[5][..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_gap(&mut self) -> Option<u64> {
        // The look publishes what was consumed before the gap: should this process die, another one knows which gaps were told.
        let Ok(Poll::Gap(_)) = self.poll() else { return None };
        let core = self.core();
        let dropped = core.take_gap();
        core.settle();
        dropped
    }

    /// The number of the next message, from 0. Numbers are those of slots: parts of large messages count, and notices of gaps.
    pub fn position(&mut self) -> u64 {
        self.core().next()
    }

    /// Slots of the ring.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity() as usize
    }

    /// A handle to the ring's counters.
    pub fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.shared))
    }

    /// The next message, which a poll has found with this meta, without taking it.
    pub(crate) fn peek(&mut self, meta: Meta) -> MessageRef<'_> {
        let core = self.core();
        // SAFETY: the poll saw the message with this meta, and its slot is handed back no sooner than it is taken, which borrows the half.
        unsafe { MessageRef::at(core, core.next(), meta) }
    }

    #[inline(always)]
    pub(crate) fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    /// Leaves; a share of the ring's memory.
    pub(crate) fn end_reading(self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Tells the protocol whether a core produces. Another process may not have taken its role before.
    pub(crate) fn learn_producer(&mut self) {
        self.core.set_cpu_producer(self.producer.is_core());
    }

    /// Looks for the next message; no guard exists now, so an idle look releases what forgotten guards held.
    #[inline(always)]
    pub(crate) fn poll(&mut self) -> Result<Poll, Corruption> {
        let core = self.core();
        match core.ready(core.next())? {
            Some(meta) => Ok(Poll::Ready(meta)),
            None => {
                core.settle();
                core.poll()
            }
        }
    }

    #[inline]
    fn batch_within(
        &mut self,
        most: usize,
        limit: Option<Duration>,
    ) -> Result<MessageBatch<'_>, ConsumeError> {
        self.wait_for_message(limit)?;
        let (count, bytes) = self.core().run_sized(most as u64);
        Ok(MessageBatch::take(self.core(), count, bytes))
    }

    #[inline]
    pub(crate) fn wait_for_message(&mut self, limit: Option<Duration>) -> Result<Meta, ConsumeError> {
        match self.poll()? {
            Poll::Ready(meta) => Ok(meta),
            Poll::Empty => self.wait_long(limit),
            Poll::Gap(_) => self.gap().and_then(|()| self.wait_long(limit)),
            Poll::Ended => Err(self.end()),
        }
    }

    #[inline(never)]
    fn wait_long(&mut self, limit: Option<Duration>) -> Result<Meta, ConsumeError> {
        self.learn_producer();
        let run = self.core().begin_wait();
        let mut waiter = Waiter::after_run(self.shared.waits.consumer, limit, run);
        loop {
            match self.poll()? {
                Poll::Ready(meta) => return Ok(meta),
                Poll::Ended => return Err(self.end()),
                // A gap that hostile memory has taken back is none: that must not make a loop without a limit.
                Poll::Gap(_) => self.gap()?,
                Poll::Empty => {}
            }
            waiter.pause().map_err(|waited| {
                trace::timed_out(&self.shared.ring, "consumer", waited);
                ConsumeError::TimedOut { waited }
            })?;
            if waiter.is_time_to_look() {
                self.check_producer()?;
            }
        }
    }

    /// Goes on behind the gap that a poll found, and says so. (One that hostile memory has taken back meanwhile is none.)
    #[cold]
    fn gap(&mut self) -> Result<(), ConsumeError> {
        match self.take_gap() {
            Some(dropped) => Err(ConsumeError::Gap { dropped, position: self.position() }),
            None => Ok(()),
        }
    }

    /// Why the stream ended.
    #[cold]
    fn end(&mut self) -> ConsumeError {
        match self.core().fault() {
            Some(fault) => {
                let first_missing = self.position();
                trace::failed(&self.shared.ring, fault, first_missing);
                ConsumeError::ProducerFailed { fault, first_missing }
            }
            None => ConsumeError::EndOfStream,
        }
    }

    /// Asks what has become of whoever produces: every wait does so here. Nothing is lost if it is no more: whatever
    /// it published is visible then, so one more look decides.
    #[cold]
    fn check_producer(&mut self) -> Result<(), ConsumeError> {
        let Some(why) = self.producer.lost() else { return Ok(()) };
        match self.look_to_the_end()? {
            Poll::Ready(_) => Ok(()),
            Poll::Ended => Err(self.end()),
            Poll::Gap(_) => self.gap(),
            Poll::Empty => match self.core().take_untold() {
                // It dropped messages, and came to no notice of that.
                Some(dropped) => Err(ConsumeError::Gap { dropped, position: self.position() }),
                None => {
                    let first_missing = self.position();
                    trace::lost(&self.shared.ring, &why, first_missing);
                    Err(ConsumeError::ProducerLost { first_missing, why })
                }
            },
        }
    }

    /// Polls until nothing is found at one place: a poll that passes over a marker of no gap finds nothing, and the next message
    /// may be behind it. No further than a ring full, whatever the memory says.
    fn look_to_the_end(&mut self) -> Result<Poll, Corruption> {
        let mut found = Poll::Empty;
        for _ in 0..=self.capacity() {
            let before = self.position();
            found = self.poll()?;
            if !matches!(found, Poll::Empty) || self.position() == before {
                break;
            }
        }
        Ok(found)
    }
}

impl Drop for Consumer<'_> {
    fn drop(&mut self) {
        let is_over = |error| {
            use ConsumeError::{EndOfStream, ProducerFailed, ProducerLost};
            matches!(error, EndOfStream | ProducerFailed { .. } | ProducerLost { .. })
        };
        let messages = self.core().taken().0;
        trace::left(&self.shared.ring, messages);
        let over = self.producer.is_elsewhere() && self.status().is_err_and(is_over);
        self.core().leave();
        // SAFETY: the half is being dropped, and nothing uses its state after this.
        let core = unsafe { ManuallyDrop::take(&mut self.core) };
        self.shared.park_consumer(core, self.read);
        self.producer.leave(over);
    }
}
