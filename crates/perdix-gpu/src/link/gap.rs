//! Messages dropped because the ring was full, and the gap marker that reports them.

use perdix_core::{Mode, Slot, publish_gap_marker};

use super::Link;
use crate::intrinsics::{Warp, lane_id};

impl Link {
    /// Messages dropped that no gap marker has reported: lane 0's number for all.
    #[inline(always)]
    pub(crate) fn unreported(&self, warp: &mut Warp) -> u64 {
        warp.shuffle_u64(if lane_id() == 0 { self.state.unreported() } else { 0 }, 0)
    }

    /// Publishes the marker that `dropped` messages (lane 0's number) are missing, as message
    /// `number`, whose slot is free.
    #[inline(always)]
    pub(crate) fn publish_gap_marker(&self, warp: &mut Warp, number: u64, dropped: u64) {
        if lane_id() == 0 {
            self.publish_gap_marker_alone(number, dropped);
        }
        warp.sync();
    }

    /// The same by a thread alone, whose slot it is.
    #[inline(always)]
    pub(crate) fn publish_gap_marker_alone(&self, number: u64, dropped: u64) {
        // SAFETY: the slot is free, and this thread's to write.
        let slot = unsafe { self.ring.slot(number) };
        write_gap_marker(slot, number, dropped, self.ring.mode());
    }
}

/// Publishes a gap marker into a free slot of this thread's. What happens seldom takes no room in
/// the loops of those who send.
#[cold]
#[inline(never)]
fn write_gap_marker(slot: &Slot, number: u64, dropped: u64, mode: Mode) {
    // SAFETY: the caller has found the slot of this message free, and one lane of its producer writes it.
    unsafe { publish_gap_marker(slot, number, dropped, mode) };
}
