//! Proves that messages of several slots arrive whole, are published all or nothing, and mix with small ones.
//!
//! [`ConsumeError::Truncated`](perdix_host::ConsumeError::Truncated) cannot be had here: a CPU producer publishes all slots of
//! a large message together.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

mod common;

use std::mem::forget;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::{MODES, fill, holds};
use perdix_host::{Buffer, ConsumeError, Large, Mode, PAYLOAD_SIZE, ProduceError, Wait};

fn ring(slots: usize, mode: Mode) -> Buffer {
    common::watch_process();
    Buffer::builder().slots(slots).mode(mode).release_every(1).build().unwrap()
}

fn bytes(index: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fill(index, 0, &mut bytes);
    bytes
}

#[test]
fn every_length_up_to_the_limit_arrives_whole() {
    for mode in MODES {
        for slots in [1, 2, 4, 64] {
            let mut buffer = ring(slots, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            let limit = producer.capacity() * PAYLOAD_SIZE;
            assert_eq!(limit, slots * 240);
            let mut got = b"rubbish of before".to_vec();
            let mut number = 0;
            for len in [0, 1, 239, 240, 241, 479, 480, 481, 720, limit - 1, limit] {
                if len > limit {
                    continue;
                }
                let sent = bytes(number, len);
                producer.message(&sent).kind(len as u16).wait(Wait::No).send_large().unwrap();
                let used = len.div_ceil(240).max(1) as u64;
                assert_eq!(consumer.available() as u64, used);
                let large = consumer.large(&mut got, Wait::No).unwrap();
                assert_eq!(large, Large { kind: len as u16, number, slots: used });
                assert!(got == sent, "{mode:?}, {slots} slots, {len} bytes");
                number += used;
                assert_eq!(consumer.large(&mut got, Wait::No), Err(ConsumeError::Empty));
                assert_eq!((consumer.position(), producer.free_slots()), (number, slots));
            }
            let now = producer.counters().read();
            assert_eq!((now.sent, now.received, now.sent_bytes), (number, number, now.received_bytes));
        }
    }
}

#[test]
fn over_the_limit_is_an_error_that_names_it() {
    for slots in [1, 4] {
        let mut buffer = ring(slots, Mode::Fenced);
        let (mut producer, mut consumer) = buffer.split_mut();
        let long = bytes(0, slots * 240 + 1);
        let error = ProduceError::TooLong { len: slots * 240 + 1, limit: slots * 240 };
        assert_eq!(producer.message(&long).kind(1).wait(Wait::No).send_large(), Err(error.clone()));
        assert_eq!(producer.message(&long).kind(1).send_large(), Err(error.clone()));
        assert_eq!(producer.message(&long).kind(1).wait(Duration::MAX).send_large(), Err(error.clone()));
        assert!(error.to_string().contains(&format!("limit of {} bytes", slots * 240)), "{error}");
        if slots > 1 {
            assert!(error.to_string().ends_with("use a ring with more slots"), "{error}");
        }
        assert_eq!((consumer.available(), producer.free_slots()), (0, slots));
    }
}

#[test]
fn without_room_for_all_of_it_nothing_is_published() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.produce_all([b"a", b"b"]).unwrap();
        let three = bytes(3, 700);
        assert_eq!(
            producer.message(&three).kind(1).wait(Wait::No).send_large(),
            Err(ProduceError::Full { needed: 3, capacity: 4 })
        );
        for limit in [Duration::ZERO, Duration::from_millis(3)] {
            let outcome = producer.message(&three).kind(1).wait(limit).send_large();
            assert!(
                matches!(outcome, Err(ProduceError::TimedOut { waited }) if waited >= limit),
                "{outcome:?}"
            );
        }
        assert_eq!((consumer.available(), producer.free_slots()), (2, 2));
        // The free slots are still good for what fits.
        producer.message(&bytes(9, 480)).kind(2).wait(Wait::No).send_large().unwrap();
        let mut got = Vec::new();
        for want in [&b"a"[..], b"b", &bytes(9, 480)] {
            consumer.large(&mut got, Wait::Forever).unwrap();
            assert!(got == want);
        }
        producer.message(&three).kind(1).wait(Wait::No).send_large().unwrap();
        assert_eq!(consumer.large(&mut got, Wait::Forever).unwrap().slots, 3);
        assert!(got == three);
    }
}

