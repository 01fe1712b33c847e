//! Proves that forgetting any guard (`mem::forget`) loses, repeats and corrupts nothing, and never jams the ring.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test
#![allow(clippy::forget_non_drop)] // whether a guard needs Drop is its own business

mod common;

use std::mem::forget;
use std::thread;
use std::time::Duration;

use common::{MODES, Random, fill, holds, message};
use perdix_host::{Buffer, ConsumeError, Consumer, Mode, ProduceError, Producer, Wait};

const CAPACITIES: [usize; 4] = [1, 2, 4, 16];
const PATIENCE: Duration = Duration::from_secs(60);

fn ring(slots: usize, mode: Mode) -> Buffer {
    common::watch_process();
    Buffer::builder().slots(slots).mode(mode).build().unwrap()
}

/// Publishes messages from number `next` on until the ring is full, and says what the next number is then.
fn fill_up(producer: &mut Producer<'_>, mut next: u64) -> u64 {
    while producer.try_produce(&message(next, 240)).is_ok() {
        next += 1;
    }
    next
}

#[test]
fn a_forgotten_message_is_taken_once_and_released_later() {
    for mode in MODES {
        for slots in CAPACITIES {
            let mut buffer = ring(slots, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            let (mut sent, mut seen) = (0, 0);
            for _ in 0..50 {
                sent = fill_up(&mut producer, sent);
                while let Some(got) = consumer.try_consume() {
                    assert_eq!(got.number(), seen);
                    assert!(holds(seen, 0, &got) && *got == *message(seen, 240), "{mode:?} {slots}");
                    seen += 1;
                    forget(got);
                }
                assert_eq!(seen, sent);
            }
            assert_eq!(sent, 50 * slots as u64, "each lap fills the whole ring");
        }
    }
}

#[test]
fn forgotten_slots_stay_untouched_until_the_next_release() {
    for mode in MODES {
        let mut buffer = Buffer::builder().slots(4).mode(mode).release_every(1).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        let sent = fill_up(&mut producer, 0);
        forget(consumer.try_consume().unwrap());
        forget(consumer.try_consume().unwrap());
        assert_eq!(
            (producer.free_slots(), fill_up(&mut producer, sent)),
            (0, sent),
            "nothing is released yet"
        );
        assert_eq!((consumer.available(), consumer.position()), (2, 2));
        let third = consumer.try_consume().unwrap();
        assert_eq!(producer.free_slots(), 0);
        assert!(holds(2, 0, &third));
        drop(third);
        assert_eq!(producer.free_slots(), 3, "the forgotten ones are released with it");
        let sent = fill_up(&mut producer, sent);
        let rest: Vec<u64> = std::iter::from_fn(|| {
            let got = consumer.try_consume()?;
            assert!(holds(got.number(), 0, &got));
            Some(got.number())
        })
        .collect();
        assert_eq!(rest, (3..sent).collect::<Vec<_>>());
    }
}

#[test]
fn a_forgotten_message_batch_is_taken_once() {
    for mode in MODES {
        for slots in CAPACITIES {
            let mut buffer = ring(slots, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            let (mut sent, mut seen) = (0, 0);
            for round in 0..50 {
                sent = fill_up(&mut producer, sent);
                assert_eq!(sent - seen, slots as u64);
                while let Ok(batch) = consumer.batch(1 + round % 3, Wait::No) {
                    for got in batch.iter() {
                        assert_eq!((got.number(), &got[..]), (seen, &message(seen, 240)[..]));
                        seen += 1;
                    }
                    forget(batch);
                }
            }
            assert_eq!(seen, sent);
        }
    }
}

#[test]
fn forgotten_grants_and_batches_publish_nothing() {
    for mode in MODES {
        for slots in CAPACITIES {
            let mut buffer = ring(slots, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            for number in 0..100 {
                let mut grant = producer.reserve(240, Wait::No).unwrap();
                grant.fill(0xee);
                forget(grant);
                let mut batch = producer.batch(slots, Wait::No).unwrap();
                while batch.set_kind(9).push(&[0xdd; 240]).is_ok() {}
                forget(batch);
                assert_eq!((consumer.available(), producer.free_slots()), (0, slots));
                assert!(consumer.try_consume().is_none());
                // Every way to produce begins afresh.
                let bytes = message(number, 240);
                match number % 7 {
                    0 => producer.try_produce(&bytes).unwrap(),
                    1 => producer.produce(&bytes).unwrap(),
                    2 => assert_eq!(producer.produce_all([&bytes]), Ok(1)),
                    3 => producer.message(&bytes).send_large().unwrap(),
                    4 => {
                        let mut batch = producer.batch(slots, Wait::Forever).unwrap();
                        assert_eq!((batch.len(), batch.room()), (0, slots));
                        batch.push(&bytes).unwrap();
                        assert_eq!(batch.commit(), 1);
                    }
                    5 => {
                        let mut grant = producer.reserve(bytes.len(), Wait::Forever).unwrap();
                        grant.copy_from_slice(&bytes);
                        grant.commit();
                    }
                    _ => assert_eq!(producer.message(&bytes).send_or_drop(), Ok(true)),
                }
                assert_eq!(consumer.available(), 1);
                let got = consumer.try_consume().unwrap();
                assert_eq!((got.number(), got.kind(), &got[..]), (number, 0, &bytes[..]));
                drop(got);
                assert!(consumer.try_consume().is_none());
            }
            let now = producer.counters().read();
            assert_eq!((now.sent, now.received), (100, 100));
        }
    }
}

#[test]
fn a_producer_finished_after_a_forgotten_batch_ends_cleanly() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.try_produce(b"one").unwrap();
        let mut batch = producer.batch(3, Wait::Forever).unwrap();
        batch.push(b"lost").unwrap();
        forget(batch);
        producer.finish();
        assert_eq!(&consumer.consume().unwrap()[..], b"one");
        assert_eq!(consumer.consume().err(), Some(ConsumeError::EndOfStream));
    }
}

#[test]
fn a_consumer_that_forgot_everything_leaves_cleanly() {
    for mode in MODES {
        for slots in CAPACITIES {
            let mut buffer = ring(slots, mode);
            for lap in 0..5 {
                let (mut producer, mut consumer) = buffer.split_mut();
                fill_up(&mut producer, 0);
                while let Some(got) = consumer.try_consume() {
                    forget(got);
                }
                if lap % 2 == 0 {
                    drop(consumer);
                    assert_eq!(producer.try_produce(b"x"), Err(ProduceError::ConsumerGone));
                } else {
                    forget(consumer);
                }
                drop(producer);
                // The next halves find every slot free.
                let (mut producer, mut consumer) = buffer.split_mut();
                assert_eq!((producer.free_slots(), consumer.available()), (slots, 0), "{mode:?} {slots}");
            }
        }
    }
}

#[test]
fn a_forgotten_producer_is_succeeded_exactly() {
    for mode in MODES {
        for slots in CAPACITIES {
            let mut buffer = ring(slots, mode);
            let (mut sent, mut seen) = (0, 0);
            for round in 0..50 {
                let (mut producer, mut consumer) = buffer.split_mut();
                // What is neither committed nor published is nobody's, and does not come.
                if let Ok(mut grant) = producer.reserve(240, Wait::No) {
                    grant.fill(0xee);
                    forget(grant);
                }
                if let Ok(mut batch) = producer.batch(slots, Wait::No) {
                    batch.push(&[0xdd; 240]).unwrap();
                    forget(batch);
                }
                sent = fill_up(&mut producer, sent);
                for _ in 0..round % 5 {
                    let Some(got) = consumer.try_consume() else { break };
                    assert_eq!((got.number(), &got[..]), (seen, &message(seen, 240)[..]));
                    seen += 1;
                }
                forget(producer);
                let counters = consumer.counters();
                drop(consumer);
                assert_eq!(counters.read().sent, sent, "{mode:?} {slots}");
            }
            let (producer, mut consumer) = buffer.split_mut();
            producer.finish();
            for number in seen..sent {
                assert_eq!(&consumer.consume().unwrap()[..], &message(number, 240)[..]);
            }
            assert_eq!(consumer.consume().err(), Some(ConsumeError::EndOfStream));
        }
    }
}

#[test]
fn what_a_forgotten_consumer_had_not_handed_back_comes_again() {
    for mode in MODES {
        let mut buffer = Buffer::builder().slots(16).mode(mode).release_every(8).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!(fill_up(&mut producer, 0), 16);
        for number in 0..12 {
            assert_eq!(consumer.try_consume().unwrap().number(), number);
        }
        forget(consumer.try_consume().unwrap());
        drop(producer);
        forget(consumer);
        let (_producer, mut consumer) = buffer.split_mut();
        // Fenced, the tail is all that is known: it was told of eight. Fence-free, every slot says whether it was handed back.
        let first = if mode == Mode::Fenced { 8 } else { 12 };
        for number in first..16 {
            let got = consumer.try_consume().unwrap();
            assert_eq!((got.number(), &got[..]), (number, &message(number, 240)[..]));
        }
        assert!(consumer.try_consume().is_none());
    }
}

#[test]
fn a_ring_whose_guards_are_all_forgotten_does_not_jam() {
    let count = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
    for mode in MODES {
        for slots in CAPACITIES {
            let (mut producer, mut consumer) = ring(slots, mode).split();
            let writer = thread::spawn(move || {
                let mut random = Random(slots as u64);
                for number in 0..count {
                    if random.below(4) == 0 {
                        forget(producer.reserve(240, Wait::Forever).unwrap());
                        let mut batch = producer.batch(slots, Wait::Forever).unwrap();
                        batch.push(&[0xcc; 200]).unwrap();
                        forget(batch);
                    }
                    producer.produce(&message(number, 240)).unwrap();
                }
            });
            let mut random = Random(1);
            assert_eq!(forget_all(&mut consumer, &mut random), count, "{mode:?} {slots}");
            writer.join().unwrap();
            assert_eq!(consumer.position(), count, "{mode:?} {slots}");
        }
    }
}

/// Takes everything in random ways, forgets every guard, checks every message, until the end; says how many there were.
fn forget_all(consumer: &mut Consumer<'_>, random: &mut Random) -> u64 {
    let mut next = 0;
    let mut expected = [0; 240];
    let mut check = |number: u64, bytes: &[u8]| {
        assert_eq!(number, next);
        let len = common::len_of(number, 240);
        fill(number, 0, &mut expected[..len]);
        assert_eq!(bytes, &expected[..len]);
        next += 1;
    };
    loop {
        let seen = match random.below(4) {
            0 => consumer.try_consume().map(|got| {
                check(got.number(), &got);
                forget(got);
            }),
            1 => consumer.batch(5, Wait::No).ok().map(|batch| {
                batch.iter().for_each(|got| check(got.number(), &got));
                forget(batch);
            }),
            2 => consumer.batch(3, Wait::Forever).ok().map(|batch| {
                batch.iter().for_each(|got| check(got.number(), &got));
                forget(batch);
            }),
            _ => match consumer.next(PATIENCE) {
                Ok(got) => {
                    check(got.number(), &got);
                    forget(got);
                    Some(())
                }
                Err(ConsumeError::EndOfStream) => return next,
                Err(error) => panic!("{error}"),
            },
        };
        if seen.is_none() {
            thread::yield_now();
        }
    }
}
