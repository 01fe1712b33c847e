//! loom models of messages dropped because the ring was full: in every interleaving the consumer
//! finds each message that was published, and in its place the exact number of those that were not,
//! at the end too.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod loom_word;

use loom::thread;
use loom_word::LoomWord;
use loom_word::model::*;
use perdix_core::{Consumer, Poll, Producer, Ring};

/// Sends or drops `N` messages of one word, and ends the stream.
fn push_or_drop<const N: u64>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        producer.push_or_drop(i as u16, 0, &bytes(&payload(i, 1))).unwrap();
    }
    producer.finish();
}

/// Drops what does not fit of the first `N` messages, and waits with the last.
fn push_or_drop_then_push<const N: u64>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        producer.push_or_drop(i as u16, 0, &bytes(&payload(i, 1))).unwrap();
    }
    patiently(|| producer.push(N as u16, 0, &bytes(&payload(N, 1))));
    producer.finish();
}

/// Receives a stream of `N` messages of which some were dropped: each is found, or counted as
/// missing in its place.
fn receive_or_miss<const N: u64>(mut consumer: Consumer<LoomWord>) {
    let mut i = 0;
    loop {
        match consumer.poll().unwrap() {
            Poll::Ready(message) => {
                let meta = message.meta();
                assert_eq!(u64::from(meta.kind()), i);
                let mut found = vec![0; meta.len()];
                message.copy_to(&mut found);
                assert_eq!(found, bytes(&payload(i, 1)));
                message.take();
                i += 1;
            }
            Poll::Gap(dropped) => {
                assert_eq!(consumer.take_gap(), Some(dropped));
                i += dropped;
            }
            Poll::Empty => thread::yield_now(),
            Poll::Ended => break,
        }
        consumer.recycle();
    }
    assert_eq!(i, N);
}

#[test]
fn fenced_capacity_1() {
    explore(3, config(1, FENCED, 0), 2, push_or_drop::<4>, receive_or_miss::<4>);
}

#[test]
fn fenced_capacity_2() {
    explore(3, config(2, FENCED, WRAP), 2, push_or_drop::<5>, receive_or_miss::<5>);
}

#[test]
fn fence_free_capacity_1() {
    explore(3, config(1, FENCE_FREE, WRAP), 2, push_or_drop::<3>, receive_or_miss::<3>);
}

#[test]
fn fence_free_capacity_2() {
    explore(2, config(2, FENCE_FREE, 0), 2, push_or_drop::<4>, receive_or_miss::<4>);
}

#[test]
fn a_notice_goes_before_a_message_that_waits() {
    explore(3, config(1, FENCED, 0), 2, push_or_drop_then_push::<2>, receive_or_miss::<3>);
    explore(2, config(2, FENCE_FREE, 0), 2, push_or_drop_then_push::<3>, receive_or_miss::<4>);
}
