//! What a producer sees of a consumer that dies, and where the next one goes on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use perdix_host::process::RoleError;
use perdix_host::{ConsumeError, Mode, ProduceError, Producer, Wait, WaitStrategy};

use crate::child::{Child, payload};
use crate::common::{MODES, Random};
use crate::{PATIENCE, Place, builder};

/// Every producing call ends soon, whether it waits or is tried again and again.
#[test]
fn producers_are_told() {
    type Call = fn(&mut Producer<'_>) -> Result<(), ProduceError>;
    let calls: [(&str, Call); 5] = [
        ("produce", |producer| producer.produce(b"x")),
        ("try_produce", |producer| producer.try_produce(b"x")),
        ("produce_all", |producer| producer.produce_all([b"x"]).map(drop).map_err(|error| error.source)),
        ("batch", |producer| producer.batch(1, Wait::Forever).map(drop)),
        ("reserve", |producer| producer.reserve(1, Wait::Forever).map(drop)),
    ];
    for mode in MODES {
        for (name, call) in calls {
            for strategy in [WaitStrategy::Spin, WaitStrategy::Backoff] {
                let place = Place::new();
                let ring = place.create("ring", builder(4, mode).wait(strategy)).unwrap();
                let mut producer = ring.into_producer().unwrap();
                producer.produce(&payload(0)).unwrap();
                let mut child = Child::start(place.directory.path(), "ring", "hold 1 1");
                assert_eq!(child.line(), "0");
                while producer.try_produce(b"x").is_ok() {}
                assert!(producer.status().is_ok());
                let killer = std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(20));
                    child.kill();
                });
                let begun = Instant::now();
                loop {
                    match call(&mut producer) {
                        Err(ProduceError::Full { .. }) => assert!(begun.elapsed() < PATIENCE, "{name}"),
                        result => break assert_eq!(result, Err(ProduceError::ConsumerGone), "{name}"),
                    }
                }
                killer.join().unwrap();
                assert!(begun.elapsed() < Duration::from_secs(5), "{name}: {:?}", begun.elapsed());
            }
        }
    }
}

/// One message is being looked at, and some are handed back: what comes again.
#[test]
fn what_comes_again() {
    for mode in MODES {
        for (taken, release_every, again_in_fenced_mode) in [(5, 4, 1), (4, 4, 4), (20, 1, 1), (20, 16, 4)] {
            let place = Place::new();
            let ring = place.create("ring", builder(32, mode)).unwrap();
            let mut producer = ring.into_producer().unwrap();
            for number in 0..32 {
                producer.produce(&payload(number)).unwrap();
            }
            let task = format!("hold {taken} {release_every}");
            let mut child = Child::start(place.directory.path(), "ring", &task);
            assert_eq!(child.line(), (taken - 1).to_string());
            child.kill();
            let mut consumer = place.open("ring").unwrap().into_consumer().unwrap();
            let again = if mode == Mode::Fenced { again_in_fenced_mode } else { 1 };
            assert_eq!(consumer.position(), taken - again, "{taken} taken, {mode}");
            for number in taken - again..32 {
                assert_eq!(consumer.next(PATIENCE).unwrap().to_vec(), payload(number));
            }
        }
    }
}

