//! The consumer's half of the protocol.

mod gap;
mod ready;
mod release;
mod resume;

use core::sync::atomic::{AtomicU64, Ordering};

pub use ready::Ready;

use crate::cache_lines::further_lines;
use crate::control::Control;
use crate::device::Fault;
use crate::meta::Meta;
use crate::mode::Mode;
use crate::policy::{StreamEnd, batch, tail_interval, until_end};
use crate::poll::{Corruption, Poll, check};
use crate::ring::Ring;
use crate::sentinel;
use crate::slot::{PAYLOAD_SIZE, Slot};
use crate::word::Word;

/// The consumer's half: looks for messages, takes them, and hands their slots back.
///
/// [`poll`](Self::poll) finds a message and gives a [`Ready`], the only thing that safe code can read or take a message with.
/// A message that was taken keeps its slot until [`recycle`](Self::recycle), which makes the slot ready and, every
/// now and then, publishes the tail; `poll` publishes it at once when there is nothing to do.
///
/// Always, modulo 2^64: `published` ≤ `unwritten` ≤ `recycled` ≤ `next` ≤ `acquired_end` ≤ `recycled` + capacity.
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
    /// In fenced mode all messages below this, from `next` on, are acquired; this one would be the head of a batch.
    acquired_end: u64,
    /// Slots below this are ready for the producer, which may not know it yet.
    recycled: u64,
    /// From this one on, the cache lines of recycled slots were not written yet.
    unwritten: u64,
    /// The tail as last stored.
    published: u64,
    /// Recycled slots that are held back at most.
    tail_every: u64,
    /// Whether the producer is a core: then the lines of a slot are written before it is handed back, in fenced mode too.
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
    /// The consumer of a fresh ring, which publishes its tail every quarter of the ring, at most every 256 messages.
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

    /// The same consumer, for a producer that is a core of the same machine: before it hands a slot back it stores to every
    /// cache line of the message (the value that is there).
    ///
    /// A line that a core has only read stays with the core that wrote it too, and taking it back to write it again was measured
    /// to be many times slower on some processors than fetching a line that the other core has written. Across a
    /// link to a device it would only cost time.
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
    /// [`Corruption`] if the shared memory holds what no producer writes; it stays so, and nothing is taken.
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

    /// What the message is that comes `ahead` messages behind the next one, if it is there and no gap marker. Beyond the capacity there
    /// is none.
    ///
    /// # Errors
    /// [`Corruption`] if its length is impossible.
    #[inline(always)]
    pub fn peek(&mut self, ahead: u64) -> Result<Option<Meta>, Corruption> {
        if ahead != 0 && ahead >= self.ring.capacity() {
            return Ok(None);
        }
        // SAFETY: within the ring, as every ring has a slot.
        unsafe { self.peek_within(ahead) }
    }

    /// [`peek`](Self::peek) without the check.
    ///
    /// # Safety
    /// `ahead` is less than the capacity: a slot further ahead is that of an earlier message, which the producer may be writing over.
    #[inline(always)]
    unsafe fn peek_within(&mut self, ahead: u64) -> Result<Option<Meta>, Corruption> {
        let number = self.next.wrapping_add(ahead);
        match self.ring.mode() {
            Mode::Fenced => {
                if !self.is_published(number) {
                    return Ok(None);
                }
                let slot = self.slot(number);
                self.fetch(slot);
                check(number, slot.meta.load(Ordering::Relaxed))
            }
            Mode::FenceFree => {
                let slot = self.slot(number);
                // pairs with the Release store of seq in Producer::push
                if slot.seq.load(Ordering::Acquire) != batch::published(number) {
                    if !self.from_core {
                        // A device's words arrive at about the same time: the rest is under way when the sequence word is seen.
                        further_lines(slot, PAYLOAD_SIZE).for_each(W::prefetch);
                    }
                    return Ok(None);
                }
                self.fetch(slot);
                sentinel::arrived(slot).map_or(Ok(None), |word| check(number, word))
            }
        }
    }

    /// The slot of message `number`, which is not handed back yet, or only looked at atomically.
    #[inline(always)]
    fn slot(&self, number: u64) -> &Slot<W> {
        // SAFETY: this is the ring's consumer, which writes only to slots of messages that it has found there.
        unsafe { self.ring.slot(number) }
    }

    /// The control block, of which the consumer writes its own line alone.
    #[inline(always)]
    fn control(&self) -> &Control<W> {
        // SAFETY: this is the ring's consumer, and writes to no other line.
        unsafe { self.ring.control() }
    }

    /// Asks for the lines behind the first of a message that another core has written: they are on their way while the caller gets
    /// ready to read them. Those of a device are asked for by [`prefetch`](Self::prefetch).
    #[inline(always)]
    fn fetch(&self, slot: &Slot<W>) {
        if self.from_core {
            further_lines(slot, length(slot)).for_each(W::prefetch);
        }
    }

    /// Whether message `number` is published, in fenced mode. Messages are published in batches: the sequence word of a batch's head
    /// speaks for all of it, and those of its followers may be there before their payload. So the way to a message leads from head
    /// to head.
    #[inline(always)]
    fn is_published(&mut self, number: u64) -> bool {
        let ahead = number.wrapping_sub(self.next);
        while ahead >= self.acquired_end.wrapping_sub(self.next) {
            if !self.acquire_batch() {
                return false;
            }
        }
        true
    }

    /// Looks for the batch behind all that is acquired, in fenced mode.
    #[inline(always)]
    fn acquire_batch(&mut self) -> bool {
        let head = self.slot(self.acquired_end);
        // pairs with the Release store of seq in Producer::push, the Release fence in Producer::publish, and the Release store or
        // fence of a device's batch
        if head.seq.load(Ordering::Acquire) != batch::published(self.acquired_end) {
            return false;
        }
        let followers = Meta::mask_of(head.meta.load(Ordering::Relaxed));
        let before = self.acquired_end;
        self.acquired_end = batch::acquired_end(self.ring.capacity(), self.next, before, followers);
        self.acquired_end != before
    }

    /// Asks for the cache lines of a message that will be read soon, if it comes from a device and is acquired.
    /// Changes nothing.
    #[inline(always)]
    pub fn prefetch(&self, number: u64) {
        if !self.from_core && (self.acquired_end.wrapping_sub(number) as i64) > 0 {
            W::prefetch_once(self.slot(number));
        }
    }

    /// Forgets which messages are acquired, and looks again: for when the slots ahead were emptied.
    pub fn forget_acquired(&mut self) {
        self.acquired_end = self.next;
    }

    /// How many messages from the next one on are there, up to `most` or the next gap. A corrupt one counts as not there; `poll`
    /// names it when its turn comes.
    #[inline]
    pub fn available(&mut self, most: u64) -> u64 {
        self.available_sized(most).0
    }

    /// The same, with the bytes of payload that they hold together.
    #[inline]
    pub fn available_sized(&mut self, most: u64) -> (u64, u64) {
        match self.count_ready(most) {
            (0, _) => self.count_behind_markers(most),
            found => found,
        }
    }

    /// [`available_sized`](Self::available_sized) where the next slot holds no message: perhaps a gap marker of 0, and messages behind it.
    #[cold]
    #[inline(never)]
    fn count_behind_markers(&mut self, most: u64) -> (u64, u64) {
        let before = self.next;
        if self.marker().is_some() || self.next == before { (0, 0) } else { self.count_ready(most) }
    }

    #[inline(always)]
    fn count_ready(&mut self, most: u64) -> (u64, u64) {
        let most = most.min(self.ring.capacity());
        let (mut count, mut bytes) = (0, 0);
        while count < most {
            // SAFETY: the count is less than the capacity.
            let Ok(Some(meta)) = (unsafe { self.peek_within(count) }) else { break };
            count += 1;
            bytes += meta.len() as u64;
        }
        if count == most
            && self.acquired_end == self.next.wrapping_add(count)
            && self.ring.mode() == Mode::Fenced
        {
            // More may be there: what is acquired can be prefetched while this is read.
            self.acquire_batch();
        }
        (count, bytes)
    }

    /// How many messages (and gap markers) are still to come, those on their way included, if the producer has ended the stream.
    pub fn until_end(&self) -> Option<u64> {
        until_end(self.end_word(), self.next)
    }

    #[inline(always)]
    fn end_word(&self) -> u64 {
        // pairs with the Release store of end in Ring::close
        self.control().producer.end.load(Ordering::Acquire)
    }

    /// Why the stream ended early, if it did: what a device producer said before it ended the stream.
    pub fn fault(&self) -> Option<Fault> {
        // Stored before `end`, whose Acquire load comes before this one.
        self.ring.fault()
    }

    /// Notes that a wait begins, and says how many messages were taken since the last one began: what a caller may want to know
    /// to decide how to wait.
    #[inline]
    pub fn begin_wait(&mut self) -> u64 {
        let taken = self.next.wrapping_sub(self.waited_for);
        self.waited_for = self.next;
        taken
    }

    /// Takes `count` messages of together `bytes` bytes. [`Ready::take`] is the safe way.
    ///
    /// # Safety
    /// A [`look`](Self::look), [`peek`](Self::peek) or [`available`](Self::available) has found all of them there.
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

    /// No message is there: gives the producer all its credit, and looks for a gap and the end of the stream.
    // Not a function of its own on a GPU: one that got the consumer's address would force it into local memory.
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

/// The length of a slot's message. A producer that breaks the protocol can change it meanwhile; all it gets is its own mess.
#[inline(always)]
fn length<W: Word>(slot: &Slot<W>) -> usize {
    (slot.meta.load(Ordering::Relaxed) & 0xff) as usize
}
