//! The consumer's half of the protocol.

mod find;
mod gap;
mod ready;
mod release;
mod resume;

use core::sync::atomic::{AtomicU64, Ordering};

pub use ready::Ready;

use crate::control::Control;
use crate::fault::Fault;
use crate::policy::{StreamEnd, tail_interval, until_end};
use crate::poll::{Corruption, Poll};
use crate::ring::Ring;
use crate::slot::Slot;
use crate::word::Word;

/// The consumer's half: looks for messages, takes them, and hands their slots back.
///
/// [`poll`](Self::poll) finds a message and gives a [`Ready`], the only thing that safe code can
/// read or take a message with. A message that was taken keeps its slot until
/// [`recycle`](Self::recycle), which makes the slot ready and, every now and then, publishes the
/// tail; `poll` publishes it at once when there is nothing to do.
///
/// Always, modulo 2^64: `published` ≤ `unwritten` ≤ `recycled` ≤ `next` ≤ `acquired_end` ≤
/// `recycled` + capacity.
///
/// Nothing is read or taken that no poll has found:
/// ```compile_fail,E0133
/// fn take(consumer: &mut perdix_core::Consumer) {
///     consumer.take(1, 240);
/// }
/// ```
/// Nor is a message read once its slot may have been handed back:
/// ```compile_fail,E0499
/// # use perdix_core::Poll;
/// fn keep(consumer: &mut perdix_core::Consumer) {
///     let Ok(Poll::Ready(ready)) = consumer.poll() else { return };
///     consumer.recycle();
///     ready.payload();
/// }
/// ```
/// ```compile_fail,E0505
/// # use perdix_core::Poll;
/// fn keep(consumer: &mut perdix_core::Consumer) {
///     let Ok(Poll::Ready(ready)) = consumer.poll() else { return };
///     let payload = ready.payload();
///     ready.take();
///     payload.first();
/// }
/// ```
#[derive(Debug)]
pub struct Consumer<W = AtomicU64> {
    ring: Ring<W>,
    /// The next message to take.
    next: u64,
    /// In fenced mode all messages below this, from `next` on, are acquired; this one would be the
    /// head of a batch.
    acquired_end: u64,
    /// Slots below this are ready for the producer, which may not know it yet.
    recycled: u64,
    /// From this one on, the cache lines of recycled slots were not written yet.
    unwritten: u64,
    /// The tail as last stored.
    published: u64,
    /// Recycled slots that are held back at most.
    tail_every: u64,
    /// Whether the producer is a core: then the lines of a slot are written before it is handed
    /// back, in fenced mode too.
    from_core: bool,
    /// Whether the consumer has disconnected.
    disconnected: bool,
    /// The next message when the last wait began.
    waited_for: u64,
    messages: u64,
    bytes: u64,
    /// Messages that gap markers have reported as dropped.
    dropped: u64,
    /// Which of the shared records of reported gaps is written next.
    next_record: usize,
}

impl<W: Word> Consumer<W> {
    /// The consumer of a fresh ring, which publishes its tail every quarter of the ring, at most
    /// every 256 messages.
    ///
    /// # Safety
    /// It is the ring's only consumer, the ring's memory outlives it, and may be written to.
    pub unsafe fn new(ring: Ring<W>) -> Self {
        let start = ring.config().start;
        let tail_every = tail_interval(ring.capacity());
        Self {
            ring,
            next: start,
            acquired_end: start,
            recycled: start,
            unwritten: start,
            published: start,
            tail_every,
            from_core: false,
            disconnected: false,
            waited_for: start,
            messages: 0,
            bytes: 0,
            dropped: 0,
            next_record: 0,
        }
    }

    /// The same consumer, publishing its tail every `messages` messages (1 to the capacity).
    #[must_use]
    pub fn with_tail_every(mut self, messages: u64) -> Self {
        self.tail_every = messages.clamp(1, self.ring.capacity());
        self
    }

    /// The same consumer, for a producer that is a core of the same machine: before it hands a slot
    /// back it stores to every cache line of the message (the value that is there).
    ///
    /// A line that a core has only read stays with the core that wrote it too, and taking it back
    /// to write it again was measured to be many times slower on some processors than fetching a
    /// line that the other core has written. Across a link to a device it would only cost time.
    #[must_use]
    pub fn for_cpu_producer(mut self) -> Self {
        self.set_cpu_producer(true);
        self
    }

    /// Says whether the producer is such a core, once it is known.
    pub fn set_cpu_producer(&mut self, is_core: bool) {
        self.from_core = is_core;
    }

    /// The ring.
    #[inline(always)]
    pub fn ring(&self) -> &Ring<W> {
        &self.ring
    }

    /// The number of the next message to take.
    #[inline(always)]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Messages and bytes taken so far.
    #[inline(always)]
    pub fn taken(&self) -> (u64, u64) {
        (self.messages, self.bytes)
    }

