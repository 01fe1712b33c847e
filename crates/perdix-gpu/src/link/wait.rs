//! The slow ways to credit. They take and return numbers, since a [`Link`](super::Link) whose
//! address was passed to another function would have to live in (slow) local memory all the time.

use core::sync::atomic::Ordering;

use perdix_core::Control;
use perdix_core::policy::Credit;

use crate::error::Error;
use crate::intrinsics::{now_ns, sleep_ns};
use crate::state::State;

/// How long a waiting producer sleeps between looks at the tail, in nanoseconds: a look costs about
/// 1 µs across the link. A ring that is full because producer and consumer are equally fast has
/// room again within a few looks, so the first ones come quickly.
const FIRST_SLEEP_NS: u32 = 100;
const LONGEST_SLEEP_NS: u32 = 4000;
const QUICK_LOOKS: u32 = 32;

/// The bit beside an error's code that says whether the wait found the ring full.
pub(super) const WAITED: u32 = 31;

/// Waits, up to `limit_ns`, until the slots of all messages below `end` are free: looks at the tail
/// that others have read, then across the link. Returns the newest tail, and an error's code.
#[cold]
#[inline(never)]
pub(super) fn wait(
    control: &Control,
    state: State,
    tail: u64,
    end: u64,
    capacity: u64,
    limit_ns: u64,
) -> (u64, u64) {
    let begun = now_ns();
    let (mut looks, mut sleep, mut full) = (0_u32, FIRST_SLEEP_NS, 0);
    let mut credit = Credit::new(capacity, tail);
    let outcome = loop {
        credit = credit.newest(state.tail());
        if credit.covers(end) {
            break Ok(());
        }
        // One looks for all, unless the caller wants an answer at once: reads across the link by
        // many threads queue up.
        let is_looker = state.begin_look();
        if is_looker || limit_ns == 0 {
            // pairs with the Release store of tail in Consumer::publish_tail
            let renewed = credit.renew(control.consumer.tail.load(Ordering::Acquire), end);
            if let Ok(renewed) = renewed {
                credit = renewed;
                state.share_tail(credit.tail());
            }
            if is_looker {
                state.end_look();
            }
            if let Err(refused) = renewed {
                break Err(Error::from(refused));
            }
        }
        if credit.covers(end) {
            break Ok(());
        }
        full = 1 << WAITED;
        if limit_ns == 0 {
            break Err(Error::Full);
        }
        if state.has_failed() {
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
    (credit.tail(), u64::from(Error::code(outcome)) | full)
}

/// The newest tail that can be had without waiting, and the code of an error.
#[cold]
#[inline(never)]
pub(super) fn renew(control: &Control, state: State, capacity: u64, known: u64) -> (u64, u32) {
    let credit = Credit::new(capacity, known).newest(state.tail());
    if !state.begin_look() {
        return (credit.tail(), 0);
    }
    // pairs with the Release store of tail in Consumer::publish_tail
    let word = control.consumer.tail.load(Ordering::Acquire);
    // What the consumer has passed was claimed before, so the head is not behind the tail, or the
    // memory is corrupt.
    let renewed = credit.renew(word, state.head());
    if let Ok(renewed) = renewed {
        state.share_tail(renewed.tail());
    }
    state.end_look();
    match renewed {
        Ok(renewed) => (renewed.tail(), 0),
        Err(refused) => (credit.tail(), Error::from(refused) as u32),
    }
}
