//! Which messages are there.

use core::sync::atomic::Ordering;

use super::{Consumer, length};
use crate::cache_lines::further_lines;
use crate::meta::Meta;
use crate::mode::Mode;
use crate::policy::batch;
use crate::poll::{Corruption, check};
use crate::sentinel;
use crate::slot::{PAYLOAD_SIZE, Slot};
use crate::word::Word;

impl<W: Word> Consumer<W> {
    /// What the message is that comes `ahead` messages behind the next one, if it is there and no
    /// gap marker. Beyond the capacity there is none.
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
    /// `ahead` is less than the capacity: a slot further ahead is that of an earlier message, which
    /// the producer may be writing over.
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
                        // A device's words arrive at about the same time: the rest is under way
                        // when the sequence word is seen.
                        further_lines(slot, PAYLOAD_SIZE).for_each(W::prefetch);
                    }
                    return Ok(None);
                }
                self.fetch(slot);
                sentinel::arrived(slot).map_or(Ok(None), |word| check(number, word))
            }
        }
    }

    /// Asks for the lines behind the first of a message that another core has written: they are on
    /// their way while the caller gets ready to read them. Those of a device are asked for by
    /// [`prefetch`](Self::prefetch).
    #[inline(always)]
    fn fetch(&self, slot: &Slot<W>) {
        if self.from_core {
            further_lines(slot, length(slot)).for_each(W::prefetch);
        }
    }

    /// Whether message `number` is published, in fenced mode. Messages are published in batches:
    /// the sequence word of a batch's head speaks for all of it, and those of its followers may be
    /// there before their payload. So the way to a message leads from head to head.
    #[inline(always)]
    pub(super) fn is_published(&mut self, number: u64) -> bool {
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
        // pairs with the Release store of seq in Producer::push, the Release fence in
        // Producer::publish, and the Release store or fence of a device's batch
        if head.seq.load(Ordering::Acquire) != batch::published(self.acquired_end) {
            return false;
        }
        let followers = Meta::mask_of(head.meta.load(Ordering::Relaxed));
        let before = self.acquired_end;
        self.acquired_end = batch::acquired_end(self.ring.capacity(), self.next, before, followers);
        self.acquired_end != before
    }

    /// Asks for the cache lines of a message that will be read soon, if it comes from a device and
    /// is acquired. Changes nothing.
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

    /// How many messages from the next one on are there, up to `most` or the next gap. A corrupt
    /// one counts as not there; `poll` names it when its turn comes.
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

    /// [`available_sized`](Self::available_sized) where the next slot holds no message: perhaps a
    /// gap marker of 0, and messages behind it.
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
}
