//! A consumer that is gone stops every producing call.

use std::thread;
use std::time::Duration;

use perdix_host::{Buffer, ProduceError, Producer};

use crate::{MODES, ring};

type Call = fn(&mut Producer<'_>) -> Result<(), ProduceError>;

/// The calls that return at once.
const TRYING: [(&str, Call); 6] = [
    ("try_produce", |producer| producer.try_produce(b"x")),
    ("try_produce_kind", |producer| producer.try_produce_kind(1, b"x")),
    ("produce_or_drop", |producer| producer.produce_or_drop(b"x").map(drop)),
    ("try_reserve", |producer| producer.try_reserve(1).map(|grant| grant.commit())),
    ("try_batch", |producer| producer.try_batch(1).and_then(|mut batch| batch.push(b"x"))),
    ("try_produce_large", |producer| producer.try_produce_large(1, &[0; 300])),
];

/// The calls that wait.
const WAITING: [(&str, Call); 10] = [
    ("produce", |producer| producer.produce(b"x")),
    ("produce_kind", |producer| producer.produce_kind(1, b"x")),
    ("produce_timeout", |producer| producer.produce_timeout(b"x", Duration::from_secs(60))),
    ("produce_timeout MAX", |producer| producer.produce_timeout(b"x", Duration::MAX)),
    ("produce_all", |producer| producer.produce_all([b"x"]).map(drop).map_err(|error| error.source)),
    ("reserve", |producer| producer.reserve(1).map(|grant| grant.commit())),
    ("reserve_timeout", |producer| producer.reserve_timeout(1, Duration::MAX).map(|grant| grant.commit())),
    ("batch", |producer| producer.batch(1).and_then(|mut batch| batch.push(b"x"))),
    ("produce_large", |producer| producer.produce_large(1, &[0; 300])),
    ("produce_large_timeout", |producer| producer.produce_large_timeout(1, &[0; 300], Duration::MAX)),
];

#[test]
fn every_call_says_that_the_consumer_is_gone() {
    for mode in MODES {
        for (name, call) in TRYING.into_iter().chain(WAITING) {
            let mut buffer = ring(2, mode);
            let (mut producer, consumer) = buffer.split_mut();
            producer.produce_all([b"a", b"b"]).unwrap();
            assert!(!producer.is_consumer_gone());
            drop(consumer);
            assert!(producer.is_consumer_gone());
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
