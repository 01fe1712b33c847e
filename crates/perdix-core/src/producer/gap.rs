//! Messages dropped because the ring was full, and the gap marker that tells the consumer.

use core::sync::atomic::Ordering;

use super::Producer;
use crate::meta::{GAP_SIZE, Meta};
use crate::mode::Mode;
use crate::policy::{Plan, batch};
use crate::refused::Refused;
use crate::sentinel;
use crate::slot::{PAYLOAD_SIZE, Slot};
use crate::word::Word;

/// Publishes the gap marker that `dropped` messages are missing here, as message `number`; one of 0
/// is passed over by the consumer.
///
/// # Safety
/// The slot is that of message `number`, free, and the calling thread's to write.
#[inline(always)]
pub unsafe fn publish_gap_marker<W: Word>(slot: &Slot<W>, number: u64, dropped: u64, mode: Mode) {
    // SAFETY: the caller's contract: nobody else touches the slot before the Release store below.
    unsafe { W::write_chunk(slot.chunk16(1), [dropped, 0]) };
    let meta = match mode {
        Mode::Fenced => Meta::GAP,
        Mode::FenceFree => Meta::GAP.with_mask(sentinel::escape_in_place(slot, GAP_SIZE)),
    };
    slot.meta.store(meta.word(), Ordering::Relaxed);
    // pairs with the Acquire loads of seq in Consumer::acquire_batch and Consumer::peek
    slot.seq.store(batch::published(number), Ordering::Release);
}

impl<W: Word> Producer<W> {
    /// Publishes one message of up to 240 bytes as [`push`](Self::push) does, or drops it if the
    /// ring is full; whether it was published. The consumer learns, in order, how many messages are
    /// missing: a gap marker takes a slot of its own, ahead of the next message. So after a drop
    /// this takes up again when two slots are free. (A ring of one slot carries the gap marker
    /// first, and with it counts this message as dropped; while more are dropped before the
    /// consumer has read it, it carries nothing but gap markers.)
    ///
    /// # Errors
    /// [`Refused::TooLong`], [`Refused::Disconnected`], [`Refused::CorruptTail`]; nothing has
    /// changed then.
    #[inline(always)]
    pub fn push_or_drop(&mut self, kind: u16, flags: u8, bytes: &[u8]) -> Result<bool, Refused> {
        if bytes.len() > PAYLOAD_SIZE {
            return Err(Refused::TooLong);
        }
        Ok(self.room_or_drop()? && self.push(kind, flags, bytes).map(|()| true)?)
    }

    /// Makes sure of a free slot for one message, or counts the message as dropped; whether there
    /// is a slot. What is staged is given up first.
    ///
    /// # Errors
    /// [`Refused::Disconnected`], [`Refused::CorruptTail`].
    #[inline(always)]
    pub fn room_or_drop(&mut self) -> Result<bool, Refused> {
        self.abandon();
        if self.credit() != 0 { Ok(true) } else { self.look_or_drop() }
    }

    // Not a function of its own on a GPU, as `renew`.
    #[cfg_attr(target_arch = "nvptx64", inline(always))]
    #[cfg_attr(not(target_arch = "nvptx64"), cold, inline(never))]
    fn look_or_drop(&mut self) -> Result<bool, Refused> {
        self.read_tail()?;
        let plan = Plan::or_drop(self.ring.capacity(), self.unreported, 1, self.credit());
        if plan == Plan::Nothing {
            self.count_full();
            self.count_dropped();
            self.forget_credit();
            return Ok(false);
        }
        self.starved = false;
        if plan == Plan::MarkOnly {
            self.count_dropped();
        }
        if plan != Plan::Send {
            self.publish_marker();
        }
        Ok(plan != Plan::MarkOnly)
    }

    /// Messages dropped that no gap marker has reported yet.
    #[inline(always)]
    pub fn unreported(&self) -> u64 {
        self.unreported
    }

    /// Messages dropped so far, on this ring.
    #[inline(always)]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Goes on for a producer (this one or another) that dropped `dropped` messages, of which
    /// nothing has reported the last `unreported`. What is staged is given up.
    pub fn set_dropped(&mut self, dropped: u64, unreported: u64) {
        self.abandon();
        (self.dropped, self.unreported) = (dropped, unreported);
        if unreported != 0 {
            self.forget_credit();
        }
    }

    /// Counts one message as dropped, while there is no credit.
    #[inline(always)]
    fn count_dropped(&mut self) {
        // Where the count began may have been read from shared memory.
        self.dropped = self.dropped.wrapping_add(1);
        self.unreported = self.unreported.wrapping_add(1);
        // A device stores its counts when it pauses or finishes.
        if cfg!(not(target_arch = "nvptx64")) {
            self.control().producer.stats.dropped.store(self.dropped, Ordering::Relaxed);
        }
    }

    /// Publishes the gap marker of the messages dropped, into a slot that is known to be free,
    /// while nothing is staged.
    #[inline(always)]
    pub(super) fn publish_marker(&mut self) {
        let (number, ring) = (self.head, self.ring);
        // SAFETY: the slot is free (the Acquire of tail), and this is the only producer.
        let slot = unsafe { ring.slot(number) };
        // SAFETY: as above.
        unsafe { publish_gap_marker(slot, number, self.unreported, ring.mode()) };
        self.head = number.wrapping_add(1);
        self.unreported = 0;
    }
}
