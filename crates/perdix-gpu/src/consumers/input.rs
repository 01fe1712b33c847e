//! What every device consumer has: the ring, its place in it, and the slow way to poll.

use core::sync::atomic::Ordering;

use perdix_core::policy::tail_interval;
use perdix_core::{Consumer, DeviceInput, Mode, Poll, Ring};

use super::ConsumeError;
use crate::intrinsics::{WARP_SIZE, Warp, lane_id, sleep_ns, threads_per_block};
use crate::state::State;

/// Looks that find nothing before a consumer hands back what it holds: in fewer the answer to what
/// it has just sent may come, which must not wait until a fence is through.
pub(super) const IDLE_POLLS: u32 = 8;

/// Looks at full speed (each takes about a microsecond across the link) before a waiting consumer
/// sleeps in between.
const QUICK_POLLS: u32 = 1 << 16;

/// A consumer's end of the link.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) ring: Ring,
    pub(super) state: State,
    pub(super) limit_ns: u64,
    /// Whether one look at a slot is enough: see [`DeviceInput::single_store_words`].
    pub(super) single_stores: bool,
    /// The next message to take.
    pub(super) next: u64,
    /// The tail as last stored.
    pub(super) published: u64,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) dropped: u64,
    pub(super) gap_record: u64,
}

impl Input {
    /// # Safety
    /// The handle was made by a host for a ring that outlives this consumer.
    #[inline(always)]
    pub(super) unsafe fn new(handle: &DeviceInput) -> Result<Self, ConsumeError> {
        // Asked by itself: an error with the version in it would cost every kernel registers.
        if !handle.ring.is_current() {
            return Err(ConsumeError::Version);
        }
        // SAFETY: the caller's contract.
        let ring = unsafe { handle.ring.ring() }.map_err(|_| ConsumeError::Corrupt)?;
        // SAFETY: as above.
        let Some(state) = (unsafe { State::new(handle.ring.state) }) else {
            return Err(ConsumeError::Corrupt);
        };
        let mut input = Self {
            ring,
            state,
            limit_ns: handle.ring.limit_ns,
            single_stores: handle.single_store_words != 0 && ring.mode() == Mode::FenceFree,
            next: 0,
            published: 0,
            messages: 0,
            bytes: 0,
            dropped: 0,
            gap_record: 0,
        };
        let state = input.state.words();
        let read = [&state.head, &state.messages, &state.bytes, &state.dropped, &state.gap_record];
        let [next, messages, bytes, dropped, gap_record] = read.map(|word| word.load(Ordering::Relaxed));
        // Earlier kernels' pauses say nothing about how this one ends.
        input.state.set_paused(false);
        (input.next, input.published) = (next, next);
        (input.messages, input.bytes, input.dropped, input.gap_record) =
            (messages, bytes, dropped, gap_record);
        Ok(input)
    }

    /// Whether so much was taken that it has to go back.
    #[inline(always)]
    pub(super) fn holds_much(&self) -> bool {
        // Handing back takes a fence or two across the link.
        self.next.wrapping_sub(self.published) >= tail_interval(self.ring.capacity())
    }

    /// Keeps this consumer's place for a later one. One thread, after everything was handed back.
    #[inline(always)]
    pub(super) fn keep_place(&self) {
        let state = self.state.words();
        state.head.store(self.next, Ordering::Relaxed);
        state.messages.store(self.messages, Ordering::Relaxed);
        state.bytes.store(self.bytes, Ordering::Relaxed);
        state.dropped.store(self.dropped, Ordering::Relaxed);
        state.gap_record.store(self.gap_record, Ordering::Relaxed);
    }

    /// The protocol's consumer, at this place.
    #[inline(always)]
    pub(super) fn core(&self) -> Consumer {
        // SAFETY: this is the ring's only consumer, and whoever calls this hands nothing back twice.
        unsafe {
            Consumer::resume_at(
                self.ring,
                self.next,
                (self.messages, self.bytes),
                self.dropped,
                self.gap_record,
            )
        }
    }

    /// Goes on behind a gap, says that the stream has ended, or has nothing to say: for what is no
    /// ordinary message. One lane polls, all get the answer.
    #[inline(always)]
    pub(super) fn poll_slow(&mut self, warp: &mut Warp) -> Result<(), ConsumeError> {
        let (mut code, mut close) = (0, Close { value: 0, next: 0, dropped: 0, gap_record: 0 });
        if lane_id() == 0 {
            (code, close) = poll_slow(self.ring, self.next, self.dropped, self.gap_record);
        }
        let code = warp.shuffle(code, 0);
        let value = warp.shuffle_u64(close.value, 0);
        self.next = warp.shuffle_u64(if lane_id() == 0 { close.next } else { self.next }, 0);
        self.dropped = warp.shuffle_u64(close.dropped, 0);
        self.gap_record = warp.shuffle_u64(close.gap_record, 0);
        if code == 0 { Ok(()) } else { Err(ConsumeError::from_code(code, value)) }
    }
}

/// What a close look found, and where it leaves the consumer.
#[derive(Clone, Copy, Debug)]
struct Close {
    value: u64,
    next: u64,
    dropped: u64,
    gap_record: u64,
}

/// The protocol's own consumer polls. Takes and returns numbers, as an [`Input`] whose address was
/// passed to another function would have to live in (slow) local memory all the time.
#[cold]
#[inline(never)]
fn poll_slow(ring: Ring, next: u64, dropped: u64, gap_record: u64) -> (u32, Close) {
    // SAFETY: this is the ring's only consumer, and it hands nothing back.
    let mut core = unsafe { Consumer::resume_at(ring, next, (0, 0), dropped, gap_record) };
    let (code, value) = match core.look() {
        Ok(Poll::Ready(_) | Poll::Empty) => (0, 0),
        Ok(Poll::Gap(_)) => core.take_gap().map_or((0, 0), |dropped| ConsumeError::Gap(dropped).code()),
        Ok(Poll::Ended) => core.fault().map_or(ConsumeError::Ended, ConsumeError::ProducerFailed).code(),
        Err(corruption) => ConsumeError::from(corruption).code(),
    };
    (code, Close { value, next: core.next(), dropped: core.dropped(), gap_record: core.next_record() })
}

/// What a waiting lane does between polls.
#[inline(always)]
pub(super) fn rest(polls: u32) {
    if polls > QUICK_POLLS {
        sleep_ns(500);
    } else if cfg!(not(target_arch = "nvptx64")) {
        // Emulated lanes share the CPU's cores with the producer.
        sleep_ns(0);
    }
}

/// Collective operations need whole warps.
#[inline(always)]
pub(super) fn check_launch() -> Result<(), ConsumeError> {
    if threads_per_block() % WARP_SIZE == 0 { Ok(()) } else { Err(ConsumeError::Launch) }
}
