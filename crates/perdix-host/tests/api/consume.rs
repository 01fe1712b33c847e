//! The consuming calls.

use std::thread;
use std::time::{Duration, Instant};

use perdix_host::{Buffer, ConsumeError, Wait, WaitStrategy};

use crate::{MODES, ring};

#[test]
fn a_message_tells_all_about_itself() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        assert!(consumer.try_consume().is_none());
        producer.message(b"\0\"abcde").kind(7).wait(Wait::No).send().unwrap();
        producer.try_produce(&0x0102_0304_0506_0708_u64.to_le_bytes()).unwrap();
        let message = consumer.try_consume().unwrap();
        assert_eq!((message.number(), message.kind(), message.has_more()), (0, 7, false));
        assert_eq!(&message[..], b"\0\"abcde");
        assert_eq!(format!("{message:?}"), r#"Message { number: 0, kind: 7, bytes: b"\x00\"abcde" }"#);
        assert!(message.cast::<u64>().is_err(), "7 bytes are no u64");
        let owned = message.to_owned();
        drop(message);
        let message = consumer.consume().unwrap();
        assert_eq!((message.number(), message.kind()), (1, 0));
        assert_eq!(message.cast::<u64>(), Ok(&0x0102_0304_0506_0708));
        assert_eq!(message.cast::<[u8; 8]>().unwrap()[..], message[..]);
        assert!(message.cast::<u32>().is_err() && message.cast::<u128>().is_err());
        drop(message);
        assert_eq!((owned.number(), owned.kind(), owned.has_more()), (0, 7, false));
        assert_eq!(&owned.clone()[..], b"\0\"abcde");
        assert!(format!("{owned:?}").starts_with("OwnedMessage { number: 0, kind: 7,"));
    }
}

#[test]
fn every_payload_is_aligned_and_lies_where_it_was_written() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        for round in 0..9u8 {
            let mut grant = producer.reserve(16, Wait::No).unwrap();
            grant.fill(round);
            let place = grant.as_ptr();
            grant.commit();
            let message = consumer.try_consume().unwrap();
            assert_eq!((message.as_ptr(), place as usize % 16), (place, 0));
            assert_eq!(message.cast::<u128>(), Ok(&u128::from_ne_bytes([round; 16])));
        }
    }
}

