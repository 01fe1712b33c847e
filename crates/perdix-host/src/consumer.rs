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
#[cfg(feature = "futures")]
mod stream;
mod typed;
mod waiting;

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

pub use batch::MessageBatch;
pub use iter::{IntoMessages, Messages};
pub use large::Large;
pub use message::{Message, MessageRef, OwnedMessage};
use perdix_core::{Consumer as Core, Meta, Poll};
pub use reader::Reader;
pub use records::RecordBatch;
#[cfg(feature = "futures")]
pub use stream::{MessageStream, Ready};
pub use typed::TypedMessage;

use crate::cores::ReadPosition;
use crate::counterpart::Counterpart;
use crate::counters::Counters;
use crate::error::ConsumeError;
use crate::shared::Shared;
use crate::trace;
use crate::wait::{Tries, Wait};

/// The consuming half of a [`Buffer`](crate::Buffer), whoever produces. Dropping it tells the producer that nobody reads any more.
///
/// | to get | call |
/// |---|---|
/// | the next message | [`try_consume`](Self::try_consume), [`consume`](Self::consume) |
/// | the same, or why there is none | [`try_next`](Self::try_next), [`next`](Self::next) |
/// | many messages | [`batch`](Self::batch), [`drain`](Self::drain), [`for_each`](Self::for_each), [`messages`](Self::messages) |
/// | a message of more than 240 bytes | [`large`](Self::large) |
/// | a value of a type | [`value`](Self::value), [`value_copy`](Self::value_copy) |
/// | small records, a stream of bytes | [`records`](Self::records), [`for_each_record`](Self::for_each_record), [`reader`](Self::reader) |
///
/// Every call that takes a [`Wait`] says there whether and how long it waits while the ring is empty; how it
/// waits is the buffer's [`WaitStrategy`](crate::WaitStrategy). Messages come in the order in which they were
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
    /// Tries that found the ring empty.
    tries: Tries,
    /// Borrows the buffer, and (as `Cell` is not `Sync`) keeps the half to one thread at a time.
    borrow: PhantomData<(&'a mut Shared, std::cell::Cell<()>)>,
}

impl<'a> Consumer<'a> {
    /// The half of this ring with the state `core`, which nobody else has.
    pub(crate) fn new(shared: Arc<Shared>, core: Core, read: ReadPosition) -> Self {
        let producer = shared.producer.get();
        let (core, tries) = (ManuallyDrop::new(core), Tries::default());
        let mut half = Self { core, read, producer, shared, tries, borrow: PhantomData };
        half.learn_producer();
        half
    }

