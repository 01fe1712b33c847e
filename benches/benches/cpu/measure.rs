//! The two measurements.

use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;

use crate::queues::{CAPACITY, Queue, sum};

/// Messages that go through before the clock starts: two laps, so that every page of the queue is there.
const WARM_UP: u64 = 2 * CAPACITY as u64;

/// Round trips between two looks at the clock, which costs as much as a good part of a trip.
const TRIPS_PER_LOOK: u64 = 16;

/// How long `messages` messages take from one core to another.
pub(crate) fn stream<const N: usize, Q: Queue<N>>(messages: u64) -> Duration {
    let mut queue = Q::open();
    let (mut tx, mut rx) = queue.split();
    let start = &Barrier::new(2);
    thread::scope(|scope| {
        // Moved, so that they share no cache line with what this thread writes on its stack.
        scope.spawn(move || {
            pin(0);
            start.wait();
            let mut message = [1; N];
            Q::send(&mut tx, 0..WARM_UP, &mut message);
            start.wait();
            Q::send(&mut tx, 0..messages, &mut message);
        });
        pin(1);
        start.wait();
        check::<N>(Q::receive(&mut rx, WARM_UP), WARM_UP);
        start.wait();
        let begun = Instant::now();
        let received = Q::receive(&mut rx, messages);
        let taken = begun.elapsed();
        check::<N>(received, messages);
        taken
    })
}

/// How long `trips` messages would take there and back, one at a time, if all were like the median.
pub(crate) fn round_trips<const N: usize, Q: Queue<N>>(trips: u64) -> Duration {
    let (mut there, mut back) = (Q::open(), Q::open());
    let ((mut ping, mut pinged), (mut pong, mut ponged)) = (there.split(), back.split());
    let start = &Barrier::new(2);
    let all = WARM_UP + trips;
    thread::scope(|scope| {
        // Moved, so that they share no cache line with what this thread writes on its stack.
        scope.spawn(move || {
            pin(0);
            start.wait();
            let mut message = [1; N];
            for _ in 0..all {
                let received = Q::receive(&mut pinged, 1);
                Q::send(&mut pong, received..received + 1, &mut message);
            }
        });
        pin(1);
        start.wait();
        let mut message = [1; N];
        let mut looks = Vec::with_capacity((trips / TRIPS_PER_LOOK) as usize);
        let rest = sum(&message) - 1;
        let mut last = Instant::now();
        for trip in 0..all {
            Q::send(&mut ping, trip..trip + 1, &mut message);
            assert_eq!(Q::receive(&mut ponged, 1), trip + 2 * rest);
            if trip % TRIPS_PER_LOOK == TRIPS_PER_LOOK - 1 {
                let now = Instant::now();
                if trip >= WARM_UP {
                    looks.push(now - last);
                }
                last = now;
            }
        }
        looks.sort_unstable();
        looks[looks.len() / 2].mul_f64(trips as f64 / TRIPS_PER_LOOK as f64)
    })
}

/// That every message has arrived whole.
fn check<const N: usize>(received: u64, messages: u64) {
    assert_eq!(received, (N as u64 - 1) * messages + messages * (messages - 1) / 2);
}

/// Pins this thread to one of the cores that the process may use.
pub(crate) fn pin(core: usize) {
    // Asked once, before any pinning: a pinned thread and its children see only their own core.
    static CORES: OnceLock<Vec<CoreId>> = OnceLock::new();
    if let Some(core) = CORES.get_or_init(|| core_affinity::get_core_ids().unwrap_or_default()).get(core) {
        core_affinity::set_for_current(*core);
    }
}
