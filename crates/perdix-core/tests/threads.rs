//! Two real threads and the heap: millions of messages, every byte of every one checked, in both
//! modes, one by one, in batches and unordered, on rings from 1 slot to 4096 and with numbers that
//! wrap. A release build sends more.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;

use std::thread;

use common::{MODES, Random, Region, halves};
use perdix_core::sentinel::SENTINEL;
use perdix_core::{Config, Consumer, Mode, PAYLOAD_SIZE, Poll, Producer, Refused};

/// Messages in each run, unless it says otherwise.
const MESSAGES: u64 = if cfg!(debug_assertions) { 150_000 } else { 5_000_000 };

/// The payload of message `i`, up to 240 bytes, one word in eight of it the sentinel; and how many
/// bytes it has.
fn message(i: u64, buffer: &mut [u64; 30]) -> usize {
    let mut random = Random::new(i + 1);
    let len =
        if i % 16 == 0 { random.next() as usize % (PAYLOAD_SIZE + 1) } else { random.next() as usize % 41 };
    for word in &mut buffer[..len.div_ceil(16) * 2] {
        let value = random.next();
        *word = if value % 8 == 0 { SENTINEL } else { value };
    }
    len
}

fn bytes_of(words: &[u64; 30], bytes: &mut [u8; PAYLOAD_SIZE]) {
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
}

/// Tries until a slot is free. Yields, because the other thread may need this core.
fn insist(mut attempt: impl FnMut() -> Result<(), Refused>) {
    while let Err(refused) = attempt() {
        assert_eq!(refused, Refused::Full);
        thread::yield_now();
    }
}

fn push_each(producer: &mut Producer, messages: u64) {
    let (mut words, mut bytes) = ([0; 30], [0; PAYLOAD_SIZE]);
    for i in 0..messages {
        let len = message(i, &mut words);
        bytes_of(&words, &mut bytes);
        insist(|| producer.push(i as u16, 0, &bytes[..len]));
    }
}

fn publish_batches(producer: &mut Producer, messages: u64) {
    let batch = (producer.ring().capacity() / 2).clamp(1, 50);
    let (mut words, mut bytes) = ([0; 30], [0; PAYLOAD_SIZE]);
    for i in 0..messages {
        let len = message(i, &mut words);
        bytes_of(&words, &mut bytes);
        insist(|| producer.stage(i as u16, 0, &bytes[..len]));
        if producer.staged() == batch {
            producer.publish();
        }
    }
    producer.publish();
}

fn push_each_unordered(producer: &mut Producer, messages: u64) {
    let mut words = [0; 30];
    for i in 0..messages {
        let len = message(i, &mut words);
        insist(|| producer.push_chunks(i as u16, 0, len, |pair| [words[2 * pair], words[2 * pair + 1]]));
    }
}

/// Receives to the end of the stream and says how many messages that were.
fn receive(consumer: &mut Consumer) -> u64 {
    let (mut words, mut expected, mut found) = ([0; 30], [0; PAYLOAD_SIZE], [0; PAYLOAD_SIZE]);
    let mut i = 0;
    loop {
        match consumer.poll().unwrap() {
            Poll::Ready(there) => {
                let meta = there.meta();
                let len = message(i, &mut words);
                bytes_of(&words, &mut expected);
                assert_eq!((meta.kind(), meta.len()), (i as u16, len), "message {i}");
                there.copy_to(&mut found);
                assert!(found[..len] == expected[..len], "message {i}");
                there.take();
                // Some messages stay with us for a while, but never a whole ring of them.
                if i % 3 != 0 || consumer.ring().capacity() < 4 {
                    consumer.recycle();
                }
                i += 1;
            }
            Poll::Empty => {
                consumer.recycle();
                thread::yield_now();
            }
            Poll::Gap(dropped) => panic!("{dropped} messages dropped before message {i}"),
            Poll::Ended => return i,
        }
    }
}

fn stream(config: Config, messages: u64, produce: fn(&mut Producer, u64)) {
    let (region, ring) = Region::with_ring(config);
    let (mut producer, mut consumer) = halves(ring);
    thread::scope(|scope| {
        scope.spawn(move || {
            produce(&mut producer, messages);
            producer.finish();
        });
        assert_eq!(receive(&mut consumer), messages, "{config:?}");
    });
    assert_eq!(consumer.taken().0, messages);
    drop(region);
}

fn streams(capacity: u64, start: u64, messages: u64) {
    for mode in MODES {
        let config = Config { capacity, mode, start };
        stream(config, messages, push_each);
        stream(config, messages, publish_batches);
        if mode == Mode::FenceFree {
            stream(config, messages, push_each_unordered);
        }
    }
}

#[test]
fn one_slot() {
    // Every message waits for the other thread.
    streams(1, u64::MAX - 100, MESSAGES / 10);
}

#[test]
fn two_slots() {
    streams(2, (1 << 63) - 100, MESSAGES / 5);
}

#[test]
fn sixty_four_slots() {
    streams(64, u64::MAX - 1000, MESSAGES);
}

#[test]
fn four_thousand_slots() {
    streams(4096, 4095, MESSAGES);
}

#[test]
fn the_consumer_leaves_and_another_goes_on() {
    for mode in MODES {
        let (_region, ring) = Region::with_ring(Config { capacity: 8, mode, start: 0 });
        let (mut producer, mut consumer) = halves(ring);
        let pushing = thread::spawn(move || {
            let mut sent: u64 = 0;
            loop {
                match producer.push(0, 0, &sent.to_le_bytes()) {
                    Ok(()) => sent += 1,
                    Err(Refused::Full) => thread::yield_now(),
                    Err(refused) => break (refused, producer),
                }
            }
        });
        let mut taken: u64 = 0;
        let mut take = |consumer: &mut Consumer| {
            let Poll::Ready(there) = consumer.poll().unwrap() else { return false };
            let mut bytes = [0; 8];
            there.copy_to(&mut bytes);
            assert_eq!(u64::from_le_bytes(bytes), taken);
            there.take();
            consumer.recycle();
            taken += 1;
            true
        };
        for _ in 0..1000 {
            while !take(&mut consumer) {
                thread::yield_now();
            }
        }
        consumer.disconnect();
        let (refused, mut producer) = pushing.join().unwrap();
        assert_eq!(refused, Refused::Disconnected);
        // What was sent before is not lost, nor does taking it bring the producer back.
        while take(&mut consumer) {}
        assert_eq!(producer.renew(1), Err(Refused::Disconnected));
        consumer.reconnect();
        let number = producer.head();
        assert_eq!(producer.push(0, 0, &number.to_le_bytes()), Ok(()));
        assert!(take(&mut consumer));
        assert_eq!(taken, number + 1);
    }
}
