//! loom models of the protocol: every interleaving of a producer and a consumer thread, within a bound on
//! preemptions, through the very code that the product runs.
//!
//! They prove, for rings of 1, 2 and 4 slots that wrap around: messages arrive once, whole and in order; the end of
//! the stream is seen after the last message and not before; nobody touches a slot that is not theirs; a producer
//! whose consumer left finds out. Every order that the protocol asks for is load-bearing here: weakening any one
//! Release or Acquire (but those of `end`, which carries its own count) makes a model fail.
//!
//! The producer of fence-free messages is modelled as a device is: nothing but relaxed stores, which the consumer may
//! see in any order. What loom cannot show is `Consumer::ready`'s Acquire fence after these: it orders *plain* reads
//! on real hardware, which the models make with relaxed loads.
//!
//! `LOOM_MAX_PREEMPTIONS=4 cargo test --release --test loom` looks deeper than the default.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod loom_word;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::thread;
use loom_word::{LoomWord, Memory};
use perdix_core::sentinel::SENTINEL;
use perdix_core::{Config, Consumer, Cursor, Mode, Poll, Producer, Refused, Ring, Word};

const FENCED: Mode = Mode::Fenced;
const FENCE_FREE: Mode = Mode::FenceFree;

/// The numbers of these rings' messages pass through `u64::MAX` and 0.
const WRAP: u64 = u64::MAX - 1;

fn config(capacity: u64, mode: Mode, start: u64) -> Config {
    Config { capacity, mode, start }
}

/// Explores a model of two threads: `producer` on a new one, `consumer` on the first.
fn explore(
    preemptions: usize,
    config: Config,
    words: usize,
    producer: fn(Ring<LoomWord>),
    consumer: fn(Consumer<LoomWord>),
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.check(move || {
        let (memory, ring) = Memory::ring(config, words);
        let theirs = Arc::clone(&memory);
        let thread = thread::spawn(move || {
            producer(ring);
            drop(theirs);
        });
        // SAFETY: it is the only consumer, and the memory outlives it.
        consumer(unsafe { Consumer::new(ring) });
        thread.join().unwrap();
        drop(memory);
    });
}

/// The payload of message `i` (counted from the start): every second word looks like the sentinel.
fn payload(i: u64, words: usize) -> Vec<u64> {
    let word = |w: usize| if (i as usize + w) % 2 == 0 { SENTINEL } else { 100 * i + w as u64 };
    (0..words).map(word).collect()
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Waits, in the way that lets loom run somebody else, until a slot is free.
fn patiently(mut attempt: impl FnMut() -> Result<(), Refused>) {
    while let Err(refused) = attempt() {
        assert_eq!(refused, Refused::Full);
        thread::yield_now();
    }
}

/// Pushes `N` messages of `WORDS` words, one at a time, and ends the stream.
fn push<const N: u64, const WORDS: usize>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        patiently(|| producer.push(i as u16, 0, &bytes(&payload(i, WORDS))));
    }
    producer.finish();
}

/// Publishes `N` messages of one word, two under one fence, and ends the stream.
fn publish_pairs<const N: u64>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        patiently(|| producer.stage(i as u16, 0, &bytes(&payload(i, 1))));
        if i % 2 == 1 || i == N - 1 {
            producer.publish();
        }
    }
    producer.finish();
}

/// Publishes one message of one word, then two under one fence, which need more room than a lazy consumer hands back
/// unless it is idle; and ends the stream.
fn publish_one_then_pair(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..3 {
        patiently(|| producer.stage(i as u16, 0, &bytes(&payload(i, 1))));
        if i != 1 {
            producer.publish();
        }
    }
    producer.finish();
}

/// A device: `N` messages of `WORDS` words in relaxed stores, then the end of the stream, just as unordered.
fn device<const N: u64, const WORDS: usize>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        let words = payload(i, WORDS);
        let word = |w: usize| words.get(w).copied().unwrap_or(0);
        patiently(|| {
            producer.push_unordered(i as u16, 0, 8 * WORDS, |pair| [word(2 * pair), word(2 * pair + 1)])
        });
    }
    let end = Cursor::new(producer.head(), true).word();
    ring.control().producer.end.store(end, Ordering::Relaxed);
}

/// The next message, which must be number `i`; `false` at the end of the stream.
fn receive(consumer: &mut Consumer<LoomWord>, i: u64, words: usize) -> bool {
    loop {
        match consumer.poll().unwrap() {
            Poll::Ready(meta) => {
                assert_eq!((u64::from(meta.kind()), meta.len()), (i, 8 * words));
                let mut found = vec![0; meta.len()];
                consumer.copy_next(meta, &mut found);
                assert_eq!(found, bytes(&payload(i, words)), "message {i}");
                consumer.take(1, meta.len() as u64);
                return true;
            }
            Poll::Empty => thread::yield_now(),
            Poll::Ended => return false,
        }
    }
}

