//! Credit for a thread by itself, wherever the other lanes of its warp are.

use core::sync::atomic::Ordering;

use perdix_core::{Control, Cursor, DeviceState};

use super::{Link, newer, try_look, wait};
use crate::error::Error;
use crate::intrinsics::{device_load_acquire, device_store_release};

impl Link {
    /// Whether the slots of all messages below `end` are free, without waiting. `end` may be outdated: other threads may have claimed
    /// beyond it. One thread at a time asks across the link; for the others no news is an answer.
    #[inline(always)]
    pub(crate) fn glance(&mut self, end: u64) -> Result<bool, Error> {
        if !self.is_free(end) {
            // SAFETY: words are only loaded.
            let control = unsafe { self.ring.control() };
            let (tail, code) = renew(control, self.state, self.tail);
            self.tail = tail;
            self.full += u64::from(!self.is_free(end));
            Error::from_code(code)?;
        }
        Ok(self.is_free(end))
    }

    /// Waits, up to the ring's time limit, until the slots of all messages below `end`, which this thread has claimed, are free.
    #[inline(always)]
    pub(crate) fn wait_alone(&mut self, end: u64) -> Result<(), Error> {
        if self.is_free(end) {
            return Ok(());
        }
        let capacity = self.ring.capacity();
        // SAFETY: words are only loaded.
        let control = unsafe { self.ring.control() };
        let (tail, outcome) = wait(control, self.state, self.tail, end, capacity, self.limit_ns);
        self.tail = tail;
        self.full += outcome >> super::WAITED;
        Error::from_code(outcome as u32 & !(1 << super::WAITED))
    }

    /// As `has_credit`, also for an `end` that the consumer has passed.
    #[inline(always)]
    fn is_free(&self, end: u64) -> bool {
        end.wrapping_sub(self.tail) as i64 <= self.ring.capacity() as i64
    }
}

/// The newest tail that can be had without waiting, and the code of an error.
#[cold]
#[inline(never)]
fn renew(control: &Control, state: *const DeviceState, known: u64) -> (u64, u32) {
    // SAFETY: the host keeps the state as long as the ring, and all its words are atomics.
    let state = unsafe { &*state };
    // pairs with the release store below, by another thread of the launch
    let known = newer(known, device_load_acquire(&state.tail));
    if !try_look(state) {
        return (known, 0);
    }
    // pairs with the Release store of tail in Consumer::publish_tail
    let cursor = Cursor::from_word(control.consumer.tail.load(Ordering::Acquire));
    // What the consumer has passed was claimed before, so the head is not behind the tail, or the memory is corrupt.
    let head = state.head.load(Ordering::Relaxed);
    let behind = cursor.distance_to(head);
    let (tail, code) = if cursor.flag() {
        (known, Error::ConsumerGone as u32)
    } else if behind > head.wrapping_sub(known) {
        (known, Error::Corrupt as u32)
    } else {
        let tail = head.wrapping_sub(behind);
        // pairs with the acquire load above, by another thread of the launch
        device_store_release(&state.tail, tail);
        (tail, 0)
    };
    state.looking.store(0, Ordering::Relaxed);
    (tail, code)
}
