//! Proves that a half whose thread panics takes nothing with it: the other half is told, what was published arrives, what was not
//! does not, and the ring can be used again. And that a ring that is full for seconds loses nothing.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test
#![allow(clippy::forget_non_drop)] // whether a guard needs Drop is its own business

mod common;

use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use common::{MODES, holds, message, watch_process};
use perdix_host::{Buffer, ConsumeError, Consumer, Fault, Mode, ProduceError, Producer, Wait};

const SLOTS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(30);

fn ring(mode: Mode) -> Buffer {
    watch_process();
    Buffer::builder().slots(SLOTS).mode(mode).build().unwrap()
}

/// A panic without its message.
fn panics() -> ! {
    resume_unwind(Box::new("on purpose"))
}

fn check(consumer: &mut Consumer<'_>, from: u64, to: u64) {
    for number in from..to {
        let got = consumer.next(PATIENCE).unwrap();
        assert_eq!(got.number(), number);
        assert!(*got == *message(number, 240), "{number}");
    }
}

type Consume = fn(&mut Consumer<'_>);

/// Ways for a consumer to panic, and how many messages it has taken then.
const CONSUMERS: [(&str, Consume, u64); 6] = [
    ("between messages", |consumer| check(consumer, 0, 3), 3),
    (
        "with a message in its hands",
        |consumer| {
            let _held = consumer.consume().unwrap();
            panics();
        },
        1,
    ),
    ("after it forgot a message", |consumer| forget(consumer.consume().unwrap()), 1),
    (
        "with a batch in its hands",
        |consumer| {
            let held = consumer.batch(4, Wait::Forever).unwrap();
            assert_eq!(held.len(), 4);
            panics();
        },
        4,
    ),
    (
        "inside for_each",
        |consumer| {
            // The batch at hand is taken as a whole.
            let _ = consumer.for_each(|message| {
                if message.number() == 2 {
                    panics()
                }
            });
        },
        SLOTS as u64,
    ),
    (
        "inside drain",
        |consumer| {
            let _ = consumer.drain(|message| {
                if message.number() == 2 {
                    panics()
                }
            });
        },
        SLOTS as u64,
    ),
];

#[test]
fn a_consumer_that_panics_stops_its_producer_and_loses_only_what_it_took() {
    let mut injected = 0;
    for mode in MODES {
        for (how, consume, taken) in CONSUMERS {
            let mut buffer = ring(mode);
            thread::scope(|scope| {
                let (mut producer, mut consumer) = buffer.split_mut();
                (0..SLOTS as u64).for_each(|number| producer.try_produce(&message(number, 240)).unwrap());
                let thread = scope.spawn(move || {
                    consume(&mut consumer);
                    panics();
                });
                assert!(thread.join().is_err(), "{how}");
                assert!(producer.status().is_err(), "{how}");
                assert_eq!(producer.produce(b"x"), Err(ProduceError::ConsumerGone), "{how}");
            });
            let (_, mut consumer) = buffer.split_mut();
            assert_eq!(consumer.position(), taken, "{how}, {mode:?}");
            check(&mut consumer, taken, SLOTS as u64);
            injected += 1;
        }
    }
    println!("{injected} consumers panicked");
}

#[test]
fn a_producer_that_waits_is_woken_by_the_consumers_panic() {
    for mode in MODES {
        let (mut producer, mut consumer) = ring(mode).split();
        (0..SLOTS as u64).for_each(|number| producer.try_produce(&message(number, 240)).unwrap());
        let waiting = thread::spawn(move || producer.produce_all(std::iter::repeat_n(b"x", 1000)));
        let panicking = thread::spawn(move || {
            check(&mut consumer, 0, 5);
            let _held = consumer.consume().unwrap();
            thread::sleep(Duration::from_millis(20));
            panics();
        });
        assert!(panicking.join().is_err());
        let error = waiting.join().unwrap().unwrap_err();
        assert_eq!(error.source, ProduceError::ConsumerGone);
        assert!(error.sent <= 5, "{error:?}");
    }
}

type Produce = fn(&mut Producer<'_>);

/// Ways for a producer to panic behind its first three messages, and how many it has published then.
const PRODUCERS: [(&str, Produce, u64); 5] = [
    ("between messages", |_| {}, 3),
    (
        "with a grant half written",
        |producer| {
            let mut grant = producer.reserve(240, Wait::Forever).unwrap();
            grant[..100].fill(0xee);
            panics();
        },
        3,
    ),
    (
        "with a grant forgotten",
        |producer| {
            let mut grant = producer.reserve(240, Wait::Forever).unwrap();
            grant.fill(0xee);
            forget(grant);
        },
        3,
    ),
    (
        "with a batch staged",
        |producer| {
            let mut batch = producer.batch(3, Wait::Forever).unwrap();
            batch.push(&[0xee; 240]).unwrap();
            batch.push(&[0xee; 240]).unwrap();
            panics();
        },
        3,
    ),
    (
        "inside the iterator of produce_all, whose batch is given up",
        |producer| {
            let messages = (3..6).map(|number| if number == 5 { panics() } else { message(number, 240) });
            let _ = producer.produce_all(messages);
        },
        3,
    ),
];

#[test]
fn a_producer_that_panics_is_told_of_behind_all_that_it_published() {
    let mut injected = 0;
    for mode in MODES {
        for (how, produce, published) in PRODUCERS {
            let mut buffer = ring(mode);
            let (producer, mut consumer) = buffer.split_mut();
            thread::scope(|scope| {
                let thread = scope.spawn(move || {
                    let mut producer = producer;
                    (0..3).for_each(|number| producer.produce(&message(number, 240)).unwrap());
                    produce(&mut producer);
                    panics();
                });
                assert!(thread.join().is_err());
            });
            check(&mut consumer, 0, published);
            let lost = ConsumeError::ProducerFailed { fault: Fault::Panicked, first_missing: published };
            assert_eq!(consumer.next(PATIENCE).map(drop), Err(lost.clone()), "{how}, {mode:?}");
            assert_eq!(consumer.status(), Err(lost.clone()));
            assert_eq!(consumer.for_each(|_| ()), Err(lost.clone()));
            let text =
                format!("the producer gave up before message {published}: the producer's thread panicked");
            assert_eq!(lost.to_string(), text);
            drop(consumer);
            goes_on(&mut buffer, published);
            injected += 1;
        }
    }
    println!("{injected} producers panicked");
}

/// The ring is as good as new for the next halves: two laps, then an end that is one.
fn goes_on(buffer: &mut Buffer, first: u64) {
    let (mut producer, mut consumer) = buffer.split_mut();
    for number in first..first + 2 * SLOTS as u64 {
        producer.try_produce(&message(number, 240)).unwrap();
        let got = consumer.try_consume().unwrap();
        assert!(got.number() == number && holds(number, 0, &got), "{number}");
    }
    drop(producer);
    assert_eq!(consumer.consume().map(drop), Err(ConsumeError::EndOfStream));
}

#[test]
fn a_panic_beside_the_halves_ends_them_like_any_other() {
    for mode in MODES {
        let mut buffer = ring(mode);
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let (mut producer, mut consumer) = buffer.split_mut();
            thread::scope(|scope| {
                scope.spawn(|| producer.produce(&message(0, 240)).unwrap());
                check(&mut consumer, 0, 1);
                panics();
            });
        }));
        assert!(unwound.is_err());
        goes_on(&mut buffer, 1);
    }
}

