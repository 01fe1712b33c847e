//! How a producer comes by credit: from its own knowledge, from other producers, or across the
//! link.

use core::sync::atomic::{Ordering, fence};

use perdix_core::policy::crosses_eighth;

use super::Link;
use super::wait::{WAITED, renew, wait};
use crate::error::Error;
use crate::intrinsics::{Warp, lane_id};

/// A tail that was asked for ahead of need; the words are lane 0's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Prefetch {
    /// There is credit enough.
    None,
    /// A tail that another producer has read.
    Shared(u64),
    /// The tail's word in the ring.
    Across(u64),
}

impl Link {
    /// Waits, up to `limit_ns`, until the slots of all messages below `end` are free: one lane
    /// looks, all get the answer.
    #[inline(always)]
    pub(crate) fn wait_credit(&mut self, warp: &mut Warp, end: u64, limit_ns: u64) -> Result<(), Error> {
        if self.credit().covers(end) {
            return Ok(());
        }
        let (mut tail, mut outcome) = (self.tail, 0);
        if lane_id() == 0 {
            let capacity = self.ring.capacity();
            // SAFETY: words are only loaded.
            let control = unsafe { self.ring.control() };
            (tail, outcome) = wait(control, self.state, tail, end, capacity, limit_ns);
            self.full += outcome >> WAITED;
        }
        self.tail = warp.shuffle_u64(tail, 0);
        let code = warp.shuffle(outcome as u32 & !(1 << WAITED), 0);
        // A shuffle orders no memory: only now come all lanes' writes after what the consumer did
        // before it moved the tail.
        warp.sync();
        Error::from_code(code)
    }

    /// Waits, up to the ring's time limit, until the slots of all messages below `end`, which this
    /// thread has claimed, are free. The thread is by itself.
    #[inline(always)]
    pub(crate) fn wait_credit_alone(&mut self, end: u64) -> Result<(), Error> {
        if self.credit().covers_outdated(end) {
            return Ok(());
        }
        let capacity = self.ring.capacity();
        // SAFETY: words are only loaded.
        let control = unsafe { self.ring.control() };
        let (tail, outcome) = wait(control, self.state, self.tail, end, capacity, self.limit_ns);
        self.tail = tail;
        self.full += outcome >> WAITED;
        Error::from_code(outcome as u32 & !(1 << WAITED))
    }

    /// Whether the slots of all messages below `end` are free, without waiting. `end` may be
    /// outdated: other threads may have claimed beyond it. One thread at a time asks across the
    /// link; for the others no news is an answer. The thread is by itself.
    #[inline(always)]
    pub(crate) fn try_credit(&mut self, end: u64) -> Result<bool, Error> {
        if !self.credit().covers_outdated(end) {
            // SAFETY: words are only loaded.
            let control = unsafe { self.ring.control() };
            let (tail, code) = renew(control, self.state, self.ring.capacity(), self.tail);
            self.tail = tail;
            self.full += u64::from(!self.credit().covers_outdated(end));
            Error::from_code(code)?;
        }
        Ok(self.credit().covers_outdated(end))
    }

    /// Asks for a newer tail ahead of need, before messages `first` to `end` are published, if half
    /// of the ring is known to be taken. Of several producers, the one whose messages cross an
    /// eighth of the ring asks across the link, the others ask for what it found: reads across the
    /// link that many threads make at a time wait for each other. Orders nothing: an Acquire fence
    /// has to follow before [`take_prefetch`](Self::take_prefetch).
    #[inline(always)]
    pub(crate) fn prefetch(&self, first: u64, end: u64) -> Prefetch {
        if !self.credit().runs_low(end) {
            return Prefetch::None;
        }
        let is_across = crosses_eighth(self.ring.capacity(), first, end);
        let word = match lane_id() {
            // SAFETY: the word is only loaded.
            0 if is_across => unsafe { self.ring.control() }.consumer.tail.load(Ordering::Relaxed),
            0 => self.state.words().tail.load(Ordering::Relaxed),
            _ => 0,
        };
        if is_across { Prefetch::Across(word) } else { Prefetch::Shared(word) }
    }

    /// Takes what [`prefetch`](Self::prefetch) found before message `first` was published, if it is
    /// newer than what is known, and shares what came across the link.
    #[inline(always)]
    pub(crate) fn take_prefetch(&mut self, warp: &mut Warp, found: Prefetch, first: u64) {
        let credit = match found {
            Prefetch::None => return,
            Prefetch::Shared(tail) => self.credit().newest(tail),
            Prefetch::Across(word) => self.credit().renew_early(word, first),
        };
        self.tail = warp.shuffle_u64(credit.tail(), 0);
        if matches!(found, Prefetch::Across(_)) && lane_id() == 0 {
            // pairs with the acquire loads in `wait` and behind `prefetch`: the fence before makes this store a release
            self.state.words().tail.store(self.tail, Ordering::Relaxed);
        }
        // As in `wait_credit`: all lanes' later writes come after lane 0's look.
        warp.sync();
    }

    /// Renews the credit behind messages that were sent without a fence, if it is time: a message
    /// that finds no credit would wait for the link's round trip.
    #[inline(always)]
    pub(crate) fn renew_ahead(&mut self, warp: &mut Warp, first: u64, end: u64) {
        if crosses_eighth(self.ring.capacity(), first, end) {
            let found = self.prefetch(first, end);
            if !matches!(found, Prefetch::None) {
                // pairs with the Release store of tail in Consumer::publish_tail, and makes the store in `take_prefetch` a release
                fence(Ordering::AcqRel);
                self.take_prefetch(warp, found, end);
            }
        }
    }
}
