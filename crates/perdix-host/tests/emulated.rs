//! Kernels on emulated lanes as producers of a buffer: live, bounded, and with the ends that kernels have.
#![allow(clippy::unwrap_used)] // tests

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use perdix_gpu::{GridProducer, ThreadProducer, emulation};
use perdix_host::{Buffer, ConsumeError, DeviceRing, Fault, LaneFault, Mode};

const MODES: [Mode; 2] = [Mode::Fenced, Mode::FenceFree];

/// What a thread does with the stream behind its messages.
#[derive(Clone, Copy)]
enum Then {
    Finish,
    Pause,
    Forget,
}

/// One lane sends the numbers of `range`.
fn count(ring: DeviceRing, range: std::ops::Range<u64>, then: Then) -> bool {
    emulation::launch(1, 1, || {
        // SAFETY: one lane, on a ring that is alive as long as `run` runs.
        let mut producer = unsafe { ThreadProducer::new(ring) }.unwrap();
        for number in range.clone() {
            if let Err(error) = producer.produce(7, &number.to_le_bytes()) {
                return producer.fail(error);
            }
        }
        match then {
            Then::Finish => producer.finish(),
            Then::Pause => producer.pause(),
            Then::Forget => (),
        }
    })
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

#[test]
fn a_small_ring_carries_many_messages_while_lanes_run() {
    for mode in MODES {
        let (mut producer, mut consumer) = Buffer::builder()
            .slots(4)
            .mode(mode)
            .first_message(u64::MAX - 40)
            .build()
            .unwrap()
            .into_emulated();
        thread::scope(|scope| {
            scope.spawn(move || producer.run(|ring| count(ring, 0..500, Then::Finish)).unwrap());
            let mut next = 0;
            let end = consumer.for_each(|message| {
                assert_eq!((message.kind(), number(&message)), (7, next));
                next += 1;
            });
            assert_eq!((end, next), (Ok(500), 500));
        });
    }
}

#[test]
fn messages_arrive_before_the_kernel_ends() {
    let (mut producer, mut consumer) = Buffer::builder().slots(8).build().unwrap().into_emulated();
    let seen = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let launch = |ring| {
                emulation::launch(2, 32, || {
                    // SAFETY: whole warps, on a ring that is alive as long as `run` runs.
                    let mut producer = unsafe { GridProducer::new(ring) }.unwrap();
                    producer.produce(1, 8, |_| [1, 0]).unwrap();
                    while !seen.load(Ordering::Relaxed) {
                        thread::yield_now();
                    }
                    producer.finish();
                })
            };
            producer.run(launch).unwrap();
        });
        for _ in 0..2 {
            assert_eq!(consumer.consume().unwrap().kind(), 1);
        }
        seen.store(true, Ordering::Relaxed);
        assert_eq!(consumer.consume().unwrap_err(), ConsumeError::EndOfStream);
    });
}

#[test]
fn kernels_follow_each_other_behind_a_pause() {
    let mut buffer = Buffer::builder().slots(64).build().unwrap();
    let (mut producer, mut consumer) = buffer.split_emulated();
    producer.run(|ring| count(ring, 0..10, Then::Pause)).unwrap();
    assert_eq!(consumer.drain(|_| ()), Ok(10));
    assert_eq!(consumer.status(), Ok(()), "a paused stream goes on");
    producer.run(|ring| count(ring, 10..20, Then::Finish)).unwrap();
    let mut next = 10;
    let end = consumer.for_each(|message| {
        assert_eq!(number(&message), next);
        next += 1;
    });
    assert_eq!((end, next), (Ok(10), 20));
}

#[test]
fn a_kernel_without_finish_is_told() {
    for then in [Then::Forget, Then::Pause] {
        let (mut producer, mut consumer) = Buffer::new(64).unwrap().into_emulated();
        producer.run(|ring| count(ring, 0..3, then)).unwrap();
        assert_eq!(consumer.drain(|_| ()), Ok(3));
        // Only a paused stream may go on.
        assert_eq!(consumer.status().is_ok(), matches!(then, Then::Pause));
        drop(producer);
        let error = consumer.consume().unwrap_err();
        assert!(matches!(&error, ConsumeError::ProducerLost { first_missing: 3, .. }), "{error}");
    }
}

