//! What a consumer sees of a producer that dies.

use std::time::{Duration, Instant};

use perdix_host::ConsumeError;
use perdix_host::process::RoleError;

use crate::child::{Child, consume_all, payload};
use crate::common::{MODES, Random};
use crate::{PATIENCE, Place, builder};

fn lost(result: Result<impl std::fmt::Debug, ConsumeError>) -> u64 {
    match result {
        Err(ConsumeError::ProducerLost { first_missing, why }) => {
            assert!(why.contains("the producing process has ended (process "), "{why}");
            first_missing
        }
        other => panic!("{other:?} instead of a loss"),
    }
}

/// Killed at rest: exactly what it sent comes.
#[test]
fn all_that_was_published_comes() {
    for mode in MODES {
        let place = Place::new();
        let ring = place.create("ring", builder(256, mode)).unwrap();
        let mut child = Child::start(place.directory.path(), "ring", "produce 200 hang");
        assert_eq!((child.line(), child.line()), ("producing".into(), "200".into()));
        child.kill();
        let mut consumer = ring.into_consumer().unwrap();
        let (count, why) = consume_all(&mut consumer, 0);
        assert_eq!(count, 200, "{why}");
        for _ in 0..3 {
            assert_eq!(lost(consumer.consume()), 200, "it stays so");
        }
        assert_eq!(lost(consumer.status()), 200);
        drop(consumer);
        assert!(place.names().is_empty(), "nothing is left to read");
    }
}

/// Killed at any moment: what was published comes whole, and nothing else.
#[test]
fn killed_in_the_middle() {
    let mut random = Random(7);
    for mode in MODES {
        for round in 0..8 {
            let place = Place::new();
            let ring = place.create("ring", builder(64, mode)).unwrap();
            let mut child = Child::start(place.directory.path(), "ring", "produce 1000000000 end");
            child.line();
            let mut consumer = ring.into_consumer().unwrap();
            let counters = consumer.counters();
            let delay = Duration::from_micros(random.below(3000));
            let killer = std::thread::spawn(move || {
                std::thread::sleep(delay);
                child.kill();
            });
            if round % 2 == 1 {
                // The ring is full when it dies.
                killer.join().unwrap();
                let (count, _) = consume_all(&mut consumer, 0);
                assert!(count <= 64);
            } else {
                let (count, why) = consume_all(&mut consumer, 0);
                killer.join().unwrap();
                assert!(why.contains("has ended"), "{why}");
                // It may have died between a publication and its count.
                let published = count - counters.read().sent;
                assert!(published <= 1, "{count} came, {} were sent", counters.read().sent);
            }
        }
    }
}

#[test]
fn a_waiting_consumer_notices_soon() {
    let place = Place::new();
    let ring = place.create("ring", builder(8, MODES[0])).unwrap();
    let mut child = Child::start(place.directory.path(), "ring", "produce 3 hang");
    child.line();
    let mut consumer = ring.into_consumer().unwrap();
    let killer = std::thread::spawn(move || {
        child.line();
        std::thread::sleep(Duration::from_millis(50));
        child.kill();
        Instant::now()
    });
    let (count, why) = consume_all(&mut consumer, 0);
    let noticed = Instant::now();
    let late = noticed.saturating_duration_since(killer.join().unwrap());
    assert_eq!(count, 3, "{why}");
    assert!(late < Duration::from_secs(5), "noticed after {late:?}");
}

/// A process that ends in good order, but not its stream.
#[test]
fn a_forgotten_producer_is_lost_too() {
    let place = Place::new();
    let ring = place.create("ring", builder(8, MODES[0])).unwrap();
    let mut child = Child::start(place.directory.path(), "ring", "produce 5 forget");
    assert!(child.end().success());
    let mut consumer = ring.into_consumer().unwrap();
    assert_eq!(consume_all(&mut consumer, 0).0, 5);
    assert_eq!(lost(consumer.next(PATIENCE)), 5);
}

/// A ring carries one stream.
#[test]
fn nobody_succeeds_a_producer() {
    for (then, ended) in [("end", true), ("hang", false)] {
        let place = Place::new();
        let _open = place.create("ring", builder(8, MODES[0])).unwrap();
        let mut child = Child::start(place.directory.path(), "ring", &format!("produce 5 {then}"));
        let process = child.id();
        assert_eq!((child.line(), child.line()), ("producing".into(), "5".into()));
        if ended {
            child.end();
        }
        child.kill();
        let error = place.open("ring").unwrap().into_producer().unwrap_err();
        assert_eq!(error, RoleError::ProducerWasHere { process, ended });
        assert!(error.to_string().contains("create a new ring"), "{error}");
    }
}

/// What it dropped and had not told yet is told.
#[test]
fn dropped_messages_are_told() {
    for mode in MODES {
        let place = Place::new();
        let ring = place.create("ring", builder(8, mode)).unwrap();
        let mut child = Child::start(place.directory.path(), "ring", "drop 20");
        assert_eq!(child.line(), "dropped");
        child.kill();
        let mut consumer = ring.into_consumer().unwrap();
        for number in 0..8 {
            assert_eq!(consumer.next(PATIENCE).unwrap().to_vec(), payload(number));
        }
        assert_eq!(consumer.consume().unwrap_err(), ConsumeError::Gap { dropped: 12, position: 8 });
        assert_eq!(lost(consumer.consume()), 8);
        drop(consumer);
        assert!(place.names().is_empty());
    }
}

/// A task that waits for a process learns of its death, and of what its successor reads.
#[cfg(feature = "futures")]
#[test]
fn a_waiting_task_is_woken_by_a_death() {
    use futures_util::StreamExt;
    for mode in MODES {
        let place = Place::new();
        let ring = place.create("ring", builder(256, mode)).unwrap();
        let mut child = Child::start(place.directory.path(), "ring", "produce 200 hang");
        assert_eq!((child.line(), child.line()), ("producing".into(), "200".into()));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            child.kill();
        });
        let mut messages = ring.into_consumer().unwrap().into_stream();
        let all: Vec<_> = futures_executor::block_on_stream(&mut messages).collect();
        assert_eq!(all.iter().filter(|item| item.is_ok()).count(), 200);
        assert_eq!((all.len(), lost(all.into_iter().next_back().unwrap())), (201, 200));
        assert!(futures_executor::block_on(messages.next()).is_none());
        killer.join().unwrap();
    }
}
