//! The producer's half of the protocol.

mod credit;
pub(crate) mod gap;

use core::sync::atomic::{AtomicU64, Ordering};

use crate::control::Cursor;
use crate::device::Fault;
use crate::meta::Meta;
use crate::mode::Mode;
use crate::policy::{Credit, batch};
use crate::refused::Refused;
use crate::ring::Ring;
use crate::sentinel;
use crate::slot::{HEADER_SIZE, PAYLOAD_SIZE, Slot, words_of};
use crate::word::Word;

/// The producer's half: stages messages in free slots, then publishes them.
///
/// It reads `tail` only when its cached credit runs out, and never waits. Staged messages are invisible until
/// [`publish`](Self::publish); in between they can be given up.
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
    /// Messages dropped so far, and those of them that no notice has told of; while there are any, the credit is used up.
    dropped: u64,
    gap: u64,
    highest_fill: u64,
    /// Whether the last look at the tail found too little room, so that a waiting producer is counted once.
    starved: bool,
}

/// The order of stores that a Release fence precedes. ThreadSanitizer does not follow fences, so in a build for it the stores
/// themselves say what the fence says.
const BEHIND_FENCE: Ordering = if cfg!(perdix_tsan) { Ordering::Release } else { Ordering::Relaxed };

/// Payload words in a slot's first line of 64 bytes.
const FIRST_LINE_WORDS: usize = (64 - HEADER_SIZE) / 8;