/// Receives exactly `N` messages one by one, then the end.
fn receive_all<const N: u64, const WORDS: usize>(mut consumer: Consumer<LoomWord>) {
    for i in 0..N {
        assert!(receive(&mut consumer, i, WORDS), "the stream ended before message {i}");
        consumer.settle();
    }
    assert!(!receive(&mut consumer, N, WORDS), "a message too many");
}

/// The same, with a tail that is only published when the whole ring is settled or nothing is there.
fn receive_lazily<const N: u64, const WORDS: usize>(consumer: Consumer<LoomWord>) {
    let capacity = consumer.ring().capacity();
    receive_all::<N, WORDS>(consumer.with_tail_every(capacity));
}

/// Receives `N` messages of one word in runs, and settles a whole run at once.
fn receive_runs<const N: u64>(mut consumer: Consumer<LoomWord>) {
    let mut taken = 0;
    while taken < N {
        let run = consumer.run(2);
        for _ in 0..run {
            assert!(receive(&mut consumer, taken, 1));
            taken += 1;
        }
        consumer.settle();
        if run == 0 {
            assert_ne!(consumer.poll(), Ok(Poll::Ended));
            thread::yield_now();
        }
    }
    assert!(!receive(&mut consumer, N, 1));
}

/// Pushes until the consumer is gone, which a full ring tells at last.
fn push_until_gone(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    loop {
        let i = producer.head().wrapping_sub(ring.config().start);
        assert!(i <= 1 + ring.capacity(), "wrote into a slot that nobody handed back");
        match producer.push(i as u16, 0, &bytes(&payload(i, 1))) {
            Ok(()) => {}
            Err(Refused::Full) => thread::yield_now(),
            Err(refused) => return assert_eq!(refused, Refused::ConsumerGone),
        }
    }
}

/// Takes one message and leaves.
fn receive_one_and_leave(mut consumer: Consumer<LoomWord>) {
    assert!(receive(&mut consumer, 0, 1));
    consumer.leave();
}

#[test]
fn fenced_capacity_1() {
    explore(3, config(1, FENCED, 0), 2, push::<3, 2>, receive_all::<3, 2>);
}

#[test]
fn fenced_capacity_2() {
    explore(3, config(2, FENCED, 0), 2, push::<4, 2>, receive_all::<4, 2>);
}

#[test]
fn fenced_capacity_4() {
    explore(2, config(4, FENCED, 0), 1, push::<6, 1>, receive_all::<6, 1>);
}

#[test]
fn fenced_numbers_wrap() {
    explore(3, config(2, FENCED, WRAP), 1, push::<4, 1>, receive_all::<4, 1>);
}

#[test]
fn fenced_lazy_tail() {
    explore(3, config(2, FENCED, 0), 1, push::<4, 1>, receive_lazily::<4, 1>);
}

#[test]
fn fenced_batches() {
    explore(3, config(2, FENCED, WRAP), 1, publish_pairs::<4>, receive_all::<4, 1>);
}

#[test]
fn fenced_batches_in_runs() {
    explore(2, config(4, FENCED, 0), 1, publish_pairs::<6>, receive_runs::<6>);
}

#[test]
fn fenced_idle_consumer_gives_all_credit() {
    explore(3, config(2, FENCED, 0), 1, publish_one_then_pair, receive_lazily::<3, 1>);
}

#[test]
fn fenced_consumer_leaves() {
    explore(6, config(2, FENCED, 0), 1, push_until_gone, receive_one_and_leave);
}

#[test]
fn fence_free_push_capacity_1() {
    explore(3, config(1, FENCE_FREE, 0), 2, push::<2, 2>, receive_all::<2, 2>);
}

#[test]
fn fence_free_push_capacity_2() {
    explore(3, config(2, FENCE_FREE, WRAP), 2, push::<3, 1>, receive_all::<3, 1>);
}

#[test]
fn fence_free_batches() {
    explore(2, config(2, FENCE_FREE, WRAP), 2, publish_pairs::<4>, receive_runs::<4>);
}

#[test]
fn fence_free_consumer_leaves() {
    explore(6, config(2, FENCE_FREE, 0), 2, push_until_gone, receive_one_and_leave);
}

#[test]
fn device_capacity_1() {
    explore(3, config(1, FENCE_FREE, 0), 2, device::<3, 2>, receive_all::<3, 2>);
}

#[test]
fn device_capacity_2() {
    explore(2, config(2, FENCE_FREE, 0), 2, device::<3, 2>, receive_all::<3, 2>);
}

#[test]
fn device_capacity_4() {
    explore(2, config(4, FENCE_FREE, 0), 2, device::<5, 1>, receive_all::<5, 1>);
}

#[test]
fn device_numbers_wrap() {
    explore(2, config(2, FENCE_FREE, WRAP), 2, device::<3, 2>, receive_all::<3, 2>);
}

#[test]
fn device_lazy_tail() {
    explore(2, config(2, FENCE_FREE, WRAP), 2, device::<3, 1>, receive_lazily::<3, 1>);
}

#[test]
fn device_empty_messages() {
    explore(3, config(2, FENCE_FREE, 0), 0, device::<4, 0>, receive_all::<4, 0>);
}
