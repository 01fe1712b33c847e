//! The producer's half of the protocol.

mod credit;
mod free;
pub(crate) mod gap;
mod stage;

use core::sync::atomic::{AtomicU64, Ordering};

pub use free::Free;

use crate::control::{Control, Cursor};
use crate::fault::Fault;
use crate::meta::Meta;
use crate::mode::Mode;
use crate::policy::{Credit, batch};
use crate::refused::Refused;
use crate::ring::Ring;
use crate::sentinel;
use crate::slot::{HEADER_SIZE, PAYLOAD_SIZE, Slot, chunks_of};
use crate::word::Word;

/// The producer's half: stages messages in free slots, then publishes them.
///
/// It reads `tail` only when its cached credit runs out, and never waits. Staged messages are
/// invisible until [`publish`](Self::publish); in between they can be given up.
///
/// Always: `head` - `tail` ≤ capacity (modulo 2^64), `staged` ≤ credit; while `unreported` is not
/// 0, the credit and `staged` are 0.
///
/// A slot is written in place through a [`Free`], and no number makes it one:
/// ```compile_fail,E0133
/// fn write(producer: &mut perdix_core::Producer) {
///     producer.push_in_place(0, 0, 240); // into a slot that is staged?
/// }
/// ```
/// ```compile_fail,E0505
/// fn write_late(producer: &mut perdix_core::Producer) -> Result<(), perdix_core::Refused> {
///     let mut free = producer.vacant()?;
///     let payload = free.payload_mut();
///     free.publish(0, 0, 1);
///     payload[0] = 1; // the consumer may be reading
///     Ok(())
/// }
/// ```
/// ```compile_fail,E0499
/// fn write_twice(producer: &mut perdix_core::Producer) -> Result<(), perdix_core::Refused> {
///     let mut free = producer.vacant()?;
///     producer.push(0, 0, b"into the same slot")?;
///     free.write(b"and again");
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Producer<W = AtomicU64> {
    ring: Ring<W>,
    /// The next message to publish.
    head: u64,
    /// A tail that the consumer has reached; the true one may be further.
    tail: u64,
    /// Messages staged from `head` on.
    staged: u64,
    /// Bytes in the staged messages.
    staged_bytes: u64,
    messages: u64,
    bytes: u64,
    full: u64,
    /// Messages dropped so far, and those of them that no gap marker has reported; while there are
    /// any, the credit is used up.
    dropped: u64,
    unreported: u64,
    highest_fill: u64,
    /// Whether the last look at the tail found too little room, so that a waiting producer is
    /// counted once.
    starved: bool,
}

/// Payload words in a slot's first line of 64 bytes.
const FIRST_LINE_WORDS: usize = (64 - HEADER_SIZE) / 8;

impl<W: Word> Producer<W> {
    /// The producer of a fresh ring.
    ///
    /// # Safety
    /// It is the ring's only producer, the ring's memory outlives it, and may be written to.
    pub unsafe fn new(ring: Ring<W>) -> Self {
        let start = ring.config().start;
        Self {
            ring,
            head: start,
            tail: start,
            staged: 0,
            staged_bytes: 0,
            messages: 0,
            bytes: 0,
            full: 0,
            dropped: 0,
            unreported: 0,
            highest_fill: 0,
            starved: false,
        }
    }

    /// A producer that goes on with message `head`, which no other has published.
    ///
    /// # Safety
    /// As [`new`](Self::new); all messages below `head` that the consumer has not released are
    /// there, and nothing of an earlier producer is under way.
    pub unsafe fn resume_at(ring: Ring<W>, head: u64) -> Self {
        // No credit yet: the first message reads the tail.
        let tail = Credit::none(ring.capacity(), head).tail();
        // SAFETY: the caller's contract.
        Self { head, tail, ..unsafe { Self::new(ring) } }
    }

    /// The ring.
    #[inline(always)]
    pub fn ring(&self) -> &Ring<W> {
        &self.ring
    }

    /// The number of the next message to publish.
    #[inline(always)]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Messages staged and not yet published.
    #[inline(always)]
    pub fn staged(&self) -> u64 {
        self.staged
    }

    /// Publishes one message of up to 240 bytes. Staged messages are given up first.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    #[inline(always)]
    pub fn push(&mut self, kind: u16, flags: u8, bytes: &[u8]) -> Result<(), Refused> {
        if bytes.len() > PAYLOAD_SIZE {
            return Err(Refused::TooLong);
        }
        self.abandon();
        self.ensure(1)?;
        let (number, ring) = (self.head, self.ring);
        // SAFETY: `ensure` found the slot free (its Acquire of tail).
        let slot = unsafe { ring.slot(number) };
        // SAFETY: as above, and nothing is published before `publish_written` does.
        unsafe { write_payload(slot, bytes) };
        self.publish_written(slot, number, bytes.len(), flags, kind);
        Ok(())
    }

    /// Publishes the message that was written in place into the slot of [`head`](Self::head), which
    /// is free; `len` above 240 is cut to
    /// 240. [`Free::publish`] is the safe way.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    ///
    /// # Safety
    /// Nothing is staged.
    #[inline(always)]
    pub unsafe fn push_in_place(&mut self, kind: u16, flags: u8, len: usize) -> Result<(), Refused> {
        self.ensure(1)?;
        let (number, ring) = (self.head, self.ring);
        // SAFETY: `ensure` found the slot free (its Acquire of tail).
        let slot = unsafe { ring.slot(number) };
        self.publish_written(slot, number, len.min(PAYLOAD_SIZE), flags, kind);
        Ok(())
    }

