//! What every device producer has: the ring, the shared state, a cached tail, and how it waits for credit.

use core::sync::atomic::Ordering;

use perdix_core::{Cursor, DeviceRing, DeviceState, Fault, Ring};

use crate::error::Error;
use crate::intrinsics::{
    device_add, device_fence, device_load_acquire, device_min, device_store_release, lane_id, now_ns,
    shuffle, shuffle_u64, sleep_ns, sync_warp,
};

/// How long a waiting producer sleeps between looks at the tail, in nanoseconds: a look costs about 1 µs across the link.
const FIRST_SLEEP_NS: u32 = 100;
const LONGEST_SLEEP_NS: u32 = 4000;

/// One producer's end of the link.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) ring: Ring,
    state: *const DeviceState,
    limit_ns: u64,
    /// A tail that the consumer has reached.
    tail: u64,
    messages: u64,
    bytes: u64,
    full: u64,
}

impl Link {
    /// # Safety
    /// The handle was made by a host for a ring that outlives this producer.
    #[inline(always)]
    pub(crate) unsafe fn new(handle: &DeviceRing) -> Result<Self, Error> {
        // SAFETY: the caller's contract.
        let ring = unsafe { handle.ring() }.map_err(|_| Error::Corrupt)?;
        if handle.state.is_null() {
            return Err(Error::Corrupt);
        }
        let mut link = Self {
            ring,
            state: handle.state,
            limit_ns: handle.limit_ns,
            tail: 0,
            messages: 0,
            bytes: 0,
            full: 0,
        };
        link.tail = device_load_acquire(&link.state().tail);
        Ok(link)
    }

    /// [`new`](Self::new) for a whole warp: other warps may be moving the shared tail, and lanes that began with different ones
    /// would disagree later on who has to wait. Converged.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    #[inline(always)]
    pub(crate) unsafe fn new_warp(handle: &DeviceRing) -> Result<Self, Error> {
        // SAFETY: the caller's contract.
        let mut link = unsafe { Self::new(handle) }?;
        link.tail = shuffle_u64(link.tail, 0);
        sync_warp();
        Ok(link)
    }

    #[inline(always)]
    pub(crate) fn state(&self) -> &DeviceState {
        // SAFETY: the host keeps the state as long as the ring, and all its words are atomics.
        unsafe { &*self.state }
    }

    #[inline(always)]
    pub(crate) fn limit_ns(&self) -> u64 {
        self.limit_ns
    }

    /// The number of the next message that nobody has claimed.
    #[inline(always)]
    pub(crate) fn head(&self) -> u64 {
        self.state().head.load(Ordering::Relaxed)
    }

    /// Whether the slots of all messages below `end` are known to be free.
    #[inline(always)]
    pub(crate) fn has_credit(&self, end: u64) -> bool {
        end.wrapping_sub(self.tail) <= self.ring.capacity()
    }

    /// Waits, up to `limit_ns`, until the slots of all messages below `end` are free: one lane looks, all get the answer.
    /// Converged.
    #[inline(always)]
    pub(crate) fn wait_warp(&mut self, end: u64, limit_ns: u64) -> Result<(), Error> {
        if self.has_credit(end) {
            return Ok(());
        }
        let mut code = 0;
        if lane_id() == 0 {
            code = Error::code(self.wait_long(end, limit_ns));
        }
        self.tail = shuffle_u64(self.tail, 0);
        let code = shuffle(code, 0);
        // A shuffle orders no memory: only now come all lanes' writes after what the consumer did before it moved the tail.
        sync_warp();
        Error::from_code(code)
    }

    /// Whether some producer has given up and said why: nothing after its message will be read.
    #[inline(always)]
    pub(crate) fn has_failed(&self) -> bool {
        self.state().fault.load(Ordering::Relaxed) != 0
    }

    /// Counts what this thread answers for.
    #[inline(always)]
    pub(crate) fn count(&mut self, messages: u64, bytes: u64, full: u64) {
        self.messages += messages;
        self.bytes += bytes;
        self.full += full;
    }

