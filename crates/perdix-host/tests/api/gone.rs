//! A consumer that is gone stops every producing call.

use std::thread;
use std::time::Duration;

use perdix_host::{Buffer, ProduceError, Producer, Wait};

use crate::{MODES, ring};

type Call = fn(&mut Producer<'_>) -> Result<(), ProduceError>;

/// The calls that return at once.
const TRYING: [(&str, Call); 6] = [
    ("try_produce", |producer| producer.try_produce(b"x")),
    ("try_produce_kind", |producer| producer.message(b"x").kind(1).wait(Wait::No).send()),
    ("produce_or_drop", |producer| producer.message(b"x").send_or_drop().map(drop)),
    ("try_reserve", |producer| producer.reserve(1, Wait::No).map(|grant| grant.commit())),
    ("try_batch", |producer| producer.batch(1, Wait::No).and_then(|mut batch| batch.push(b"x"))),
    ("try_produce_large", |producer| producer.message(&[0; 300]).kind(1).wait(Wait::No).send_large()),
];

/// The calls that wait.
const WAITING: [(&str, Call); 10] = [
    ("produce", |producer| producer.produce(b"x")),
    ("produce_kind", |producer| producer.message(b"x").kind(1).send()),
    ("produce_timeout", |producer| producer.message(b"x").wait(Duration::from_secs(60)).send()),
    ("produce_timeout MAX", |producer| producer.message(b"x").wait(Duration::MAX).send()),
    ("produce_all", |producer| producer.produce_all([b"x"]).map(drop).map_err(|error| error.source)),
    ("reserve", |producer| producer.reserve(1, Wait::Forever).map(|grant| grant.commit())),
    ("reserve_timeout", |producer| producer.reserve(1, Duration::MAX).map(|grant| grant.commit())),
    ("batch", |producer| producer.batch(1, Wait::Forever).and_then(|mut batch| batch.push(b"x"))),
    ("produce_large", |producer| producer.message(&[0; 300]).kind(1).send_large()),
    ("produce_large_timeout", |producer| {
        producer.message(&[0; 300]).kind(1).wait(Duration::MAX).send_large()
    }),
];

#[test]
fn every_call_says_that_the_consumer_is_gone() {
    for mode in MODES {
        for (name, call) in TRYING.into_iter().chain(WAITING) {
            let mut buffer = ring(2, mode);
            let (mut producer, consumer) = buffer.split_mut();
            producer.produce_all([b"a", b"b"]).unwrap();
            assert!(producer.status().is_ok());
            drop(consumer);
            assert!(producer.status().is_err());
            for _ in 0..3 {
                assert_eq!(call(&mut producer), Err(ProduceError::ConsumerGone), "{name}, {mode:?}");
            }
            let now = producer.counters().read();
            assert_eq!((now.sent, now.dropped), (2, 0), "{name}");
        }
    }
}

#[test]
fn a_blocked_call_ends_when_the_consumer_goes() {
    for mode in MODES {
        for (name, call) in WAITING {
            let (mut producer, consumer) = ring(2, mode).split();
            producer.produce_all([b"a", b"b"]).unwrap();
            let blocked = thread::spawn(move || call(&mut producer));
            thread::sleep(Duration::from_millis(3));
            assert!(!blocked.is_finished(), "{name} does not wait");
            drop(consumer);
            assert_eq!(blocked.join().unwrap(), Err(ProduceError::ConsumerGone), "{name}, {mode:?}");
        }
    }
}

#[test]
fn it_is_noticed_within_one_lap() {
    for mode in MODES {
        let mut buffer = ring(8, mode);
        let (mut producer, consumer) = buffer.split_mut();
        drop(consumer);
        let accepted = (0..).take_while(|_| producer.try_produce(b"x").is_ok()).count();
        assert!(accepted <= 8, "{accepted} messages into nowhere");
        assert_eq!(producer.try_produce(b"x"), Err(ProduceError::ConsumerGone));
        let error = producer.produce_all([b"x"; 3]).unwrap_err();
        assert_eq!((error.sent, error.source), (0, ProduceError::ConsumerGone));
    }
}

#[test]
fn produce_all_counts_what_went_before() {
    let mut buffer = Buffer::new(8).unwrap();
    let (mut producer, consumer) = buffer.split_mut();
    let counters = producer.counters();
    let mut consumer = Some(consumer);
    let messages = (0..100).inspect(|i| {
        if *i == 5 {
            consumer = None;
        }
    });
    let error = producer.produce_all(messages.map(|_| b"x")).unwrap_err();
    assert_eq!(error.source, ProduceError::ConsumerGone);
    assert!((5..=8).contains(&error.sent), "{error:?}");
    assert_eq!(counters.read().sent, error.sent);
}
