//! The producer's credit: which slots are free.

use core::sync::atomic::Ordering;

use super::Producer;
use crate::control::Cursor;
use crate::policy::{Credit, Plan};
use crate::refused::Refused;
use crate::word::Word;

impl<W: Word> Producer<W> {
    /// Makes sure that `slots` slots from the head on are free, reading the tail only if the cached
    /// credit is too small.
    ///
    /// # Errors
    /// [`Refused::Full`] if fewer are free now (always, if `slots` exceeds the capacity).
    #[inline(always)]
    pub fn ensure(&mut self, slots: u64) -> Result<(), Refused> {
        if self.credit() >= slots { Ok(()) } else { self.renew(slots) }
    }

    /// Free slots by the cached tail, those staged included.
    #[inline(always)]
    pub fn credit(&self) -> u64 {
        self.tail_known().free(self.head)
    }

    /// What is known of the tail.
    #[inline(always)]
    pub(super) fn tail_known(&self) -> Credit {
        Credit::new(self.ring.capacity(), self.tail)
    }

    /// Forgets what is known of the tail, so that the next look comes first, and with it the gap
    /// marker.
    #[inline(always)]
    pub(super) fn forget_credit(&mut self) {
        self.tail = Credit::none(self.ring.capacity(), self.head).tail();
    }

    /// Reads the tail. If messages were dropped, the gap marker of that takes the first free slot.
    ///
    /// # Errors
    /// [`Refused`] if fewer than `slots` slots are free, or nobody reads any more.
    // Not a function of its own on a GPU: one that got the producer's address would force it into
    // local memory.
    #[cfg_attr(target_arch = "nvptx64", inline(always))]
    #[cfg_attr(not(target_arch = "nvptx64"), cold, inline(never))]
    pub fn renew(&mut self, slots: u64) -> Result<(), Refused> {
        self.read_tail()?;
        let plan = Plan::or_wait(self.unreported, slots, self.credit());
        if matches!(plan, Plan::MarkThenSend | Plan::MarkOnly) {
            self.publish_marker();
        }
        // No slots may be asked for: that succeeds in a full ring with a gap to report, too.
        if self.credit() >= slots {
            self.starved = false;
            return Ok(());
        }
        self.count_full();
        Err(Refused::Full)
    }

    /// Brings the cached tail up to date.
    #[inline(always)]
    pub(super) fn read_tail(&mut self) -> Result<(), Refused> {
        // pairs with the Release store of tail in Consumer::publish_tail
        let word = self.control().consumer.tail.load(Ordering::Acquire);
        let renewed = self.tail_known().renew(word, self.head)?;
        self.tail = renewed.tail();
        self.note_fill(renewed.used(self.head));
        Ok(())
    }

    /// Counts that the ring was found full, once until there is room again.
    #[inline(always)]
    pub(super) fn count_full(&mut self) {
        if !self.starved {
            self.starved = true;
            self.full = self.full.wrapping_add(1);
            self.control().producer.stats.full.store(self.full, Ordering::Relaxed);
        }
    }

    /// Whether the consumer has said that it will read no more.
    pub fn consumer_disconnected(&self) -> bool {
        Cursor::from_word(self.control().consumer.tail.load(Ordering::Relaxed)).flag()
    }

    pub(super) fn note_fill(&mut self, fill: u64) {
        if fill > self.highest_fill {
            self.highest_fill = fill;
            self.control().producer.stats.highest_fill.store(fill, Ordering::Relaxed);
        }
    }
}
