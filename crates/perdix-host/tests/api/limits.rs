//! The errors of the producing calls: too long, full, timed out.

use std::time::{Duration, Instant};

use perdix_host::{Buffer, PAYLOAD_SIZE, ProduceError, Wait, WaitStrategy};

use crate::{MODES, ring};

const LONG: [u8; 241] = [7; 241];

#[test]
fn too_long_is_refused_by_every_call() {
    for mode in MODES {
        for slots in [1, 4] {
            let mut buffer = ring(slots, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            let error = ProduceError::TooLong { len: 241, limit: PAYLOAD_SIZE };
            assert_eq!(producer.try_produce(&LONG), Err(error.clone()));
            assert_eq!(producer.message(&LONG).kind(1).wait(Wait::No).send(), Err(error.clone()));
            assert_eq!(producer.produce(&LONG), Err(error.clone()));
            assert_eq!(producer.message(&LONG).kind(1).send(), Err(error.clone()));
            assert_eq!(producer.message(&LONG).wait(Duration::MAX).send(), Err(error.clone()));
            assert_eq!(producer.message(&LONG).send_or_drop(), Err(error.clone()));
            assert_eq!(producer.batch(1, Wait::No).unwrap().push(&LONG), Err(error.clone()));
            assert_eq!(producer.batch(1, Wait::Forever).unwrap().set_kind(1).push(&LONG), Err(error));
            for len in [241, 4096, 1 << 63, usize::MAX] {
                let error = ProduceError::TooLong { len, limit: PAYLOAD_SIZE };
                assert_eq!(producer.reserve(len, Wait::No).err(), Some(error.clone()));
                assert_eq!(producer.reserve(len, Wait::Forever).err(), Some(error.clone()));
                assert_eq!(producer.reserve(len, Duration::MAX).err(), Some(error.clone()));
                let mut batch = producer.batch(1, Wait::Forever).unwrap();
                assert_eq!(batch.write(len, |_| panic!("called")), Err(error));
                assert!(batch.is_empty());
            }
            let text = producer.produce(&LONG).unwrap_err().to_string();
            assert!(text.contains("241") && text.contains("240") && text.contains("send_large"), "{text}");
            assert_eq!((consumer.available(), producer.free_slots()), (0, slots));
            let now = producer.counters().read();
            assert_eq!((now.sent, now.dropped, now.full), (0, 0, 0));
        }
    }
}

#[test]
fn what_a_batch_had_before_an_error_stays() {
    let mut buffer = Buffer::new(4).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    let mut batch = producer.batch(4, Wait::Forever).unwrap();
    batch.push(b"a").unwrap();
    batch.push(&LONG).unwrap_err();
    batch.push(b"b").unwrap();
    assert_eq!(batch.commit(), 2);
    assert_eq!(&consumer.try_consume().unwrap()[..], b"a");
    assert_eq!(&consumer.try_consume().unwrap()[..], b"b");
}

#[test]
fn produce_all_says_how_far_it_came() {
    for mode in MODES {
        let mut buffer = ring(64, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        let error = producer.produce_all([&b"1"[..], b"2", &LONG, b"4"]).unwrap_err();
        assert_eq!(error.source, ProduceError::TooLong { len: 241, limit: 240 });
        assert_eq!(error.sent, 2);
        assert!(error.to_string().starts_with("stopped after 2 messages: "), "{error}");
        assert_eq!(consumer.drain(|_| ()), Ok(2));
        // Over the number that is published at once, too.
        let many = (0..40).map(|_| &b"x"[..]).chain([&LONG[..]]);
        assert_eq!(producer.produce_all(many).unwrap_err().sent, 40);
        assert_eq!(consumer.drain(|_| ()), Ok(40));
    }
}

#[test]
fn a_full_ring_is_refused_and_unchanged() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.produce_all([b"a", b"b"]).unwrap();
        let full = ProduceError::Full { needed: 1, capacity: 2 };
        for _ in 0..3 {
            assert_eq!(producer.try_produce(b"c"), Err(full.clone()));
            assert_eq!(producer.message(b"c").kind(1).wait(Wait::No).send(), Err(full.clone()));
            assert_eq!(producer.reserve(1, Wait::No).err(), Some(full.clone()));
            assert_eq!(producer.batch(1, Wait::No).err(), Some(full.clone()));
            assert_eq!(producer.message(b"c").wait(Wait::No).send_large(), Err(full.clone()));
            assert_eq!(producer.message(b"c").send_or_drop(), Ok(false));
        }
        assert!(full.to_string().contains("2 slots"), "{full}");
        assert_eq!(producer.counters().read().full, 1, "one wait counts once");
        assert_eq!(producer.counters().read().dropped, 3);
        let all: Vec<u8> = std::iter::from_fn(|| consumer.try_consume().map(|message| message[0])).collect();
        assert_eq!(all, b"ab");
    }
}

#[test]
fn a_batch_of_nothing_has_no_room() {
    let mut buffer = Buffer::new(2).unwrap();
    let (mut producer, _consumer) = buffer.split_mut();
    for wait in [Wait::No, Wait::Forever] {
        let mut batch = producer.batch(0, wait).unwrap();
        assert_eq!(batch.room(), 0);
        assert!(matches!(batch.push(b"x"), Err(ProduceError::Full { .. })));
        assert_eq!(batch.commit(), 0);
    }
    assert_eq!(producer.batch(1, Wait::No).unwrap().room(), 1);
}

#[test]
fn waits_end_at_their_limit() {
    for strategy in [WaitStrategy::Spin, WaitStrategy::Yield, WaitStrategy::Backoff] {
        let mut buffer = Buffer::builder().slots(1).wait(strategy).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.try_produce(b"x").unwrap();
        for limit in [Duration::ZERO, Duration::from_millis(5)] {
            let outcomes = [
                time(|| producer.message(b"y").wait(limit).send()),
                time(|| producer.reserve(1, limit).map(|grant| grant.commit())),
                time(|| producer.message(b"y").wait(limit).send_large()),
            ];
            for (outcome, took) in outcomes {
                let Err(ProduceError::TimedOut { waited }) = outcome else { panic!("{outcome:?}") };
                assert!(limit <= waited && waited <= took, "{strategy:?}: {limit:?} {waited:?} {took:?}");
                assert!(took < limit + Duration::from_secs(5), "{strategy:?} {took:?}");
            }
        }
        assert_eq!(consumer.available(), 1);
    }
}

#[test]
fn a_wait_ends_when_there_is_room() {
    for limit in [Duration::from_secs(60), Duration::MAX] {
        let (mut producer, mut consumer) = Buffer::new(1).unwrap().split();
        producer.try_produce(b"0").unwrap();
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            for _ in 0..7 {
                std::thread::sleep(Duration::from_millis(2));
                all.push(consumer.consume().unwrap()[0]);
            }
            all
        });
        producer.message(b"1").wait(limit).send().unwrap();
        producer.produce(b"2").unwrap();
        let mut grant = producer.reserve(1, limit).unwrap();
        grant[0] = b'3';
        grant.commit();
        producer.message(b"4").wait(limit).send_large().unwrap();
        let mut batch = producer.batch(9, Wait::Forever).unwrap();
        batch.push(b"5").unwrap();
        assert_eq!(batch.commit(), 1);
        assert_eq!(producer.produce_all([b"6"]), Ok(1));
        assert_eq!(reader.join().unwrap(), b"0123456");
    }
}

fn time<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let outcome = call();
    (outcome, start.elapsed())
}
