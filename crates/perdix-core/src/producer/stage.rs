//! Messages that are staged and published together.

use core::sync::atomic::Ordering;

use super::{Free, Producer};
use crate::mode::Mode;
use crate::policy::batch;
use crate::refused::Refused;
use crate::sentinel;
use crate::slot::{PAYLOAD_SIZE, Slot};
use crate::word::Word;

/// The order of stores that a Release fence precedes. ThreadSanitizer does not follow fences, so in
/// a build for it the stores themselves say what the fence says.
const BEHIND_FENCE: Ordering = if cfg!(perdix_tsan) { Ordering::Release } else { Ordering::Relaxed };

impl<W: Word> Producer<W> {
    /// Copies one message of up to 240 bytes into the next free slot, behind those staged already.
    ///
    /// # Errors
    /// [`Refused`]; what was staged before stays staged.
    #[inline(always)]
    pub fn stage(&mut self, kind: u16, flags: u8, bytes: &[u8]) -> Result<(), Refused> {
        if bytes.len() > PAYLOAD_SIZE {
            return Err(Refused::TooLong);
        }
        let (number, ring) = (self.vacant_number()?, self.ring);
        // SAFETY: `vacant_number` found the slot free (its Acquire of tail).
        let slot = unsafe { ring.slot(number) };
        // SAFETY: as above, and publish comes after.
        unsafe { W::write_plain(&slot.payload, bytes) };
        self.stage_written(slot, bytes.len(), kind, flags);
        Ok(())
    }

    /// The slot of the next message, behind those staged already, to be written in place.
    ///
    /// # Errors
    /// [`Refused`] if no slot is free; what was staged stays staged.
    #[inline(always)]
    pub fn vacant(&mut self) -> Result<Free<'_, W>, Refused> {
        let number = self.vacant_number()?;
        // SAFETY: the slot was found free.
        Ok(unsafe { Free::new(self, number) })
    }

    /// The number of the next message to stage, whose slot is free.
    #[inline(always)]
    pub(super) fn vacant_number(&mut self) -> Result<u64, Refused> {
        self.ensure(self.staged + 1)?;
        Ok(self.head.wrapping_add(self.staged))
    }

    /// Publishes all that is staged, under one fence, and says how many messages that were.
    #[inline(always)]
    pub fn publish(&mut self) -> u64 {
        let count = self.staged;
        if count != 0 {
            // pairs with the Acquire loads of seq in Consumer::acquire_batch and Consumer::peek,
            // through the stores that follow
            W::fence(Ordering::Release);
            for ahead in 0..count {
                let number = self.head.wrapping_add(ahead);
                // SAFETY: the slot was found free when the message was staged.
                let slot = unsafe { self.ring.slot(number) };
                slot.seq.store(batch::published(number), BEHIND_FENCE);
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

    #[inline(always)]
    pub(super) fn stage_written(&mut self, slot: &Slot<W>, len: usize, kind: u16, flags: u8) {
        slot.meta.store(self.meta_of(slot, len, flags, kind).word(), Ordering::Relaxed);
        self.staged += 1;
        self.staged_bytes += len as u64;
    }

    #[inline(always)]
    pub(super) fn forget_staged(&mut self) {
        self.staged = 0;
        self.staged_bytes = 0;
    }

    /// In fence-free mode a free slot holds sentinels, or a later message that is stored in any
    /// order could be taken for arrived.
    #[cfg_attr(target_arch = "nvptx64", inline(always))]
    #[cfg_attr(not(target_arch = "nvptx64"), cold)]
    pub(super) fn scrub_staged(&mut self) {
        self.scrub(0, self.staged);
    }

    /// Fills the slots of the messages `from` to `to`, counted from the head: they were begun and
    /// are given up.
    #[inline(always)]
    pub(super) fn scrub(&self, from: u64, to: u64) {
        if self.ring.mode() == Mode::FenceFree {
            for ahead in from..to {
                // SAFETY: the slot was found free when the message was begun.
                sentinel::scrub(unsafe { self.ring.slot(self.head.wrapping_add(ahead)) });
            }
            // pairs with the Acquire loads of seq in Consumer::acquire_batch and Consumer::peek:
            // who sees a later message sees no word from before
            W::fence(Ordering::Release);
        }
    }
}