    /// The next message, if it is there.
    ///
    /// `None` means nothing now, whatever the reason. If messages were dropped here, nothing comes before
    /// another call has told that: a loop that polls uses [`try_next`](Self::try_next), which says why there
    /// is nothing.
    #[inline]
    pub fn try_consume(&mut self) -> Option<Message<'_>> {
        match self.poll() {
            Ok(Poll::Ready(meta)) => Some(Message::take(self.core(), meta)),
            _ => None,
        }
    }

    /// The next message if it is there; if not, the error says why not. The call for loops that poll.
    ///
    /// ```
    /// use perdix_host::ConsumeError;
    /// let mut buffer = perdix_host::Buffer::new(2)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// for i in 0..5_u8 {
    ///     producer.message(&[i]).send_or_drop()?; // the last three find the ring full
    /// }
    /// producer.finish();
    /// let mut sum = 0;
    /// loop {
    ///     match consumer.try_next() {
    ///         Ok(message) => sum += message[0],
    ///         Err(ConsumeError::Empty) => std::hint::spin_loop(), // or do something else
    ///         Err(ConsumeError::Gap { dropped, .. }) => assert_eq!(dropped, 3),
    ///         Err(ConsumeError::EndOfStream) => break,
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// assert_eq!(sum, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConsumeError::Empty`] if a message may still come, [`ConsumeError::Gap`] (once) where messages were
    /// dropped, and the reasons why nothing will come, as [`consume`](Self::consume). What has become of
    /// kernels or of another process it asks with every 256th try that finds nothing.
    #[doc(alias = "try_recv")]
    #[inline]
    pub fn try_next(&mut self) -> Result<Message<'_>, ConsumeError> {
        self.next(Wait::No)
    }

    /// The next message, waiting for it as `wait` says.
    ///
    /// # Errors
    /// As [`consume`](Self::consume); and [`ConsumeError::Empty`] with [`Wait::No`],
    /// [`ConsumeError::TimedOut`] with a time limit.
    #[doc(alias = "recv_timeout")]
    #[inline]
    pub fn next(&mut self, wait: impl Into<Wait>) -> Result<Message<'_>, ConsumeError> {
        let meta = self.find(wait.into())?;
        Ok(Message::take(self.core(), meta))
    }

    /// The messages that are there, up to `most`, as one guard; if there are none, waits for the first as
    /// `wait` says. With `most` 0 the batch is empty.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    #[inline]
    pub fn batch(&mut self, most: usize, wait: impl Into<Wait>) -> Result<MessageBatch<'_>, ConsumeError> {
        self.find(wait.into())?;
        let (count, bytes) = self.core().available_sized(most as u64);
        Ok(MessageBatch::take(self.core(), count, bytes))
    }

    /// The next message, waiting for it.
    ///
    /// # Errors
    /// [`ConsumeError::EndOfStream`], [`ConsumeError::Corrupt`]; with a producer that drops messages when the ring is full
    /// [`ConsumeError::Gap`]; with a GPU producer also [`ConsumeError::ProducerFailed`] and [`ConsumeError::ProducerLost`].
    #[doc(alias = "recv")]
    #[inline]
    pub fn consume(&mut self) -> Result<Message<'_>, ConsumeError> {
        let meta = self.find(Wait::Forever)?;
        Ok(Message::take(self.core(), meta))
    }

    /// Calls `each` with every message that is there now, at most a ring full, and says how many there were.
    /// The slots are released as it goes.
    ///
    /// # Errors
    /// If there was none, the reason, as [`try_next`](Self::try_next) gives it, but for
    /// [`ConsumeError::Empty`]: then it is `Ok(0)`. So a loop over `drain` learns of gaps and of the end.
    ///
    /// ```
    /// use perdix_host::ConsumeError;
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.produce_all([b"one", b"two"])?;
    /// producer.finish();
    /// assert_eq!(consumer.drain(|message| println!("{message:?}")), Ok(2));
    /// assert_eq!(consumer.drain(|_| ()), Err(ConsumeError::EndOfStream));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain(&mut self, mut each: impl FnMut(MessageRef<'_>)) -> Result<usize, ConsumeError> {
        let mut left = self.capacity();
        let mut count = 0;
        while left != 0 {
            // What stops it behind some messages is found again, and told, by the next call.
            if count != 0 && !matches!(self.poll(), Ok(Poll::Ready(_))) {
                break;
            }
            match self.batch(left.min(32), Wait::No) {
                Ok(batch) => {
                    batch.iter().for_each(&mut each);
                    count += batch.len();
                    left -= batch.len();
                }
                Err(ConsumeError::Empty) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// Calls `each` with every message until the end of the stream, waiting for them, and says how many there were.
    ///
    /// # Errors
    /// As [`consume`](Self::consume), but for the end of the stream; everything before has been delivered. After
    /// [`ConsumeError::Gap`] call it again.
    pub fn for_each(&mut self, mut each: impl FnMut(MessageRef<'_>)) -> Result<u64, ConsumeError> {
        let mut count = 0;
        loop {
            match self.batch(32, Wait::Forever) {
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
        self.core().available(u64::MAX) as usize
    }

    /// Whether messages may still come: `Ok` while the stream is open or something is left to read.
    ///
    /// # Errors
    /// [`ConsumeError::EndOfStream`] if the stream has ended and all is read, [`ConsumeError::Gap`] (once) if messages were dropped
    /// before the next one, and the other reasons why nothing will come.
    pub fn status(&mut self) -> Result<(), ConsumeError> {
        self.look(true).map(drop)
    }

    /// The number of the next message, from 0. Numbers are those of slots: parts of large messages count, and gap markers.
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
        self.core().disconnect();
        // SAFETY: the half is being dropped, and nothing uses its state after this.
        let core = unsafe { ManuallyDrop::take(&mut self.core) };
        self.shared.park_consumer(core, self.read);
        self.producer.leave(over);
    }
}
