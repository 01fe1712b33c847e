//! loom models of runs: messages that a device publishes with one sequence word, in fenced mode.
//! The followers' sequence words are stored early, relaxed and before their payload, so a consumer
//! that trusted one of them by itself would race.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod loom_word;

use std::sync::atomic::Ordering;

use loom_word::LoomWord;
use loom_word::model::*;
use perdix_core::{Meta, Producer, Ring, Word};

/// `RUNS` runs of `LEN` messages of `WORDS` words each, then the end of the stream.
fn runs<const RUNS: u64, const LEN: u64, const WORDS: usize>(ring: Ring<LoomWord>) {
    let start = ring.config().start;
    for run in 0..RUNS {
        let first = start.wrapping_add(run * LEN);
        // SAFETY: it is the only producer; each run makes it anew, as device producers keep no core
        // producer.
        let mut producer = unsafe { Producer::resume_at(ring, first) };
        patiently(|| producer.ensure(LEN));
        for i in 0..LEN {
            let number = first.wrapping_add(i);
            // SAFETY: the slot was found free.
            let slot = unsafe { ring.slot(number) };
            if i != 0 {
                slot.seq.store(number.wrapping_add(1), Ordering::Relaxed);
            }
            let id = run * LEN + i;
            let followers = if i == 0 { LEN as u32 - 1 } else { 0 };
            let meta = Meta::new(8 * WORDS, 0, id as u16).with_followers(followers);
            slot.meta.store(meta.word(), Ordering::Relaxed);
            let bytes: Vec<u8> = payload(id, WORDS).into_iter().flat_map(u64::to_le_bytes).collect();
            // SAFETY: `ensure` found the slot free, and the head's sequence word is stored below.
            unsafe { LoomWord::write_plain(&slot.payload, &bytes) };
        }
        // pairs with the Acquire load of seq in Consumer::acquire_batch
        // SAFETY: as above.
        unsafe { ring.slot(first) }.seq.store(first.wrapping_add(1), Ordering::Release);
    }
    // SAFETY: this is the only producer.
    unsafe { ring.close(start.wrapping_add(RUNS * LEN), None) };
}

#[test]
fn one_run() {
    explore(3, config(4, FENCED, 0), 1, runs::<1, 3, 1>, receive_all::<3, 1>);
}

#[test]
fn runs_around_the_ring() {
    explore(2, config(2, FENCED, 0), 1, runs::<2, 2, 1>, receive_all::<4, 1>);
}

#[test]
fn numbers_wrap_inside_a_run() {
    explore(2, config(2, FENCED, WRAP), 1, runs::<2, 2, 1>, receive_all::<4, 1>);
}