#[test]
fn single_consumes_see_the_parts() {
    for mode in MODES {
        let mut buffer = ring(8, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.message(b"before").kind(1).wait(Wait::No).send().unwrap();
        producer.message(&bytes(5, 500)).kind(2).wait(Wait::No).send_large().unwrap();
        producer.message(b"after").kind(3).wait(Wait::No).send().unwrap();
        let batch = consumer.batch(9, Wait::No).unwrap();
        let parts: Vec<_> = batch.iter().map(|part| (part.kind(), part.len(), part.has_more())).collect();
        let want = [(1, 6, false), (2, 240, true), (2, 240, true), (2, 20, false), (3, 5, false)];
        assert_eq!(parts, want, "{mode:?}");
        drop(batch);

        producer.message(&bytes(6, 500)).kind(2).wait(Wait::No).send_large().unwrap();
        let mut offset = 0;
        for more in [true, true, false] {
            let part = consumer.consume().unwrap();
            assert!(part.has_more() == more && part.to_owned().has_more() == more);
            assert!(holds(6, offset, &part));
            offset += part.len();
        }
        assert_eq!(offset, 500);

        // What is left of a message whose first part was taken comes as one.
        producer.message(&bytes(7, 500)).kind(2).wait(Wait::No).send_large().unwrap();
        forget(consumer.consume().unwrap());
        let mut rest = Vec::new();
        let large = consumer.large(&mut rest, Wait::Forever).unwrap();
        assert_eq!((large.kind, large.slots, rest.len()), (2, 2, 260));
        assert!(holds(7, 240, &rest));
    }
}

#[test]
fn a_reader_of_large_messages_keeps_the_slots_of_others_apart() {
    for mode in MODES {
        for slots in [1, 2, 4, 16] {
            let mut buffer = ring(slots, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            let mut got = Vec::new();
            for index in 0..300 {
                let len = common::len_of(index, slots * 240);
                let sent = bytes(index, len);
                // A message given up in between leaves nothing behind.
                let mut batch = producer.batch(slots, Wait::No).unwrap();
                while batch.push(&[1; 240]).is_ok() {}
                if index % 2 == 0 {
                    forget(batch);
                } else {
                    drop(batch);
                }
                producer.message(&sent).kind(index as u16).wait(Wait::No).send_large().unwrap();
                let small = producer.message(b"small").kind(7).wait(Wait::No).send().is_ok();
                let large = consumer.large(&mut got, Wait::Forever).unwrap();
                assert_eq!((large.kind, got.len()), (index as u16, len));
                assert!(got == sent);
                if small {
                    assert_eq!(consumer.large(&mut got, Duration::ZERO).unwrap().slots, 1);
                    assert_eq!(got, b"small");
                }
                assert_eq!(consumer.large(&mut got, Wait::No), Err(ConsumeError::Empty));
            }
        }
    }
}

#[test]
fn numbers_wrap_inside_a_large_message() {
    for mode in MODES {
        for start in [u64::MAX - 3, (1 << 63) - 2] {
            let mut buffer = Buffer::builder().slots(8).mode(mode).first_message(start).build().unwrap();
            let (mut producer, mut consumer) = buffer.split_mut();
            let mut got = Vec::new();
            for index in 0..5u64 {
                producer.message(&bytes(index, 8 * 240)).wait(Wait::No).send_large().unwrap();
                let large = consumer.large(&mut got, Wait::No).unwrap();
                assert_eq!((large.number, large.slots), (start.wrapping_add(8 * index), 8));
                assert!(got.len() == 8 * 240 && holds(index, 0, &got));
                assert_eq!(consumer.large(&mut got, Wait::No), Err(ConsumeError::Empty));
            }
        }
    }
}

#[test]
fn a_message_as_long_as_the_ring_waits_for_all_of_it() {
    common::watch_process();
    for mode in MODES {
        for slots in [1, 2, 8] {
            let (mut producer, mut consumer) =
                Buffer::builder().slots(slots).mode(mode).release_every(slots).build().unwrap().split();
            let writer = thread::spawn(move || {
                for index in 0..200 {
                    producer.produce(b"small").unwrap();
                    producer.message(&bytes(index, slots * 240)).kind(index as u16).send_large().unwrap();
                    producer.message(&bytes(index, 100)).kind(1).wait(Duration::MAX).send_large().unwrap();
                }
            });
            let mut got = Vec::new();
            for index in 0..200 {
                forget(consumer.consume().unwrap());
                assert_eq!(consumer.large(&mut got, Wait::Forever).unwrap().kind, index as u16);
                assert!(got == bytes(index, slots * 240));
                consumer.large(&mut got, Duration::from_secs(30)).unwrap();
                assert!(got == bytes(index, 100));
            }
            writer.join().unwrap();
        }
    }
}

#[test]
fn a_waiting_large_message_ends_when_the_consumer_goes() {
    for limit in [None, Some(Duration::MAX)] {
        let (mut producer, consumer) = ring(4, Mode::Fenced).split();
        producer.try_produce(b"x").unwrap();
        let message = bytes(0, 4 * 240);
        let blocked = thread::spawn(move || match limit {
            None => producer.message(&message).send_large(),
            Some(limit) => producer.message(&message).wait(limit).send_large(),
        });
        thread::sleep(Duration::from_millis(5));
        assert!(!blocked.is_finished());
        drop(consumer);
        assert_eq!(blocked.join().unwrap(), Err(ProduceError::ConsumerGone));
    }
}

#[test]
fn an_end_that_comes_while_looking_is_the_end() {
    let _watchdog = common::watchdog("ends while looking", 60);
    let rounds = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    let (start, started) = std::sync::mpsc::channel::<perdix_host::Producer<'static>>();
    let writer = thread::spawn(move || {
        for (round, producer) in started.into_iter().enumerate() {
            (0..round % 500).for_each(|_| std::hint::spin_loop());
            drop(producer);
        }
    });
    let mut got = Vec::new();
    for round in 0..rounds {
        let (mut producer, mut consumer) = ring(2, MODES[round % 2]).split();
        producer.message(&bytes(0, 480)).wait(Wait::No).send_large().unwrap();
        assert_eq!(consumer.large(&mut got, Wait::Forever).unwrap().slots, 2);
        start.send(producer).unwrap();
        let end = loop {
            match consumer.large(&mut got, Wait::No) {
                Err(ConsumeError::Empty) => {}
                other => break other.unwrap_err(),
            }
        };
        assert_eq!(end, ConsumeError::EndOfStream, "round {round}");
    }
    drop(start);
    writer.join().unwrap();
}

/// A producer ends its stream, having dropped its last message, in the moment in which the consumer looks: found by soaking.
#[test]
fn the_end_does_not_hide_what_was_dropped_last() {
    for round in 0..500 {
        let mut buffer = Buffer::new(1).unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.produce(b"taken").unwrap();
        // Its slot is not handed back before the next look.
        forget(consumer.try_consume().unwrap());
        assert_eq!(producer.message(b"dropped").send_or_drop(), Ok(false));
        let go = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !go.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                for _ in 0..round % 64 {
                    std::hint::spin_loop();
                }
                producer.finish();
            });
            let (mut bytes, mut missing) = (Vec::new(), 0);
            thread::yield_now();
            go.store(true, Ordering::Relaxed);
            loop {
                match consumer.large(&mut bytes, Wait::No) {
                    Ok(large) => panic!("{large:?}"),
                    Err(ConsumeError::Empty) => {}
                    Err(ConsumeError::Gap { dropped, .. }) => missing += dropped,
                    Err(error) => {
                        break assert_eq!((error, missing), (ConsumeError::EndOfStream, 1), "round {round}");
                    }
                }
            }
        });
    }
}