    /// Looks for the next message. A [`Ready`] reads it, and takes it.
    ///
    /// # Errors
    /// [`Corruption`] if the shared memory holds what no producer writes; it stays so, and nothing
    /// is taken.
    #[inline(always)]
    pub fn poll(&mut self) -> Result<Poll<Ready<'_, W>>, Corruption> {
        Ok(match self.look()? {
            // SAFETY: the look has just found the next message.
            Poll::Ready(meta) => Poll::Ready(unsafe { Ready::new(self, meta) }),
            Poll::Empty => Poll::Empty,
            Poll::Gap(dropped) => Poll::Gap(dropped),
            Poll::Ended => Poll::Ended,
        })
    }

    /// [`poll`](Self::poll) without the right to read or take the message: only what it is.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    #[inline(always)]
    pub fn look(&mut self) -> Result<Poll, Corruption> {
        match self.peek(0)? {
            Some(meta) => Ok(Poll::Ready(meta)),
            None => self.idle(),
        }
    }

    /// The slot of message `number`, which is not handed back yet, or only looked at atomically.
    #[inline(always)]
    fn slot(&self, number: u64) -> &Slot<W> {
        // SAFETY: this is the ring's consumer, which writes only to slots of messages that it has
        // found there.
        unsafe { self.ring.slot(number) }
    }

    /// The control block, of which the consumer writes its own line alone.
    #[inline(always)]
    fn control(&self) -> &Control<W> {
        // SAFETY: this is the ring's consumer, and writes to no other line.
        unsafe { self.ring.control() }
    }

    /// How many messages (and gap markers) are still to come, those on their way included, if the
    /// producer has ended the stream.
    pub fn until_end(&self) -> Option<u64> {
        until_end(self.end_word(), self.next)
    }

    #[inline(always)]
    fn end_word(&self) -> u64 {
        // pairs with the Release store of end in Ring::close
        self.control().producer.end.load(Ordering::Acquire)
    }

    /// Why the stream ended early, if it did: what a device producer said before it ended the
    /// stream.
    pub fn fault(&self) -> Option<Fault> {
        // Stored before `end`, whose Acquire load comes before this one.
        self.ring.fault()
    }

    /// Notes that a wait begins, and says how many messages were taken since the last one began:
    /// what a caller may want to know to decide how to wait.
    #[inline]
    pub fn begin_wait(&mut self) -> u64 {
        let taken = self.next.wrapping_sub(self.waited_for);
        self.waited_for = self.next;
        taken
    }

    /// Takes `count` messages of together `bytes` bytes. [`Ready::take`] is the safe way.
    ///
    /// # Safety
    /// A [`look`](Self::look), [`peek`](Self::peek) or [`available`](Self::available) has found all
    /// of them there.
    #[inline(always)]
    pub unsafe fn take(&mut self, count: u64, bytes: u64) {
        self.skip(count);
        self.messages = self.messages.wrapping_add(count);
        self.bytes = self.bytes.wrapping_add(bytes);
    }

    #[inline(always)]
    fn skip(&mut self, slots: u64) {
        self.next = self.next.wrapping_add(slots);
        if (self.next.wrapping_sub(self.acquired_end) as i64) > 0 {
            self.acquired_end = self.next;
        }
    }

    /// No message is there: gives the producer all its credit, and looks for a gap and the end of
    /// the stream.
    // Not a function of its own on a GPU: one that got the consumer's address would force it into
    // local memory.
    #[cfg_attr(target_arch = "nvptx64", inline(always))]
    #[cfg_attr(not(target_arch = "nvptx64"), cold, inline(never))]
    fn idle(&mut self) -> Result<Poll, Corruption> {
        if self.published != self.recycled {
            self.publish_tail();
        }
        let before = self.next;
        if let Some(dropped) = self.marker() {
            return Ok(Poll::Gap(dropped));
        }
        if self.next != before {
            // Markers of 0 stood ahead of what is there now.
            if let Some(meta) = self.peek(0)? {
                return Ok(Poll::Ready(meta));
            }
        }
        match StreamEnd::read(self.ring.capacity(), self.end_word(), self.next) {
            StreamEnd::Open | StreamEnd::Ahead => Ok(Poll::Empty),
            StreamEnd::Here => match self.unreported() {
                0 => Ok(Poll::Ended),
                dropped => Ok(Poll::Gap(dropped)),
            },
            StreamEnd::Corrupt(distance) => Err(Corruption::End { message: self.next, distance }),
        }
    }
}

/// The length of a slot's message. A producer that breaks the protocol can change it meanwhile; all
/// it gets is its own mess.
#[inline(always)]
fn length<W: Word>(slot: &Slot<W>) -> usize {
    (slot.meta.load(Ordering::Relaxed) & 0xff) as usize
}
