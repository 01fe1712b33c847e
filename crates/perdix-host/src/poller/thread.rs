//! The thread that looks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

use super::table::Poller;
use crate::wait::WaitStrategy;

/// Rounds without a pause worth the name, then rounds that let others run, before the first sleep.
const SPINS: u32 = 64;
const YIELDS: u32 = 64;
/// Between two rounds, so that those who want the table get it.
const PAUSES_PER_SPIN: u32 = 8;
const FIRST_SLEEP: Duration = Duration::from_micros(20);

/// Starts the thread; whether that worked.
pub(super) fn start(poller: &'static Poller) -> bool {
    std::thread::Builder::new().name("perdix-poller".into()).spawn(|| run(poller)).is_ok()
}

fn run(poller: &Poller) {
    let (mut rounds, mut sleep) = (0_u32, FIRST_SLEEP);
    let mut woken = Vec::new();
    loop {
        let mut table = poller.lock();
        while table.waiting == 0 {
            table.asleep = true;
            table = poller.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
            table.asleep = false;
        }
        if std::mem::take(&mut table.fresh) {
            (rounds, sleep) = (0, FIRST_SLEEP);
        }
        rounds = rounds.wrapping_add(1);
        table.look(&mut woken);
        poller.looks.fetch_add(1, Ordering::Relaxed);
        if !woken.is_empty() {
            drop(table);
            poller.wakes.fetch_add(woken.len() as u64, Ordering::Relaxed);
            woken.drain(..).for_each(wake);
            continue;
        }
        let wait = table.config.wait;
        if wait == WaitStrategy::Spin || rounds <= SPINS {
            drop(table);
            (0..PAUSES_PER_SPIN).for_each(|_| std::hint::spin_loop());
        } else if wait == WaitStrategy::Yield || rounds <= SPINS + YIELDS {
            drop(table);
            std::thread::yield_now();
        } else {
            rounds = SPINS + YIELDS;
            let longest = table.config.longest_sleep;
            table.asleep = true;
            let slept = poller.changed.wait_timeout(table, sleep.min(longest));
            slept.unwrap_or_else(PoisonError::into_inner).0.asleep = false;
            sleep = (sleep * 2).min(longest.max(FIRST_SLEEP));
        }
    }
}

fn wake(waker: Waker) {
    // A waker that panics must not end the wake-ups of others; its panic was reported when it
    // began.
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}
