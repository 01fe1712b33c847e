//! Streams between processes.

use perdix_host::process::SharedRing;
use perdix_host::{ConsumeError, MemoryKind, ProduceError, Wait};

use crate::child::{Child, consume_all, payload};
use crate::common::{MODES, kind_of, len_of, message};
use crate::{PATIENCE, Place, builder};

const COUNT: u64 = 30_000;

#[test]
fn a_child_produces() {
    for mode in MODES {
        for slots in [1, 64, 4096] {
            let place = Place::new();
            let ring = place.create("ring", builder(slots, mode)).unwrap();
            assert_eq!((ring.capacity(), ring.mode()), (slots, mode));
            let count = if slots == 1 { 300 } else { COUNT };
            let mut child = Child::start(place.directory.path(), "ring", &format!("produce {count} end"));
            let mut consumer = ring.into_consumer().unwrap();
            assert_eq!(consume_all(&mut consumer, 0), (count, "end".into()));
            assert!(child.end().success());
            assert_eq!(place.names(), ["ring"], "the name stays while the consumer is there");
            drop(consumer);
            assert!(place.names().is_empty(), "it was read to its end");
        }
    }
}

#[test]
fn a_child_consumes() {
    for mode in MODES {
        let place = Place::new();
        let ring = place.create("ring", builder(64, mode)).unwrap();
        let child = Child::start(place.directory.path(), "ring", "consume");
        let mut producer = ring.into_producer().unwrap();
        for number in 0..COUNT {
            producer.message(&message(number, 240)).kind(kind_of(number)).send().unwrap();
        }
        let counters = producer.counters();
        producer.finish();
        assert_eq!(child.lines(), [format!("{COUNT} end")]);
        assert_eq!((counters.read().sent, counters.read().received), (COUNT, COUNT));
        assert!(place.names().is_empty());
    }
}

/// Both roles in one process: the ring is opened twice. Batches, large messages and records work as within a process.
#[test]
fn every_kind_of_message() {
    for mode in MODES {
        let place = Place::new();
        let mut producer = place.create("ring", builder(64, mode)).unwrap().into_producer().unwrap();
        let mut consumer = place.open("ring").unwrap().into_consumer().unwrap();
        let thread = std::thread::spawn(move || {
            let large: Vec<u8> = (0..5000).map(|at| at as u8).collect();
            let mut received = Vec::new();
            consumer.large(&mut received, Wait::Forever).unwrap();
            assert_eq!(received, large);
            let batch = consumer.batch(10, Wait::Forever).unwrap();
            assert_eq!(batch.len(), 3);
            drop(batch);
            let mut sum = 0;
            let count = consumer.for_each_record(7, |record: &u64| sum += record).unwrap();
            assert_eq!((count, sum), (1000, 499_500));
        });
        producer.message(&(0..5000).map(|at| at as u8).collect::<Vec<_>>()).kind(1).send_large().unwrap();
        let mut batch = producer.batch(3, Wait::Forever).unwrap();
        for text in ["a", "b", "c"] {
            batch.push(text.as_bytes()).unwrap();
        }
        assert_eq!(batch.commit(), 3);
        // The records only once the batch was taken: it takes all that is there.
        while producer.free_slots() < 64 {
            std::thread::yield_now();
        }
        let mut records = producer.records::<u64>(7);
        records.push_all(0..1000).unwrap();
        drop(records);
        producer.finish();
        thread.join().unwrap();
    }
}

/// A producer that has finished and gone leaves all of it for a consumer that comes later.
#[test]
fn a_stream_waits_for_its_consumer() {
    for mode in MODES {
        let place = Place::new();
        let mut producer = place.create("ring", builder(1024, mode)).unwrap().into_producer().unwrap();
        for number in 0..1000 {
            producer.message(&payload(number)).kind(kind_of(number)).send().unwrap();
        }
        producer.finish();
        assert_eq!(place.names(), ["ring"]);
        let child = Child::start(place.directory.path(), "ring", "consume");
        assert_eq!(child.lines(), ["1000 end"]);
        assert!(place.names().is_empty());
    }
}

#[test]
fn a_consumer_can_come_first() {
    let place = Place::new();
    let ring = place.create("ring", builder(8, MODES[0])).unwrap();
    let mut consumer = ring.into_consumer().unwrap();
    let none = consumer.next(std::time::Duration::from_millis(50));
    assert!(none.is_err_and(|error| error.to_string().contains("no message within")));
    assert_eq!(consumer.status(), Ok(()));
    let mut producer = place.open("ring").unwrap().into_producer().unwrap();
    producer.produce(b"late").unwrap();
    assert_eq!(&consumer.next(PATIENCE).unwrap()[..], b"late");
}