/// Consumers die at any moment, one after the other, while messages flow: none is lost, and few come again.
#[test]
fn killed_in_the_middle() {
    let mut random = Random(3);
    for mode in MODES {
        for release_every in [1, 8] {
            let place = Place::new();
            let ring = place.create("ring", builder(64, mode)).unwrap();
            let mut producer = ring.into_producer().unwrap();
            let directory = place.directory.clone();
            let sender = std::thread::spawn(move || {
                let mut told = 0;
                for number in 0..20_000 {
                    loop {
                        match producer.produce(&payload(number)) {
                            Ok(()) => break,
                            Err(ProduceError::ConsumerGone) => told += 1,
                            Err(other) => panic!("{other}"),
                        }
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                producer.finish();
                told
            });
            let mut next = 0;
            for _ in 0..10 {
                let task = format!("take {release_every}");
                let mut child = Child::start(directory.path(), "ring", &task);
                let first: u64 = child.line().parse().unwrap();
                // One more may have been handed back than was said.
                match mode {
                    Mode::FenceFree => assert!(first == next || first == next + 1, "{first} after {next}"),
                    Mode::Fenced => assert!(
                        first <= next + 1 && next.saturating_sub(first) < release_every,
                        "{first} after {next}"
                    ),
                }
                std::thread::sleep(Duration::from_micros(random.below(5000)));
                let numbers: VecDeque<u64> = child.kill().iter().map(|line| line.parse().unwrap()).collect();
                assert!(numbers.iter().enumerate().all(|(at, number)| *number == first + at as u64));
                next = first + numbers.len() as u64;
            }
            let mut consumer = crate::open(&directory, "ring").unwrap().into_consumer().unwrap();
            let mut number = consumer.position();
            loop {
                match consumer.next(PATIENCE) {
                    Ok(message) => {
                        assert_eq!((message.number(), message.to_vec()), (number, payload(number)));
                    }
                    Err(error) => break assert_eq!((error, number), (ConsumeError::EndOfStream, 20_000)),
                }
                number += 1;
            }
            sender.join().unwrap();
        }
    }
}

/// With time for a successor nobody is told.
#[test]
fn a_successor_in_time() {
    let place = Place::new();
    let ring = place.create("ring", builder(4, MODES[0])).unwrap();
    let mut producer = ring.consumer_grace(Duration::from_secs(60)).into_producer().unwrap();
    producer.produce(&payload(0)).unwrap();
    let mut child = Child::start(place.directory.path(), "ring", "hold 1 1");
    child.line();
    for number in 1..4 {
        producer.produce(&payload(number)).unwrap();
    }
    child.kill();
    std::thread::sleep(Duration::from_millis(100));
    assert!(producer.status().is_ok());
    let waiting = std::thread::spawn(move || producer.message(&payload(4)).wait(PATIENCE).send());
    let mut consumer = place.open("ring").unwrap().into_consumer().unwrap();
    for number in 0..5 {
        assert_eq!(consumer.next(PATIENCE).unwrap().to_vec(), payload(number));
    }
    waiting.join().unwrap().unwrap();
}

/// A consumer that never came is not dead: its producer waits.
#[test]
fn one_that_never_came_is_not_gone() {
    let place = Place::new();
    let mut producer = place.create("ring", builder(1, MODES[0])).unwrap().into_producer().unwrap();
    producer.produce(b"x").unwrap();
    let result = producer.message(b"y").wait(Duration::from_millis(100)).send();
    assert!(matches!(result, Err(ProduceError::TimedOut { .. })), "{result:?}");
    // Nor is one that only has the ring open.
    let mut child = Child::start(place.directory.path(), "ring", "open");
    child.line();
    child.kill();
    let result = producer.message(b"y").wait(Duration::from_millis(100)).send();
    assert!(matches!(result, Err(ProduceError::TimedOut { .. })), "{result:?}");
}

#[test]
fn one_at_a_time() {
    let place = Place::new();
    let mut producer = place.create("ring", builder(4, MODES[0])).unwrap().into_producer().unwrap();
    producer.produce(&payload(0)).unwrap();
    let mut child = Child::start(place.directory.path(), "ring", "hold 1 1");
    child.line();
    let error = place.open("ring").unwrap().into_consumer().unwrap_err();
    assert_eq!(error, RoleError::ConsumerThere { process: child.id() });
    let error = place.open("ring").unwrap().into_producer().unwrap_err();
    assert_eq!(error, RoleError::ProducerThere { process: std::process::id() });
    child.kill();
    assert!(place.open("ring").unwrap().into_consumer().is_ok());
}
