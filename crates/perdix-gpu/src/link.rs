//! What every device producer has: the ring, the shared state, a cached tail, and how it waits for credit.

mod alone;

use core::sync::atomic::{Ordering, fence};

use perdix_core::{Control, Cursor, DeviceRing, DeviceState, Fault, Ring};

use crate::error::Error;
use crate::intrinsics::{
    device_add, device_fence, device_load_acquire, device_min, device_store_release, lane_id, now_ns,
    shuffle, shuffle_u64, sleep_ns, sync_warp,
};
use crate::stores::close;

/// How long a waiting producer sleeps between looks at the tail, in nanoseconds: a look costs about 1 µs across the link. A ring
/// that is full because producer and consumer are equally fast has room again within a few looks, so the first ones come quickly.
const FIRST_SLEEP_NS: u32 = 100;
const LONGEST_SLEEP_NS: u32 = 4000;
const QUICK_LOOKS: u32 = 32;

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
        let ring = unsafe { handle.ring() }?;
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
        // Earlier kernels' pauses say nothing about how this one ends.
        link.state().paused.store(0, Ordering::Relaxed);
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

    #[inline(always)]
    pub(crate) fn set_tail(&mut self, tail: u64) {
        self.tail = tail;
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
        let (mut tail, mut outcome) = (self.tail, 0);
        if lane_id() == 0 {
            let ring = &self.ring;
            (tail, outcome) = wait(ring.control(), self.state, tail, end, self.ring.capacity(), limit_ns);
            self.full += outcome >> WAITED;
        }
        self.tail = shuffle_u64(tail, 0);
        let code = shuffle(outcome as u32 & !(1 << WAITED), 0);
        // A shuffle orders no memory: only now come all lanes' writes after what the consumer did before it moved the tail.
        sync_warp();
        Error::from_code(code)
    }

    /// Asks for a newer tail ahead of need, before messages `first` to `end` are published, if half of the ring is known to be
    /// taken. Of several producers, the one whose messages cross an eighth of the ring asks across the link, the others ask for what
    /// it found: reads across the link that many threads make at a time wait for each other. Orders nothing: an Acquire fence has to
    /// follow before [`take`](Self::take).
    #[inline(always)]
    pub(crate) fn look(&self, first: u64, end: u64) -> Look {
        if end.wrapping_sub(self.tail) <= self.ring.capacity() / 2 {
            return Look::None;
        }
        let is_across = self.crosses_eighth(first, end);
        let word = match lane_id() {
            0 if is_across => self.ring.control().consumer.tail.load(Ordering::Relaxed),
            0 => self.state().tail.load(Ordering::Relaxed),
            _ => 0,
        };
        if is_across { Look::Across(word) } else { Look::Shared(word) }
    }

    /// Takes what [`look`](Self::look) found before message `first` was published, if it is newer than what is known, and shares
    /// what came across the link. A word that cannot be (consumer gone, corrupt) is left for the next wait to name. Converged.
    #[inline(always)]
    pub(crate) fn take(&mut self, look: Look, first: u64) {
        let tail = match look {
            Look::None => return,
            Look::Shared(tail) => newer(self.tail, tail),
            Look::Across(word) => {
                let tail = Cursor::from_word(word);
                let behind = tail.distance_to(first);
                if tail.flag() || behind > first.wrapping_sub(self.tail) {
                    self.tail
                } else {
                    first.wrapping_sub(behind)
                }
            }
        };
        self.tail = shuffle_u64(tail, 0);
        if matches!(look, Look::Across(_)) && lane_id() == 0 {
            // pairs with the acquire loads in `wait` and behind `look`: the fence before makes this store a release
            self.state().tail.store(self.tail, Ordering::Relaxed);
        }
        // As in `wait_warp`: all lanes' later writes come after lane 0's look.
        sync_warp();
    }

    /// Looks at the tail behind messages that were sent without a fence, if it is time: a message that finds no credit would wait
    /// for the link's round trip. Converged.
    #[inline(always)]
    pub(crate) fn look_ahead(&mut self, first: u64, end: u64) {
        if self.crosses_eighth(first, end) {
            let look = self.look(first, end);
            if !matches!(look, Look::None) {
                // pairs with the Release store of tail in Consumer::publish_tail, and makes the store in `take` a release
                fence(Ordering::AcqRel);
                self.take(look, end);
            }
        }
    }

    /// Whether an eighth of the ring ends between messages `first` and `end`.
    #[inline(always)]
    fn crosses_eighth(&self, first: u64, end: u64) -> bool {
        // In 32 bits, which are enough for an eighth of a ring, and cheaper.
        let stride = (self.ring.capacity() / 8) as u32;
        (first as u32 ^ end as u32) & stride.wrapping_neg() != 0
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

    /// Says that the stream is left open on purpose. One thread, after all others have settled.
    #[inline(always)]
    pub(crate) fn leave_open(&self) {
        self.publish_dropped();
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
        // Those beyond a gap were sent, and nobody will see them.
        let messages = state.messages.load(Ordering::Relaxed);
        let seen = if messages < sent { messages } else { sent };
        line.stats.messages.store(seen, Ordering::Relaxed);
        line.stats.bytes.store(state.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        line.stats.full.store(state.full.load(Ordering::Relaxed), Ordering::Relaxed);
        line.stats.lost.store(claimed - sent, Ordering::Relaxed);
        self.publish_dropped();
        let fault = Fault::from_word(state.fault.load(Ordering::Relaxed));
        close(&self.ring, start.wrapping_add(sent), fault);
    }

    #[inline(always)]
    fn raise(&self, fault: Fault) {
        // The first fault stays; which of several comes first does not matter.
        let _ = self.state().fault.compare_exchange(0, fault as u64, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A look at the tail ahead of need; the words are lane 0's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    /// There is credit enough.
    None,
    /// A tail that another producer has read.
    Shared(u64),
    /// The tail's word in the ring.
    Across(u64),
}

/// The bit beside an error's code that says whether the wait found the ring full.
const WAITED: u32 = 31;

/// The slow path: looks at the tail that others have read, then across the link. Takes and returns numbers, since a [`Link`] whose
/// address was passed to another function would have to live in (slow) local memory all the time.
#[cold]
#[inline(never)]
fn wait(
    control: &Control,
    state: *const DeviceState,
    mut tail: u64,
    end: u64,
    capacity: u64,
    limit_ns: u64,
) -> (u64, u64) {
    // SAFETY: the host keeps the state as long as the ring, and all its words are atomics.
    let state = unsafe { &*state };
    let begun = now_ns();
    let (mut looks, mut sleep, mut full) = (0_u32, FIRST_SLEEP_NS, 0);
    let has_credit = |tail: u64| end.wrapping_sub(tail) <= capacity;
    let outcome = loop {
        // pairs with the release store below, by another producer of the launch
        tail = newer(tail, device_load_acquire(&state.tail));
        if has_credit(tail) {
            break Ok(());
        }
        // One looks for all, unless the caller wants an answer at once: reads across the link by many threads queue up.
        let is_looker = try_look(state);
        if is_looker || limit_ns == 0 {
            // pairs with the Release store of tail in Consumer::publish_tail
            let cursor = Cursor::from_word(control.consumer.tail.load(Ordering::Acquire));
            // The tail has 63 bits here; it lies between the one known and the end asked for, or the memory is corrupt.
            let behind = cursor.distance_to(end);
            let outcome = if cursor.flag() {
                Err(Error::ConsumerGone)
            } else if behind > end.wrapping_sub(tail) {
                Err(Error::Corrupt)
            } else {
                tail = end.wrapping_sub(behind);
                // pairs with the acquire load above, by another producer of the launch
                device_store_release(&state.tail, tail);
                Ok(())
            };
            if is_looker {
                state.looking.store(0, Ordering::Relaxed);
            }
            if outcome.is_err() {
                break outcome;
            }
        }
        if has_credit(tail) {
            break Ok(());
        }
        full = 1 << WAITED;
        if limit_ns == 0 {
            break Err(Error::Full);
        }
        if state.fault.load(Ordering::Relaxed) != 0 {
            break Err(Error::Stopped);
        }
        if now_ns().wrapping_sub(begun) >= limit_ns {
            break Err(Error::TimedOut);
        }
        sleep_ns(sleep);
        looks += 1;
        if looks > QUICK_LOOKS {
            sleep = if 2 * sleep < LONGEST_SLEEP_NS { 2 * sleep } else { LONGEST_SLEEP_NS };
        }
    };
    (tail, u64::from(Error::code(outcome)) | full)
}

/// Claims the right to read the tail across the link on behalf of all producers.
#[inline(always)]
fn try_look(state: &DeviceState) -> bool {
    state.looking.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// The later of two tails, one of which may be outdated.
#[inline(always)]
fn newer(known: u64, other: u64) -> u64 {
    if (other.wrapping_sub(known) as i64) > 0 { other } else { known }
}