impl<W: Word> Producer<W> {
    /// The producer of a fresh ring.
    ///
    /// # Safety
    /// It is the ring's only producer, and the ring's memory outlives it.
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
            gap: 0,
            highest_fill: 0,
            starved: false,
        }
    }

    /// A producer that goes on with message `head`, which no other has published.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    pub unsafe fn resume(ring: Ring<W>, head: u64) -> Self {
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
        let slot = ring.slot(number);
        // SAFETY: `ensure` found the slot free (its Acquire of tail), and nothing is published before `publish_written` does.
        unsafe { write_payload(slot, bytes) };
        self.publish_written(slot, number, bytes.len(), flags, kind);
        Ok(())
    }

    /// Publishes the message that was written in place into the slot that [`vacant`](Self::vacant) named while nothing was
    /// staged; `len` above 240 is cut to 240.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    #[inline(always)]
    pub fn push_in_place(&mut self, kind: u16, flags: u8, len: usize) -> Result<(), Refused> {
        self.ensure(1)?;
        let (number, ring) = (self.head, self.ring);
        self.publish_written(ring.slot(number), number, len.min(PAYLOAD_SIZE), flags, kind);
        Ok(())
    }

    /// Publishes one message of `len` bytes (up to 240) with no fence, as a device does in fence-free mode; `pair` gives
    /// its 16-byte pairs. Staged messages are given up first. What was written in place into the slot that
    /// [`vacant`](Self::vacant) named, and never staged, must not be followed by this: it could be taken for the message.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    #[inline(always)]
    pub fn push_unordered(
        &mut self,
        kind: u16,
        flags: u8,
        len: usize,
        pair: impl Fn(usize) -> [u64; 2],
    ) -> Result<(), Refused> {
        if len > PAYLOAD_SIZE {
            return Err(Refused::TooLong);
        }
        self.abandon();
        self.ensure(1)?;
        sentinel::publish_pairs(self.ring.slot(self.head), self.head, Meta::new(len, flags, kind), pair);
        self.advance(1, len as u64);
        Ok(())
    }

    /// Publishes one message of `len` bytes (up to 240) of which `pair` gives the 16-byte pairs, as the ring's mode wants it: a
    /// device's way to send what lies in registers. Staged messages are given up first.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then.
    #[inline(always)]
    pub fn push_pairs(
        &mut self,
        kind: u16,
        flags: u8,
        len: usize,
        pair: impl Fn(usize) -> [u64; 2],
    ) -> Result<(), Refused> {
        if self.ring.mode() == Mode::FenceFree {
            return self.push_unordered(kind, flags, len, pair);
        }
        if len > PAYLOAD_SIZE {
            return Err(Refused::TooLong);
        }
        self.abandon();
        self.ensure(1)?;
        let (number, ring) = (self.head, self.ring);
        let slot = ring.slot(number);
        for (i, words) in slot.payload.chunks_exact(2).take(words_of(len) / 2).enumerate() {
            if let [low, high] = words {
                // SAFETY: `ensure` found the slot free (its Acquire of tail), and nothing is published before `publish_written` does.
                unsafe { W::write_pair(low, high, pair(i)) };
            }
        }
        self.publish_written(slot, number, len, flags, kind);
        Ok(())
    }

    /// Copies one message of up to 240 bytes into the next free slot, behind those staged already.
    ///
    /// # Errors
    /// [`Refused`]; what was staged before stays staged.
    #[inline(always)]
    pub fn stage(&mut self, kind: u16, flags: u8, bytes: &[u8]) -> Result<(), Refused> {
        if bytes.len() > PAYLOAD_SIZE {
            return Err(Refused::TooLong);
        }
        let ring = self.ring;
        let slot = ring.slot(self.vacant()?);
        // SAFETY: `vacant` found the slot free, and publish comes after.
        unsafe { W::write_plain(&slot.payload, bytes) };
        self.stage_written(slot, bytes.len(), kind, flags);
        Ok(())
    }

    /// The number of the next message to stage, whose slot is free for writing in place.
    ///
    /// # Errors
    /// [`Refused`] if no slot is free.
    #[inline(always)]
    pub fn vacant(&mut self) -> Result<u64, Refused> {
        self.ensure(self.staged + 1)?;
        Ok(self.head.wrapping_add(self.staged))
    }

    /// Stages the message that was written in place into the slot that [`vacant`](Self::vacant) named; `len` above 240
    /// is cut to 240.
    ///
    /// # Errors
    /// [`Refused`] if no slot is free.
    #[inline(always)]
    pub fn stage_in_place(&mut self, len: usize, kind: u16, flags: u8) -> Result<(), Refused> {
        let ring = self.ring;
        let slot = ring.slot(self.vacant()?);
        self.stage_written(slot, len.min(PAYLOAD_SIZE), kind, flags);
        Ok(())
    }

    /// Publishes all that is staged, under one fence, and says how many messages that were.
    #[inline(always)]
    pub fn publish(&mut self) -> u64 {
        let count = self.staged;
        if count != 0 {
            // pairs with the Acquire loads of seq in Consumer::learn_run and Consumer::ready, through the stores that follow
            W::fence(Ordering::Release);
            for ahead in 0..count {
                let number = self.head.wrapping_add(ahead);
                self.ring.slot(number).seq.store(batch::published(number), BEHIND_FENCE);
            }
            self.advance(count, self.staged_bytes);
            self.forget_staged();
        }
        count
    }

    /// Gives up what is staged.
    #[inline(always)]
    pub fn abandon(&mut self) {
        if self.staged != 0 {
            self.scrub_staged();
            self.forget_staged();
        }
    }

    /// Messages and bytes published by this producer, and how many times it found the ring full.
    #[inline(always)]
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.messages, self.bytes, self.full)
    }

    /// The same producer, going on with the counts that stand in the ring.
    #[must_use]
    pub fn with_counts_of_ring(mut self) -> Self {
        let stats = &self.ring.control().producer.stats;
        self.messages = stats.messages.load(Ordering::Relaxed);
        self.bytes = stats.bytes.load(Ordering::Relaxed);
        self.full = stats.full.load(Ordering::Relaxed);
        self.highest_fill = stats.highest_fill.load(Ordering::Relaxed);
        self
    }

    /// Ends the stream: the consumer sees the end once it has taken everything published. Idempotent.
    pub fn finish(&mut self) {
        self.finish_with(None);
    }

    /// Ends the stream and tells the consumer why it ends early.
    pub fn fail(&mut self, fault: Fault) {
        self.finish_with(Some(fault));
    }

    fn finish_with(&mut self, fault: Option<Fault>) {
        // A stream shorter than the ring never renewed its credit: look once at how full it made the ring.
        let tail = Cursor::from_word(self.ring.control().consumer.tail.load(Ordering::Relaxed));
        self.note_fill(tail.distance_to(self.head).min(self.ring.capacity()));
        self.abandon();
        self.store_counts();
        self.ring.close(self.head, fault);
    }

    /// Opens the stream again, to go on where it ended.
    pub fn reopen(&mut self) {
        self.ring.control().producer.end.store(0, Ordering::Relaxed);
        self.ring.control().producer.fault.store(0, Ordering::Relaxed);
    }

    #[inline(always)]
    fn publish_written(&mut self, slot: &Slot<W>, number: u64, len: usize, flags: u8, kind: u16) {
        slot.meta.store(self.meta_of(slot, len, flags, kind).word(), Ordering::Relaxed);
        // pairs with the Acquire loads of seq in Consumer::learn_run and Consumer::ready
        slot.seq.store(batch::published(number), Ordering::Release);
        self.advance(1, len as u64);
    }

    #[inline(always)]
    fn stage_written(&mut self, slot: &Slot<W>, len: usize, kind: u16, flags: u8) {
        slot.meta.store(self.meta_of(slot, len, flags, kind).word(), Ordering::Relaxed);
        self.staged += 1;
        self.staged_bytes += len as u64;
    }

    #[inline(always)]
    fn meta_of(&self, slot: &Slot<W>, len: usize, flags: u8, kind: u16) -> Meta {
        let meta = Meta::new(len, flags, kind);
        match self.ring.mode() {
            Mode::Fenced => meta,
            Mode::FenceFree => meta.with_mask(sentinel::escape_in_place(slot, len)),
        }
    }

    #[inline(always)]
    fn forget_staged(&mut self) {
        self.staged = 0;
        self.staged_bytes = 0;
    }

    /// In fence-free mode a free slot holds sentinels, or a later message that is stored in any order could be taken for arrived.
    #[cfg_attr(target_arch = "nvptx64", inline(always))]
    #[cfg_attr(not(target_arch = "nvptx64"), cold)]
    fn scrub_staged(&mut self) {
        if self.ring.mode() == Mode::FenceFree {
            for ahead in 0..self.staged {
                sentinel::scrub(self.ring.slot(self.head.wrapping_add(ahead)));
            }
            // pairs with the Acquire loads of seq in Consumer::learn_run and Consumer::ready: who sees a later message sees no word
            // from before
            W::fence(Ordering::Release);
        }
    }

    #[inline(always)]
    fn advance(&mut self, messages: u64, bytes: u64) {
        self.head = self.head.wrapping_add(messages);
        self.messages += messages;
        self.bytes += bytes;
        // Across the link these stores would cost more than the message; a device stores its counts when it finishes.
        if cfg!(not(target_arch = "nvptx64")) {
            self.store_counts();
        }
    }

    #[inline(always)]
    fn store_counts(&self) {
        let stats = &self.ring.control().producer.stats;
        stats.messages.store(self.messages, Ordering::Relaxed);
        stats.bytes.store(self.bytes, Ordering::Relaxed);
    }
}

/// Copies a message into a slot, its first line last: the consumer polls that line, and takes it away again when it looks
/// between the first store to it and the one to the sequence word.
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
