//! Many producer threads, one consumer thread or several.

use std::thread;
use std::time::{Duration, Instant};

use perdix_host::{Mode, Producer, ShardError, ShardedConsumer, WaitStrategy};

use crate::common::{MODES, holds, len_of, message, watchdog};
use crate::shards;

/// Many in an optimised build, few in a debug build.
fn count(many: u64, few: u64) -> u64 {
    if cfg!(debug_assertions) { few } else { many }
}

/// The messages of a ring: no two rings have the same.
fn number(ring: usize, index: u64) -> u64 {
    (ring as u64) << 40 | index
}

fn produce(ring: usize, mut producer: Producer<'static>, count: u64) {
    for index in 0..count {
        producer.produce(&message(number(ring, index), 240)).unwrap();
        if index % 1000 == 999 && ring % 2 == 1 {
            thread::sleep(Duration::from_micros(50));
        }
    }
}

/// Checks each message of a ring as the next one.
fn check(next: &mut [u64], ring: usize, bytes: &[u8]) {
    let number = number(ring, next[ring]);
    assert_eq!(bytes.len(), len_of(number, 240), "message {} of ring {ring}", next[ring]);
    assert!(holds(number, 0, bytes), "message {} of ring {ring}", next[ring]);
    next[ring] += 1;
}

fn start(rings: usize, slots: usize, mode: Mode, each: u64) -> ShardedConsumer<'static> {
    let (producers, consumers) = shards(rings, slots, mode).split();
    for (ring, producer) in producers.into_iter().enumerate() {
        thread::spawn(move || produce(ring, producer, each));
    }
    ShardedConsumer::new(consumers)
}

#[test]
fn one_consumer_keeps_the_order_of_every_ring() {
    let _watchdog = watchdog("one consumer", 120);
    for mode in MODES {
        for (rings, slots, each) in
            [(4, 64, count(200_000, 3000)), (3, 1, count(20_000, 300)), (9, 2, count(20_000, 300))]
        {
            let mut consumer = start(rings, slots, mode, each);
            let mut next = vec![0; rings];
            let seen = consumer.for_each(|ring, message| check(&mut next, ring, &message));
            assert_eq!((seen, next), (Ok(rings as u64 * each), vec![each; rings]));
            let all = consumer.counters().read();
            assert_eq!((all.sent, all.sent_bytes), (rings as u64 * each, all.received_bytes));
        }
    }
}

#[test]
fn any_mix_of_calls_keeps_the_order() {
    let _watchdog = watchdog("mixed calls", 120);
    for mode in MODES {
        let (rings, each) = (3, count(100_000, 2000));
        let mut consumer = start(rings, 16, mode, each);
        let mut next = vec![0; rings];
        for turn in 0.. {
            let result = match turn % 4 {
                0 => consumer.consume().map(|(ring, message)| check(&mut next, ring, &message)),
                1 => consumer.try_next().map(|(ring, message)| check(&mut next, ring, &message)),
                2 => consumer.batch(turn % 40, Duration::from_secs(60)).map(|(ring, batch)| {
                    batch.iter().for_each(|message| check(&mut next, ring, &message));
                }),
                _ => consumer.drain(|ring, message| check(&mut next, ring, &message)).map(drop),
            };
            match result {
                Ok(()) | Err(ShardError::Empty) => {}
                Err(ShardError::EndOfStream) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(next, vec![each; rings]);
    }
}

#[test]
fn several_consumer_threads_share_the_rings() {
    let _watchdog = watchdog("several consumers", 120);
    for mode in MODES {
        for parts in [2, 5, 7] {
            let (rings, each) = (5, count(50_000, 1000));
            let consumer = start(rings, 32, mode, each);
            let drain = move |mut part: ShardedConsumer<'static>| {
                let mut next = vec![0; rings];
                let count = part.for_each(|ring, message| check(&mut next, ring, &message));
                assert_eq!(count, Ok(part.len() as u64 * each));
                count.unwrap()
            };
            let parts = consumer.into_parts(parts.try_into().unwrap());
            let threads: Vec<_> = parts.into_iter().map(|part| thread::spawn(move || drain(part))).collect();
            let seen: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!(seen, rings as u64 * each);
        }
    }
}

/// Whichever ring the message comes on, the wait over all of them ends.
#[test]
fn a_message_on_any_ring_ends_the_wait() {
    for strategy in [WaitStrategy::Spin, WaitStrategy::Yield, WaitStrategy::Backoff] {
        for ring in 0..3 {
            let (mut producers, consumers) = shards(3, 4, Mode::Fenced).split();
            let mut consumer = ShardedConsumer::new(consumers).with_wait(strategy);
            let begun = Instant::now();
            let late = thread::spawn(move || {
                thread::sleep(Duration::from_millis(10));
                producers[ring].produce(b"late").unwrap();
                producers
            });
            let (from, message) = consumer.next(Duration::from_secs(60)).unwrap();
            assert_eq!((from, &message[..]), (ring, &b"late"[..]));
            drop(message);
            assert!(begun.elapsed() >= Duration::from_millis(10));
            drop(late.join().unwrap());
            assert_eq!(consumer.consume().err(), Some(ShardError::EndOfStream));
        }
    }
}
