//! Proves that two threads exchange millions of messages, whatever mix of calls they use, in order and intact: both modes, all wait
//! strategies, small and large rings, pauses on either side, numbers that wrap.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test
#![allow(clippy::forget_non_drop)] // whether a guard needs Drop is its own business

mod common;
#[path = "threads/mixed.rs"]
mod mixed;

use std::thread;

use common::{MODES, watchdog};
use mixed::{Pace, consume_mixed, produce_mixed};
use perdix_host::{Buffer, Mode, Wait, WaitStrategy};

const STRATEGIES: [WaitStrategy; 3] = [WaitStrategy::Spin, WaitStrategy::Yield, WaitStrategy::Backoff];

/// Many in an optimised build, few in a debug build.
fn count(many: u64, few: u64) -> u64 {
    if cfg!(debug_assertions) { few } else { many }
}

/// What message `number` of the long runs holds: its words follow from the number, every one of them.
fn words(number: u64) -> [u64; 4] {
    [number, !number, number.rotate_left(17), perdix_core::sentinel::SENTINEL ^ (number & 1)]
}

/// Moves `count` messages of 8, 16, 24 or 32 bytes, with plain calls on both sides.
fn long_run(mode: Mode, slots: usize, count: u64, batches: bool) {
    let _watchdog = watchdog("long run", 300);
    let (mut producer, mut consumer) = Buffer::builder().slots(slots).mode(mode).build().unwrap().split();
    let counters = producer.counters();
    let bytes = |number: u64| (8 + number % 4 * 8) as usize;
    let writer = thread::spawn(move || {
        let mut number = 0;
        while number < count {
            if batches {
                let mut batch = producer.batch(64, Wait::Forever).unwrap();
                while number < count && batch.room() > 0 {
                    batch.set_kind(number as u16).push(&as_bytes(&words(number))[..bytes(number)]).unwrap();
                    number += 1;
                }
                batch.commit();
            } else {
                producer
                    .message(&as_bytes(&words(number))[..bytes(number)])
                    .kind(number as u16)
                    .send()
                    .unwrap();
                number += 1;
            }
        }
    });
    let mut next = 0;
    let seen = consumer.for_each(|message| {
        assert_eq!((message.number(), message.kind()), (next, next as u16));
        assert_eq!(message.bytes(), &as_bytes(&words(next))[..bytes(next)], "message {next}");
        next += 1;
    });
    assert_eq!((seen, next), (Ok(count), count));
    writer.join().unwrap();
    drop(consumer);
    let now = counters.read();
    assert_eq!((now.sent, now.received, now.sent_bytes), (count, count, now.received_bytes));
    assert!(now.highest_fill <= slots as u64);
}

fn as_bytes(words: &[u64; 4]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

#[test]
fn ten_million_messages_fenced() {
    long_run(Mode::Fenced, 4096, count(10_000_000, 200_000), false);
}

#[test]
fn ten_million_messages_fence_free() {
    long_run(Mode::FenceFree, 4096, count(10_000_000, 200_000), false);
}

#[test]
fn ten_million_messages_in_batches() {
    for mode in MODES {
        long_run(mode, 256, count(10_000_000, 100_000), true);
    }
}

/// One run of random calls on both sides.
fn mixed_run(mode: Mode, slots: usize, strategy: WaitStrategy, start: u64, count: u64, paces: [Pace; 2]) {
    let what = format!("{mode:?}, {slots} slots, {strategy:?}, from {start}, {paces:?}");
    let (mut producer, mut consumer) = Buffer::builder()
        .slots(slots)
        .mode(mode)
        .wait(strategy)
        .first_message(start)
        .build()
        .unwrap()
        .split();
    let counters = producer.counters();
    let longest = (slots * 240).min(2_000);
    let seed = slots as u64 ^ start ^ count;
    let writer = thread::spawn(move || produce_mixed(&mut producer, count, longest, seed, paces[0]));
    let seen = consume_mixed(&mut consumer, longest, seed, paces[1]);
    assert_eq!(seen, count, "{what}");
    let (published, bytes) = writer.join().unwrap();
    assert_eq!(consumer.position(), start.wrapping_add(published), "{what}");
    drop(consumer);
    let now = counters.read();
    assert_eq!((now.sent, now.received), (published, published), "{what}");
    assert_eq!((now.sent_bytes, now.received_bytes), (bytes, bytes), "{what}");
}

#[test]
fn any_mix_of_calls_in_both_modes_on_rings_of_all_sizes() {
    let _watchdog = watchdog("mixed calls", 300);
    for mode in MODES {
        for (slots, many) in [(1, 100_000), (2, 200_000), (64, 2_000_000), (4096, 2_000_000)] {
            for strategy in STRATEGIES {
                // A spinning half keeps the other off a shared core, for a whole time slice per message in a tiny ring.
                let many = if strategy == WaitStrategy::Spin { many / 20 } else { many };
                mixed_run(
                    mode,
                    slots,
                    strategy,
                    0,
                    count(many, (many / 50).clamp(200, 4_000)),
                    [Pace::Full; 2],
                );
            }
        }
    }
}

#[test]
fn a_slow_half_makes_the_other_wait_and_nothing_else() {
    let _watchdog = watchdog("slow halves", 300);
    for mode in MODES {
        for slots in [1, 2, 64] {
            for strategy in STRATEGIES {
                for paces in [[Pace::Full, Pace::Pausing], [Pace::Pausing, Pace::Full], [Pace::Pausing; 2]] {
                    let few = if strategy == WaitStrategy::Spin { 150 } else { 700 };
                    mixed_run(mode, slots, strategy, 0, count(20_000, few), paces);
                }
            }
        }
    }
}

#[test]
fn numbers_wrap_while_both_sides_run() {
    let _watchdog = watchdog("wrapping numbers", 300);
    for mode in MODES {
        for slots in [1, 2, 64] {
            for border in [0u64, 1 << 63] {
                let count = count(50_000, 2_000);
                let start = border.wrapping_sub(count / 2);
                mixed_run(mode, slots, WaitStrategy::Yield, start, count, [Pace::Full; 2]);
            }
        }
    }
}

#[test]
fn the_end_never_overtakes_the_last_message() {
    let _watchdog = watchdog("last messages", 120);
    let (start, started) = std::sync::mpsc::channel::<perdix_host::Producer<'static>>();
    let writer = thread::spawn(move || {
        for (round, mut producer) in started.into_iter().enumerate() {
            (0..round % 300).for_each(|_| std::hint::spin_loop());
            producer.try_produce(b"last").unwrap();
            producer.finish();
        }
    });
    for round in 0..count(100_000, 10_000) as usize {
        let (producer, mut consumer) =
            Buffer::builder().slots(1).mode(MODES[round % 2]).build().unwrap().split();
        start.send(producer).unwrap();
        while consumer.status() == Ok(()) && consumer.position() == 0 {
            drop(consumer.try_consume());
        }
        assert_eq!(consumer.position(), 1, "the last message of round {round} is lost");
    }
    drop(start);
    writer.join().unwrap();
}