#[test]
fn a_batch_holds_what_is_there() {
    for mode in MODES {
        let mut buffer = ring(8, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        assert!(consumer.batch(8, Wait::No).is_err());
        for i in 0..6u8 {
            producer.message(&[i]).kind(u16::from(i)).wait(Wait::No).send().unwrap();
        }
        assert_eq!(consumer.batch(0, Wait::No).unwrap().len(), 0);
        let nothing = consumer.batch(0, Wait::Forever).unwrap();
        assert_eq!((nothing.len(), nothing.is_empty(), nothing.get(0).is_none()), (0, true, true));
        drop(nothing);
        assert_eq!((consumer.available(), consumer.position()), (6, 0));
        let batch = consumer.batch(2, Wait::No).unwrap();
        assert_eq!((batch.len(), batch.is_empty(), batch.iter().len()), (2, false, 2));
        let second = batch.get(1).unwrap();
        assert_eq!((second.number(), second.kind(), second.bytes(), &second[..]), (1, 1, &[1][..], &[1][..]));
        assert!(!second.has_more() && second.bytes().as_ptr() as usize % 16 == 0);
        assert_eq!(format!("{second:?}"), r#"Message { number: 1, kind: 1, bytes: b"\x01" }"#);
        assert_eq!(&second.to_owned()[..], &[1]);
        assert!(batch.get(2).is_none() && batch.get(usize::MAX).is_none());
        assert_eq!(producer.free_slots(), 2, "slots stay taken while the guard lives");
        assert_eq!(producer.produce_all([[6], [7]]), Ok(2));
        drop(batch);
        let batch = consumer.batch(usize::MAX, Wait::Forever).unwrap();
        let backwards: Vec<u8> = batch.iter().rev().map(|message| message[0]).collect();
        assert_eq!(backwards, [7, 6, 5, 4, 3, 2]);
        drop(batch);
        assert_eq!((consumer.position(), consumer.available()), (8, 0));
    }
}

#[test]
fn the_slot_stays_while_the_guard_lives() {
    for mode in MODES {
        let mut buffer = Buffer::builder().slots(2).mode(mode).release_every(1).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.produce_all([[1; 240], [2; 240]]).unwrap();
        let first = consumer.try_consume().unwrap();
        assert!(producer.try_produce(&[3; 240]).is_err());
        assert_eq!(&first[..], &[1; 240]);
        drop(first);
        producer.try_produce(&[3; 240]).unwrap();
        assert!(producer.try_produce(&[4; 240]).is_err());
        assert_eq!(consumer.available(), 2);
    }
}

#[test]
fn drain_takes_what_is_there_and_no_more_than_a_ring_full() {
    for mode in MODES {
        let mut buffer = Buffer::builder().slots(128).mode(mode).release_every(1).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        for most in [100u8, 128] {
            producer.produce_all((0..most).map(|i| [i])).unwrap();
            let mut next = 0;
            // Refilling from within does not make it endless.
            let count = consumer.drain(|message| {
                assert_eq!(message[0], next);
                next = next.wrapping_add(1);
            });
            assert_eq!(count, Ok(usize::from(most)));
        }
        let mut refilled = 0;
        producer.try_produce(b"x").unwrap();
        let count = consumer.drain(|_| refilled += usize::from(producer.try_produce(b"x").is_ok()));
        assert_eq!((count, refilled, consumer.available()), (Ok(128), 128, 1));
    }
}

#[test]
fn for_each_runs_to_the_end() {
    let (mut producer, mut consumer) = Buffer::new(4).unwrap().split();
    let writer = thread::spawn(move || producer.produce_all((0..1000u64).map(u64::to_le_bytes)));
    let mut next = 0u64;
    let count = consumer.for_each(|message| {
        assert_eq!((message.number(), &message[..]), (next, &next.to_le_bytes()[..]));
        next += 1;
    });
    assert_eq!((count, next), (Ok(1000), 1000));
    assert_eq!(consumer.for_each(|_| panic!("called")), Ok(0));
    assert_eq!(writer.join().unwrap(), Ok(1000));
}

#[test]
fn the_iterator_ends_and_stays_ended() {
    let mut buffer = Buffer::new(4).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.produce_all([b"a", b"b"]).unwrap();
    assert_eq!(consumer.messages().next().unwrap().unwrap()[..], *b"a");
    producer.finish();
    let mut messages = consumer.messages();
    assert_eq!(messages.next().unwrap().unwrap()[..], *b"b");
    assert!((0..3).all(|_| messages.next().is_none()));
    assert_eq!(consumer.status(), Err(ConsumeError::EndOfStream));
}

#[test]
fn the_end_comes_after_the_last_message_on_every_call() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!(consumer.status(), Ok(()));
        producer.try_produce(b"last").unwrap();
        drop(producer);
        assert_eq!(consumer.status(), Ok(()), "something is left");
        assert_eq!(&consumer.consume().unwrap()[..], b"last");
        let end = Some(ConsumeError::EndOfStream);
        assert_eq!(consumer.status().err(), end);
        assert_eq!(consumer.consume().err(), end);
        assert_eq!(consumer.next(Duration::MAX).err(), end);
        assert_eq!(consumer.batch(4, Wait::Forever).err(), end);
        assert_eq!(consumer.large(&mut Vec::new(), Wait::No).err(), end);
        assert_eq!(consumer.large(&mut Vec::new(), Wait::Forever).err(), end);
        assert_eq!(consumer.large(&mut Vec::new(), Duration::MAX).err(), end);
        assert!(consumer.try_consume().is_none());
        assert_eq!(consumer.try_next().err(), end);
        assert_eq!(consumer.batch(4, Wait::No).err(), end);
        assert_eq!(consumer.drain(|_| ()).err(), end);
        assert_eq!((consumer.available(), consumer.position()), (0, 1));
        assert_eq!(ConsumeError::EndOfStream.to_string(), "end of stream");
    }
}

#[test]
fn waits_end_at_their_limit() {
    for strategy in [WaitStrategy::Spin, WaitStrategy::Yield, WaitStrategy::Backoff] {
        let mut buffer = Buffer::builder().slots(2).wait(strategy).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        for limit in [Duration::ZERO, Duration::from_millis(5)] {
            for large in [false, true] {
                let start = Instant::now();
                let outcome = if large {
                    consumer.large(&mut Vec::new(), limit).map(drop)
                } else {
                    consumer.next(limit).map(drop)
                };
                let took = start.elapsed();
                let Err(ConsumeError::TimedOut { waited }) = outcome else { panic!("{outcome:?}") };
                assert!(limit <= waited && waited <= took && took < limit + Duration::from_secs(5));
            }
        }
        producer.try_produce(b"x").unwrap();
        assert_eq!(&consumer.next(Duration::ZERO).unwrap()[..], b"x");
    }
}

#[test]
fn a_wait_ends_with_a_message_and_with_the_end() {
    for strategy in [WaitStrategy::Spin, WaitStrategy::Yield, WaitStrategy::Backoff] {
        let (mut producer, mut consumer) =
            Buffer::builder().slots(8).consumer_wait(strategy).build().unwrap().split();
        let writer = thread::spawn(move || {
            for i in 0..5u8 {
                thread::sleep(Duration::from_millis(3));
                producer.try_produce(&[i]).unwrap();
            }
            thread::sleep(Duration::from_millis(3));
        });
        assert_eq!(consumer.consume().unwrap()[0], 0);
        assert_eq!(consumer.next(Duration::MAX).unwrap()[0], 1);
        assert_eq!(consumer.batch(1, Wait::Forever).unwrap().get(0).unwrap()[0], 2);
        let mut bytes = Vec::new();
        consumer.large(&mut bytes, Wait::Forever).unwrap();
        assert_eq!(bytes, [3]);
        consumer.large(&mut bytes, Duration::MAX).unwrap();
        assert_eq!(bytes, [4]);
        assert_eq!(consumer.consume().err(), Some(ConsumeError::EndOfStream));
        writer.join().unwrap();
    }
}