/// A producer that is dropped in an orderly way while nothing panics ends the stream, also after a panic that was caught.
#[test]
fn a_caught_panic_is_no_fault_of_the_producer() {
    for mode in MODES {
        let (mut producer, mut consumer) = ring(mode).split();
        assert!(catch_unwind(|| panics()).is_err());
        producer.produce(&message(0, 240)).unwrap();
        drop(producer);
        check(&mut consumer, 0, 1);
        assert_eq!(consumer.consume().map(drop), Err(ConsumeError::EndOfStream));
    }
}

#[test]
fn a_ring_that_is_full_for_seconds_loses_nothing() {
    for mode in MODES {
        let (mut producer, mut consumer) = ring(mode).split();
        let counters = producer.counters();
        let sender = thread::spawn(move || {
            (0..SLOTS as u64).for_each(|number| producer.try_produce(&message(number, 240)).unwrap());
            let begun = Instant::now();
            let error = producer.message(b"too early").wait(Duration::from_millis(500)).send().unwrap_err();
            assert!(
                matches!(error, ProduceError::TimedOut { waited } if waited >= Duration::from_millis(500))
            );
            (SLOTS as u64..100).for_each(|number| producer.produce(&message(number, 240)).unwrap());
            begun.elapsed()
        });
        thread::sleep(Duration::from_secs(2));
        check(&mut consumer, 0, 100);
        assert_eq!(consumer.consume().map(drop), Err(ConsumeError::EndOfStream));
        assert!(sender.join().unwrap() >= Duration::from_millis(1900));
        assert_eq!((counters.read().sent, counters.read().dropped), (100, 0));
    }
}
