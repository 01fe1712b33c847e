//! Messages dropped because the ring was full, and the notice that tells the consumer.

use core::sync::atomic::Ordering;

use perdix_core::{Mode, Ring, Slot, publish_notice};

use crate::intrinsics::{device_add, lane_id, shuffle_u64, sync_warp};
use crate::link::Link;

impl Link {
    /// Messages dropped of which no notice tells yet. Converged.
    #[inline(always)]
    pub(crate) fn gap(&self) -> u64 {
        let gap = if lane_id() == 0 { self.state().gap.load(Ordering::Relaxed) } else { 0 };
        shuffle_u64(gap, 0)
    }

    /// Counts messages as dropped. One thread.
    #[inline(always)]
    pub(crate) fn count_dropped(&self, messages: u64) {
        device_add(&self.state().gap, messages);
        device_add(&self.state().dropped, messages);
    }

    /// Forgets what is known of the tail, so that a producer whose next message is `head` looks again, and tells of what it dropped first.
    #[inline(always)]
    pub(crate) fn use_up_credit(&mut self, head: u64) {
        self.set_tail(head.wrapping_sub(self.ring.capacity()));
    }

    /// Tells the host how many messages were dropped. One thread, after all others have counted.
    #[inline(always)]
    pub(crate) fn publish_dropped(&self) {
        let dropped = self.state().dropped.load(Ordering::Relaxed);
        // SAFETY: this is the ring's producer.
        unsafe { self.ring.control() }.producer.stats.dropped.store(dropped, Ordering::Relaxed);
    }
}

/// Publishes the notice that `dropped` messages (lane 0's number) are missing, as message `number`, whose slot is free. Converged.
#[inline(always)]
pub(crate) fn tell(ring: &Ring, number: u64, dropped: u64) {
    if lane_id() == 0 {
        // SAFETY: the slot is free, and this lane's to write.
        write_notice(unsafe { ring.slot(number) }, number, dropped, ring.mode());
    }
    sync_warp();
}

/// Publishes the notice of a gap into a free slot of this thread's. What happens seldom takes no room in the loops of those who send.
#[cold]
#[inline(never)]
pub(crate) fn write_notice(slot: &Slot, number: u64, dropped: u64, mode: Mode) {
    // SAFETY: the caller has found the slot of this message free, and one lane of its producer writes it.
    unsafe { publish_notice(slot, number, dropped, mode) };
}