#[test]
fn a_fault_of_a_lane_is_told_to_both() {
    let (mut producer, mut consumer) = Buffer::new(64).unwrap().into_emulated();
    let fault = producer.run(|ring| {
        emulation::launch(1, 1, || {
            // SAFETY: one lane, on a ring that is alive as long as `run` runs.
            let mut producer = unsafe { ThreadProducer::new(ring) }.unwrap();
            producer.produce(0, &5_u64.to_le_bytes()).unwrap();
            panic!("as a trap would");
        })
    });
    assert_eq!(fault, Err(LaneFault));
    assert_eq!(number(&consumer.consume().unwrap()), 5);
    assert!(consumer.consume().unwrap_err().to_string().contains("lane faulted"));
}

#[test]
fn a_launch_that_panics_is_a_fault() {
    let (mut producer, mut consumer) = Buffer::new(64).unwrap().into_emulated();
    let launch = thread::spawn(move || producer.run(|_ring| panic!("on purpose")));
    assert!(launch.join().is_err());
    assert!(consumer.consume().unwrap_err().to_string().contains("lane faulted"));
}

#[test]
fn nothing_launched_is_told_and_a_full_ring_times_out() {
    let (producer, mut consumer) = Buffer::new(64).unwrap().into_emulated();
    drop(producer);
    assert!(matches!(consumer.consume(), Err(ConsumeError::ProducerLost { first_missing: 0, .. })));

    let (mut producer, mut consumer) = Buffer::new(4).unwrap().into_emulated();
    producer.set_limit(Duration::from_millis(1));
    producer.run(|ring| count(ring, 0..5, Then::Finish)).unwrap();
    assert_eq!(consumer.drain(|_| ()), Ok(4));
    let error = consumer.consume().unwrap_err();
    assert!(
        matches!(error, ConsumeError::ProducerFailed { fault: Fault::TimedOut, first_missing: 4 }),
        "{error}"
    );
}

#[test]
fn a_buffer_goes_from_lanes_to_threads_and_back() {
    let mut buffer = Buffer::new(16).unwrap();
    let (mut producer, consumer) = buffer.split_emulated();
    producer.run(|ring| count(ring, 0..3, Then::Finish)).unwrap();
    drop((producer, consumer));

    let (mut producer, mut consumer) = buffer.split_mut();
    producer.produce(&3_u64.to_le_bytes()).unwrap();
    for expected in 0..4 {
        assert_eq!(number(&consumer.consume().unwrap()), expected);
    }
    drop((producer, consumer));

    let (mut producer, mut consumer) = buffer.split_emulated();
    producer.run(|ring| count(ring, 4..6, Then::Finish)).unwrap();
    let mut got = Vec::new();
    consumer.for_each(|message| got.push(number(&message))).unwrap();
    assert_eq!(got, [4, 5]);
}

/// Warps that race leave markers of no gap, behind which published messages may be.
#[test]
fn nothing_that_was_published_is_lost_behind_an_empty_gap_marker() {
    for mode in MODES {
        for empty in 1..4 {
            let (mut tx, mut rx) = Buffer::builder().slots(8).mode(mode).build().unwrap().into_emulated();
            let sent = tx.run(|handle| {
                // SAFETY: the ring is valid until `run` returns.
                let ring = unsafe { handle.ring() }.unwrap();
                for number in 0..empty {
                    // SAFETY: as above.
                    let slot = unsafe { ring.slot(number) };
                    // SAFETY: the slot is free, and this thread is the only producer.
                    unsafe { perdix_core::publish_gap_marker(slot, number, 0, mode) }
                }
                // SAFETY: the only producer, which goes on behind the markers.
                unsafe { perdix_core::Producer::resume_at(ring, empty) }.push(0, 0, b"published").is_ok()
            });
            assert_eq!(sent, Ok(()));
            assert_eq!(rx.status(), Ok(()), "{mode:?} {empty}");
            assert_eq!(&rx.consume().unwrap()[..], b"published");
            assert!(
                matches!(rx.consume(), Err(ConsumeError::ProducerLost { first_missing, .. }) if first_missing == empty + 1)
            );
        }
    }
}