/// A consumer that leaves is succeeded by another exactly where it stopped.
#[test]
fn consumers_take_turns() {
    for mode in MODES {
        let place = Place::new();
        let mut producer = place.create("ring", builder(32, mode)).unwrap().into_producer().unwrap();
        let mut next = 0;
        for turn in 0..20 {
            let mut consumer = place.open("ring").unwrap().into_consumer().unwrap();
            let first = consumer.position();
            while producer.free_slots() != 0 {
                producer.produce(&payload(next)).unwrap();
                next += 1;
            }
            assert_eq!(first, next - 32, "turn {turn}");
            for number in first..first + turn {
                assert_eq!(consumer.consume().unwrap().to_vec(), payload(number));
            }
            // A guard that was forgotten is handed back by leaving.
            std::mem::forget(consumer.consume().unwrap());
        }
        let counters = producer.counters().read();
        assert_eq!((counters.received, counters.sent - counters.received <= 32), (next - 32 + 20, true));
        let bytes: usize = (0..counters.received).map(|number| len_of(number, 240)).sum();
        assert_eq!(counters.received_bytes, bytes as u64);
    }
}

#[test]
fn a_buffer_is_not_made_in_shared_memory() {
    let error = builder(8, MODES[0]).memory(MemoryKind::Shared).build().unwrap_err();
    assert!(error.to_string().contains("create_shared"), "{error}");
    let error = builder(8, MODES[0]).memory(MemoryKind::Heap).create_anonymous().unwrap_err();
    assert!(error.to_string().contains("heap memory belongs to one process"), "{error}");
    assert!(builder(8, MODES[0]).memory(MemoryKind::Shared).create_anonymous().is_ok());
}

/// Halves that copy carry what others carry, and work with those.
#[test]
fn copying_halves() {
    #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    #[repr(C)]
    struct Value([u32; 5]);
    impl perdix_host::Typed for Value {
        const KIND: u16 = 9;
    }
    let large: Vec<u8> = (0..1500).map(|at| at as u8).collect();
    for mode in MODES {
        let ring = builder(8, mode).create_anonymous().unwrap();
        let fd = ring.to_fd().unwrap();
        let mut producer = ring.into_copying_producer().unwrap();
        let mut consumer = SharedRing::from_fd(fd).unwrap().into_copying_consumer().unwrap();
        assert_eq!(consumer.try_next().err(), Some(ConsumeError::Empty));
        for number in 0..100 {
            let sent = message(number, 240);
            producer.send(kind_of(number), &sent, PATIENCE).unwrap();
            let message = consumer.next(PATIENCE).unwrap();
            assert_eq!(
                (message.kind(), message.number(), &message[..]),
                (kind_of(number), number, &sent[..])
            );
        }
        let value = Value([1, 2, 3, 4, u32::MAX]);
        producer.send(9, bytemuck::bytes_of(&value), Wait::No).unwrap();
        assert_eq!(consumer.consume().unwrap().value_copy(), Ok(value));
        producer.send_large(7, &large, PATIENCE).unwrap();
        let mut bytes = vec![1];
        let joined = consumer.large(&mut bytes, PATIENCE).unwrap();
        assert_eq!((joined.kind, joined.slots, &bytes), (7, 7, &large));
        assert!(matches!(producer.send_large(0, &[0; 2000], Wait::No), Err(ProduceError::TooLong { .. })));
        assert!(matches!(producer.produce(&[0; 241]), Err(ProduceError::TooLong { .. })));

        assert_eq!((0..10).filter(|_| producer.send_or_drop(0, b"x").unwrap()).count(), 8);
        assert!(matches!(producer.try_produce(b"y"), Err(ProduceError::Full { .. })));
        let full = producer.send(0, b"y", std::time::Duration::from_millis(1));
        assert!(matches!(full, Err(ProduceError::TimedOut { .. })));
        for _ in 0..8 {
            consumer.consume().unwrap();
        }
        producer.produce(b"behind").unwrap();
        producer.finish();
        let rest: Vec<_> = consumer.messages().map(|item| item.map(|message| message.to_vec())).collect();
        assert!(matches!(rest[0], Err(ConsumeError::Gap { dropped: 2, .. })), "{rest:?}");
        assert_eq!(rest[1..], [Ok(b"behind".to_vec())]);
        assert_eq!(consumer.try_next().err(), Some(ConsumeError::EndOfStream));
    }
}

/// A task that waits for a copying half's counterpart.
#[cfg(feature = "futures")]
#[test]
fn copying_halves_in_tasks() {
    let ring = builder(1, MODES[0]).create_anonymous().unwrap();
    let fd = ring.to_fd().unwrap();
    let mut producer = ring.into_copying_producer().unwrap();
    let mut consumer = SharedRing::from_fd(fd).unwrap().into_copying_consumer().unwrap();
    let sending = std::thread::spawn(move || {
        for number in 0..100_u8 {
            futures_executor::block_on(producer.room(1)).unwrap();
            producer.try_produce(&[number]).unwrap();
        }
    });
    for number in 0..100 {
        futures_executor::block_on(consumer.ready()).unwrap();
        assert_eq!(&consumer.try_next().unwrap()[..], [number]);
    }
    sending.join().unwrap();
    assert_eq!(futures_executor::block_on(consumer.ready()), Err(ConsumeError::EndOfStream));
}