    /// Publishes one message of `len` bytes (up to 240) of which `chunk` gives 16 bytes each, as
    /// the ring's mode wants it: a device's way to send what lies in registers. Staged messages are
    /// given up first.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    #[inline(always)]
    pub fn push_chunks(
        &mut self,
        kind: u16,
        flags: u8,
        len: usize,
        chunk: impl Fn(usize) -> [u64; 2],
    ) -> Result<(), Refused> {
        if len > PAYLOAD_SIZE {
            return Err(Refused::TooLong);
        }
        self.abandon();
        self.ensure(1)?;
        let (number, ring) = (self.head, self.ring);
        // SAFETY: `ensure` found the slot free (its Acquire of tail).
        let slot = unsafe { ring.slot(number) };
        if ring.mode() == Mode::FenceFree {
            sentinel::publish_chunks(slot, number, Meta::new(len, flags, kind), chunk);
            self.advance(1, len as u64);
            return Ok(());
        }
        for (i, to) in slot.payload_chunks().iter().take(chunks_of(len)).enumerate() {
            let values = chunk(i);
            // SAFETY: the slot is free, and nothing is published before `publish_written` does.
            unsafe { W::write_chunk(to, values) };
        }
        self.publish_written(slot, number, len, flags, kind);
        Ok(())
    }

    /// Messages and bytes published by this producer, and how many times it found the ring full.
    #[inline(always)]
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.messages, self.bytes, self.full)
    }

    /// The same producer, going on with the counts that stand in the ring.
    #[must_use]
    pub fn with_counts_of_ring(mut self) -> Self {
        let stats = self.ring.producer_stats();
        (self.messages, self.bytes, self.full) = (stats.messages, stats.bytes, stats.full);
        self.highest_fill = stats.highest_fill;
        self
    }

    /// Ends the stream: the consumer sees the end once it has taken everything published.
    /// Idempotent.
    pub fn finish(&mut self) {
        self.finish_with(None);
    }

    /// Ends the stream and tells the consumer why it ends early.
    pub fn fail(&mut self, fault: Fault) {
        self.finish_with(Some(fault));
    }

    fn finish_with(&mut self, fault: Option<Fault>) {
        // A stream shorter than the ring never renewed its credit: look once at how full it made
        // the ring.
        let tail = Cursor::from_word(self.control().consumer.tail.load(Ordering::Relaxed));
        self.note_fill(tail.distance_to(self.head).min(self.ring.capacity()));
        self.abandon();
        self.store_counts();
        // SAFETY: this is the ring's producer.
        unsafe { self.ring.close(self.head, fault) };
    }

    /// Opens the stream again, to go on where it ended.
    pub fn reopen(&mut self) {
        self.control().producer.end.store(0, Ordering::Relaxed);
        self.control().producer.fault.store(0, Ordering::Relaxed);
    }

    #[inline(always)]
    fn publish_written(&mut self, slot: &Slot<W>, number: u64, len: usize, flags: u8, kind: u16) {
        slot.meta.store(self.meta_of(slot, len, flags, kind).word(), Ordering::Relaxed);
        // pairs with the Acquire loads of seq in Consumer::acquire_batch and Consumer::peek
        slot.seq.store(batch::published(number), Ordering::Release);
        self.advance(1, len as u64);
    }

    #[inline(always)]
    fn meta_of(&self, slot: &Slot<W>, len: usize, flags: u8, kind: u16) -> Meta {
        let meta = Meta::new(len, flags, kind);
        match self.ring.mode() {
            Mode::Fenced => meta,
            Mode::FenceFree => meta.with_mask(sentinel::escape_in_place(slot, len)),
        }
    }

    /// The control block, of which the producer writes its own line alone.
    #[inline(always)]
    fn control(&self) -> &Control<W> {
        // SAFETY: this is the ring's producer, and writes to no other line.
        unsafe { self.ring.control() }
    }

    #[inline(always)]
    fn advance(&mut self, messages: u64, bytes: u64) {
        self.head = self.head.wrapping_add(messages);
        // Where the counts began may have been read from shared memory.
        self.messages = self.messages.wrapping_add(messages);
        self.bytes = self.bytes.wrapping_add(bytes);
        // Across the link these stores would cost more than the message; a device stores its counts
        // when it finishes.
        if cfg!(not(target_arch = "nvptx64")) {
            self.store_counts();
        }
    }

    #[inline(always)]
    fn store_counts(&self) {
        let stats = &self.control().producer.stats;
        stats.messages.store(self.messages, Ordering::Relaxed);
        stats.bytes.store(self.bytes, Ordering::Relaxed);
    }
}

/// Copies a message into a slot, its first line last: the consumer polls that line, and takes it
/// away again when it looks between the first store to it and the one to the sequence word.
///
/// # Safety
/// As [`Word::write_plain`].
#[inline(always)]
unsafe fn write_payload<W: Word>(slot: &Slot<W>, bytes: &[u8]) {
    if let (Some((first, rest)), Some((first_words, rest_words))) =
        (bytes.split_at_checked(8 * FIRST_LINE_WORDS), slot.payload.split_at_checked(FIRST_LINE_WORDS))
    {
        // SAFETY: the caller's contract.
        unsafe { W::write_plain(rest_words, rest) };
        // SAFETY: as above.
        unsafe { W::write_plain(first_words, first) };
    } else {
        // SAFETY: as above.
        unsafe { W::write_plain(&slot.payload, bytes) };
    }
}
