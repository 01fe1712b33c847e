//! loom models of the protocol with a CPU producer: every interleaving of a producer and a consumer
//! thread, within a bound on preemptions, through the very code that the product runs.
//! `loom_device.rs` has those with a device's stores.
//!
//! They prove, for rings of 1, 2 and 4 slots that wrap around: messages arrive once, whole and in
//! order; the end of the stream is seen after the last message and not before, with its fault;
//! nobody touches a slot that is not theirs; a producer whose consumer left finds out. Every order
//! that the two halves ask for is load-bearing here: weakening any one Release, Acquire or fence
//! makes a model fail. (Only the identity's is not in them: a ring is attached before it is used.)
//!
//! `LOOM_MAX_PREEMPTIONS=4 cargo test --release --test loom` looks deeper than the default.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod loom_word;

use loom::thread;
use loom_word::LoomWord;
use loom_word::model::*;
use perdix_core::{Consumer, Fault, Poll, Producer, Refused, Ring};

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

/// Publishes one message of one word, then two under one fence, which need more room than a lazy
/// consumer hands back unless it is idle; and ends the stream.
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

/// Pushes `N` messages of `WORDS` words, and then has to give up.
fn push_and_fail<const N: u64, const WORDS: usize>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        patiently(|| producer.push(i as u16, 0, &bytes(&payload(i, WORDS))));
    }
    producer.fail(Fault::TimedOut);
}

/// Receives `N` messages, then the end and its reason.
fn receive_fault<const N: u64, const WORDS: usize>(mut consumer: Consumer<LoomWord>) {
    for i in 0..N {
        assert!(receive(&mut consumer, i, WORDS));
        consumer.recycle();
    }
    assert!(!receive(&mut consumer, N, WORDS));
    assert_eq!(consumer.fault(), Some(Fault::TimedOut));
}

/// Ends the stream twice: for good, the second time.
fn end_and_fail(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    producer.finish();
    producer.reopen();
    patiently(|| producer.push(0, 0, &bytes(&payload(0, 1))));
    producer.fail(Fault::TimedOut);
}

/// Sees one message, and the end of it or an earlier one.
fn receive_reopened(mut consumer: Consumer<LoomWord>) {
    while !receive(&mut consumer, 0, 1) {
        thread::yield_now();
    }
    consumer.recycle();
    while consumer.look() != Ok(Poll::Ended) {
        thread::yield_now();
    }
    assert_eq!(consumer.fault(), Some(Fault::TimedOut));
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
            Err(refused) => return assert_eq!(refused, Refused::Disconnected),
        }
    }
}

/// Takes one message and leaves.
fn receive_one_and_leave(mut consumer: Consumer<LoomWord>) {
    assert!(receive(&mut consumer, 0, 1));
    consumer.disconnect();
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
fn fenced_lines_written_back() {
    explore(3, config(2, FENCED, WRAP), 2, push::<4, 2>, receive_from_core::<4, 2>);
    explore(3, config(1, FENCED, WRAP), 2, push::<3, 2>, receive_from_core::<3, 2>);
}

#[test]
fn fenced_second_line_written_back() {
    explore(3, config(1, FENCED, 0), 7, push::<2, 7>, receive_from_core::<2, 7>);
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
fn fence_free_words_looked_at_twice() {
    explore(3, config(1, FENCE_FREE, 0), 2, push::<2, 2>, receive_twice::<2, 2>);
}

#[test]
fn fenced_end_with_a_fault() {
    explore(3, config(1, FENCED, 0), 1, push_and_fail::<2, 1>, receive_fault::<2, 1>);
}

#[test]
fn fence_free_end_with_a_fault() {
    explore(3, config(2, FENCE_FREE, WRAP), 2, push_and_fail::<1, 1>, receive_fault::<1, 1>);
}

#[test]
fn nothing_but_a_fault() {
    explore(6, config(1, FENCED, 0), 0, push_and_fail::<0, 0>, receive_fault::<0, 0>);
}

#[test]
fn reopened() {
    explore(4, config(1, FENCED, 0), 1, end_and_fail, receive_reopened);
}