    /// Ends the stream for all producers: message `number` was claimed and will not be sent. One thread.
    #[inline(always)]
    pub(crate) fn give_up(&self, number: u64, error: Error) {
        let state = self.state();
        device_min(&state.unsent, number.wrapping_sub(self.ring.config().start));
        if let Some(fault) = error.fault() {
            self.raise(fault);
        }
    }

    /// Adds this thread's counts to the shared state.
    #[inline(always)]
    pub(crate) fn settle_counts(&mut self) {
        let state = self.state();
        for (word, count) in
            [(&state.messages, self.messages), (&state.bytes, self.bytes), (&state.full, self.full)]
        {
            if count != 0 {
                device_add(word, count);
            }
        }
        (self.messages, self.bytes, self.full) = (0, 0, 0);
    }

    /// Says that the stream is left open on purpose. One thread.
    #[inline(always)]
    pub(crate) fn leave_open(&self) {
        self.state().paused.store(1, Ordering::Relaxed);
    }

    /// Ends the stream after the last message that was sent without a gap. One thread, after all others have settled.
    #[inline(always)]
    pub(crate) fn close(&self) {
        device_fence();
        let (state, line) = (self.state(), &self.ring.control().producer);
        let (head, start) = (self.head(), self.ring.config().start);
        let unsent = state.unsent.load(Ordering::Relaxed);
        let claimed = head.wrapping_sub(start);
        let sent = if unsent < claimed { unsent } else { claimed };
        line.stats.messages.store(state.messages.load(Ordering::Relaxed), Ordering::Relaxed);
        line.stats.bytes.store(state.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        line.stats.full.store(state.full.load(Ordering::Relaxed), Ordering::Relaxed);
        line.stats.dropped.store(claimed - sent, Ordering::Relaxed);
        let fault = Fault::from_word(state.fault.load(Ordering::Relaxed));
        self.ring.close(start.wrapping_add(sent), fault);
    }

    /// The slow path: looks at the tail that others have read, then across the link.
    #[cold]
    #[inline(never)]
    fn wait_long(&mut self, end: u64, limit_ns: u64) -> Result<(), Error> {
        let begun = now_ns();
        let mut sleep = FIRST_SLEEP_NS;
        let mut counted = false;
        loop {
            // pairs with the release store below, by another producer of the launch
            self.advance_to(device_load_acquire(&self.state().tail));
            if self.has_credit(end) {
                return Ok(());
            }
            self.look_across(end)?;
            if self.has_credit(end) {
                return Ok(());
            }
            if !counted {
                counted = true;
                self.full += 1;
            }
            if limit_ns == 0 {
                return Err(Error::Full);
            }
            if self.has_failed() {
                return Err(Error::Stopped);
            }
            if now_ns().wrapping_sub(begun) >= limit_ns {
                return Err(Error::TimedOut);
            }
            sleep_ns(sleep);
            sleep = if 2 * sleep < LONGEST_SLEEP_NS { 2 * sleep } else { LONGEST_SLEEP_NS };
        }
    }

    /// Reads the consumer's tail and shares it.
    #[inline(always)]
    fn look_across(&mut self, end: u64) -> Result<(), Error> {
        // pairs with the Release store of tail in Consumer::publish_tail
        let tail = Cursor::from_word(self.ring.control().consumer.tail.load(Ordering::Acquire));
        if tail.flag() {
            return Err(Error::ConsumerGone);
        }
        // The tail has 63 bits here; it lies between the one known and the end asked for, or the memory is corrupt.
        let behind = tail.distance_to(end);
        if behind > end.wrapping_sub(self.tail) {
            return Err(Error::Corrupt);
        }
        self.advance_to(end.wrapping_sub(behind));
        // pairs with the acquire load above, by another producer of the launch
        device_store_release(&self.state().tail, self.tail);
        Ok(())
    }

    /// Takes a tail that may be older than the one known.
    #[inline(always)]
    fn advance_to(&mut self, tail: u64) {
        if (tail.wrapping_sub(self.tail) as i64) > 0 {
            self.tail = tail;
        }
    }

    #[inline(always)]
    fn raise(&self, fault: Fault) {
        // The first fault stays; which of several comes first does not matter.
        let _ = self.state().fault.compare_exchange(0, fault as u64, Ordering::Relaxed, Ordering::Relaxed);
    }
}
