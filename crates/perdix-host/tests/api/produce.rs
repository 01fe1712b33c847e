//! The producing calls that succeed.

use std::time::Duration;

use perdix_host::{Buffer, ProduceError, Wait};

use crate::{MODES, ring, texts};

fn pairs<const N: usize>(all: [(u16, &str); N]) -> Vec<(u16, String)> {
    all.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect()
}

#[test]
fn every_call_delivers_kind_and_bytes_in_order() {
    for mode in MODES {
        let mut buffer = ring(16, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.try_produce(b"try").unwrap();
        producer.message(b"try kind").kind(1).wait(Wait::No).send().unwrap();
        producer.produce(b"wait").unwrap();
        producer.message(b"wait kind").kind(u16::MAX).send().unwrap();
        producer.message(b"timed").wait(Duration::ZERO).send().unwrap();
        assert_eq!(producer.message(b"or drop").send_or_drop(), Ok(true));
        assert_eq!(producer.produce_all([&b"all 1"[..], b"", b"all 3"]), Ok(3));
        assert_eq!(producer.produce_all(Vec::<Vec<u8>>::new()), Ok(0));
        producer.message(b"large").kind(9).send_large().unwrap();
        producer.message(b"try large").kind(8).wait(Wait::No).send_large().unwrap();
        producer.message(b"timed large").kind(7).wait(Duration::MAX).send_large().unwrap();
        let want = [
            (0, "try"),
            (1, "try kind"),
            (0, "wait"),
            (u16::MAX, "wait kind"),
            (0, "timed"),
            (0, "or drop"),
            (0, "all 1"),
            (0, ""),
            (0, "all 3"),
            (9, "large"),
            (8, "try large"),
            (7, "timed large"),
        ];
        assert_eq!(texts(&mut consumer), pairs(want), "{mode:?}");
    }
}

#[test]
fn a_grant_is_written_in_place() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        let mut grant = producer.reserve(5, Wait::No).unwrap();
        assert_eq!((grant.len(), grant.as_ptr() as usize % 16), (5, 0));
        grant.copy_from_slice(b"whole");
        grant.commit();
        let mut grant = producer.reserve(240, Wait::Forever).unwrap();
        grant.fill(b'x');
        grant[..4].copy_from_slice(b"part");
        grant.set_kind(3);
        grant.commit_len(4);
        let mut grant = producer.reserve(2, Duration::ZERO).unwrap();
        grant.copy_from_slice(b"ok");
        grant.set_kind(1);
        grant.set_kind(2);
        grant.commit_len(usize::MAX); // no more than was reserved
        producer.reserve(0, Wait::Forever).unwrap().commit();
        assert_eq!(texts(&mut consumer), pairs([(0, "whole"), (3, "part"), (2, "ok"), (0, "")]), "{mode:?}");
    }
}

#[test]
fn a_dropped_grant_publishes_nothing() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        for _ in 0..5 {
            let mut grant = producer.reserve(240, Wait::No).unwrap();
            grant.fill(0xff);
            drop(grant);
            assert_eq!((consumer.available(), producer.free_slots()), (0, 2));
        }
        producer.try_produce(b"after").unwrap();
        assert_eq!(texts(&mut consumer), pairs([(0, "after")]));
        assert_eq!(producer.counters().read().sent, 1);
    }
}

#[test]
fn a_batch_is_published_together() {
    for mode in MODES {
        let mut buffer = ring(8, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.try_produce(b"first").unwrap();
        let mut batch = producer.batch(4, Wait::Forever).unwrap();
        assert_eq!((batch.len(), batch.is_empty(), batch.room()), (0, true, 4));
        batch.push(b"one").unwrap();
        batch.set_kind(2).push(b"two").unwrap();
        batch
            .set_kind(3)
            .write(3, |slot| {
                assert_eq!((slot.len(), slot.as_ptr() as usize % 16), (3, 0));
                slot.copy_from_slice(b"333");
            })
            .unwrap();
        assert_eq!((batch.len(), batch.is_empty(), batch.room()), (3, false, 1));
        assert_eq!(consumer.available(), 1, "nothing of the batch shows before commit");
        assert_eq!(batch.commit(), 3);
        assert_eq!(consumer.available(), 4);
        assert_eq!(texts(&mut consumer), pairs([(0, "first"), (0, "one"), (2, "two"), (3, "333")]));
        assert_eq!(producer.batch(1, Wait::Forever).unwrap().commit(), 0);
        assert_eq!(consumer.available(), 0);
    }
}

#[test]
fn a_dropped_batch_publishes_nothing_ever() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        let mut batch = producer.batch(4, Wait::No).unwrap();
        batch.push(b"lost").unwrap();
        batch.push(b"lost too").unwrap();
        drop(batch);
        assert_eq!((consumer.available(), producer.free_slots()), (0, 4));
        // What was given up must not come back with the next batch.
        let mut batch = producer.batch(4, Wait::No).unwrap();
        assert_eq!((batch.len(), batch.room()), (0, 4));
        batch.push(b"kept").unwrap();
        assert_eq!(batch.commit(), 1);
        assert_eq!(texts(&mut consumer), pairs([(0, "kept")]));
        let now = producer.counters().read();
        assert_eq!((now.sent, now.sent_bytes), (1, 4));
    }
}

#[test]
fn a_panic_while_writing_gives_the_batch_up() {
    let mut buffer = Buffer::new(4).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut batch = producer.batch(4, Wait::Forever).unwrap();
        batch.push(b"lost").unwrap();
        let _ = batch.write(3, |_| std::panic::resume_unwind(Box::new(())));
    }));
    assert!(outcome.is_err());
    producer.produce_all([b"kept"]).unwrap();
    assert_eq!(texts(&mut consumer), pairs([(0, "kept")]));
}

#[test]
fn a_batch_takes_what_is_free() {
    let mut buffer = Buffer::builder().slots(4).release_every(1).build().unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.produce_all([b"a", b"b", b"c"]).unwrap();
    let mut batch = producer.batch(usize::MAX, Wait::Forever).unwrap();
    assert_eq!(batch.room(), 1);
    batch.push(b"d").unwrap();
    let full = ProduceError::Full { needed: 2, capacity: 4 };
    assert_eq!(batch.push(b"e"), Err(full.clone()));
    assert_eq!(batch.write(1, |_| panic!("called")), Err(full));
    assert_eq!(batch.commit(), 1);
    drop(consumer.batch(2, Wait::Forever).unwrap());
    assert_eq!(producer.batch(3, Wait::No).unwrap().room(), 2);
    assert_eq!(producer.batch(1, Wait::No).unwrap().room(), 1);
}

#[test]
fn the_smallest_rings_work() {
    for mode in MODES {
        for slots in [1, 2] {
            let mut buffer = ring(slots, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            for i in 0..50u8 {
                for _ in 0..slots {
                    producer.try_produce(&[i; 240]).unwrap();
                }
                let full = ProduceError::Full { needed: 1, capacity: slots as u64 };
                assert_eq!(producer.try_produce(b"x"), Err(full));
                for _ in 0..slots {
                    assert_eq!(&consumer.try_consume().unwrap()[..], &[i; 240]);
                }
                assert!(consumer.try_consume().is_none());
                assert_eq!(producer.free_slots(), slots);
            }
        }
    }
}
