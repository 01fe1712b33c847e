//! Proves what producers do when the ring is full: accept exactly its capacity, all of a batch or none of it, count one wait as
//! one, and never mistake another warp's progress for a full or corrupt ring.

use std::sync::atomic::{AtomicU64, Ordering};

use perdix_core::DeviceRing;
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::intrinsics::{lane_id, thread_rank};
use perdix_gpu::{BatchError, BlockProducer, Error, FromFn, GridProducer, ThreadProducer, WarpProducer};
use perdix_kernels::try_until_full;

use crate::common::{End, MODES, Reader, Sender, check, check_counts, check_whole, full, line, pattern, run};

const CAPACITIES: [u64; 4] = [1, 2, 4, 64];

#[test]
fn the_kernel_fills_the_ring_exactly() {
    for mode in MODES {
        for capacity in CAPACITIES {
            let mut ring = EmulatedRing::new(capacity, mode);
            let (accepted, pattern) = (AtomicU64::new(u64::MAX), pattern(32, true));
            for lap in 0..3 {
                // SAFETY: one warp, and all outlives the launch.
                assert!(launch(1, 32, || unsafe { try_until_full(ring.handle(), pattern, &accepted) }));
                assert_eq!(accepted.load(Ordering::Relaxed), capacity, "lap {lap}");
                let messages = ring.received();
                assert_eq!(messages.len() as u64, capacity);
                check(pattern, 0, &messages);
            }
            assert_eq!(line(&ring).end, None);
            assert_eq!(ring.state().full.load(Ordering::Relaxed), 3);
        }
    }
}

#[test]
fn each_producer_fills_the_ring_exactly() {
    for mode in MODES {
        for capacity in CAPACITIES {
            let count = |threads: u32, kernel: &(dyn Fn(&EmulatedRing) -> Error + Sync)| {
                let mut ring = EmulatedRing::new(capacity, mode);
                assert!(launch(1, threads, || assert_eq!(kernel(&ring), Error::Full)));
                assert_eq!(ring.received().len() as u64, capacity, "{threads} threads");
            };
            count(1, &|ring| {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
                while producer.try_produce(1, b"one").is_ok() {}
                producer.stage(1, b"one").unwrap_err()
            });
            count(1, &|ring| {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
                let error = (0..).find_map(|_| producer.stage(1, b"one").err()).unwrap();
                producer.publish();
                error
            });
            count(32, &|ring| {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
                (0..).find_map(|_| producer.try_produce(1, 8, |_| [0; 2]).err()).unwrap()
            });
            count(128, &|ring| {
                // SAFETY: only grid producers of this launch.
                let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
                (0..).find_map(|_| producer.try_produce(1, 8, |_| [0; 2]).err()).unwrap()
            });
        }
    }
}

#[test]
fn a_warps_batch_fills_what_is_free() {
    let mut ring = EmulatedRing::new(64, MODES[0]);
    let pattern = pattern(8, false);
    let ok = launch(1, 32, || {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
        let result = producer.produce_batch_within(100, &pattern.from(0), 0);
        assert_eq!(result, Err(BatchError { sent: 64, error: Error::Full }));
        producer.finish();
    });
    assert!(ok);
    let messages = ring.received();
    check(pattern, 0, &messages);
    check_counts(&ring, &messages);
}

#[test]
fn a_block_sends_all_or_nothing() {
    for mode in MODES {
        for (capacity, warps) in [(1, 1), (4, 2), (64, 1), (64, 3), (128, 4)] {
            let mut ring = EmulatedRing::new(capacity, mode);
            let pattern = pattern(8, false);
            let ok = launch(1, 32 * warps, || {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { BlockProducer::new(ring.handle()) }.unwrap();
                let first = capacity - capacity / 4;
                assert_eq!(producer.try_produce_batch(capacity + 1, &pattern.from(0)), Err(Error::Full));
                let too_long = FromFn::new(241, 0, |_, _| [0; 2]);
                assert_eq!(producer.try_produce_batch(1, &too_long), Err(Error::TooLong));
                assert_eq!(producer.try_produce_batch(first, &pattern.from(0)), Ok(()));
                let rest = capacity - first;
                assert_eq!(producer.try_produce_batch(rest + 1, &pattern.from(9)), Err(Error::Full));
                assert_eq!(producer.try_produce_batch(rest, &pattern.from(first)), Ok(()));
                assert_eq!(producer.try_produce_batch(1, &pattern.from(9)), Err(Error::Full));
                assert_eq!(producer.try_produce_batch(0, &pattern.from(9)), Ok(()));
                producer.finish();
            });
            assert!(ok);
            let messages = ring.received();
            assert_eq!(messages.len() as u64, capacity);
            check(pattern, 0, &messages);
            check_counts(&ring, &messages);
        }
    }
}

/// Warps that try against each other get a slot or hear that the ring is full, never that it is corrupt.
#[test]
fn trying_warps_do_not_disturb_each_other() {
    const EACH: u64 = 150;
    for mode in MODES {
        for capacity in [1, 2, 64] {
            let ring = EmulatedRing::new(capacity, mode);
            let outcome = run(&ring, (2, 64), Reader::Steady, || {
                // SAFETY: only grid producers of this launch.
                let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
                let mut sent = 0;
                while sent < EACH {
                    match producer.try_produce(3, 16, |_| [sent, 0]) {
                        Ok(()) => sent += 1,
                        Err(error) => assert_eq!(error, Error::Full),
                    }
                }
                producer.finish();
            });
            assert!(outcome.launched);
            assert_eq!((outcome.end, outcome.messages.len() as u64), (End::Ended, 4 * EACH));
            check_counts(&ring, &outcome.messages);
        }
    }
}

/// However often a producer looks at the tail while it waits, it counts one full ring.
#[test]
fn a_wait_is_counted_once() {
    for mode in MODES {
        for (sender, waits) in [
            (Sender::Thread { batch: 1 }, 1),
            (Sender::Thread { batch: 64 }, 1),
            (Sender::Warp { batch: 32 }, 1),
            (Sender::Block { warps: 4, batch: 65 }, 1),
            (Sender::Block { warps: 4, batch: 128 }, 2),
        ] {
            let mut ring = EmulatedRing::new(64, mode);
            let handle = DeviceRing { limit_ns: 3_000_000, ..ring.handle() };
            let (blocks, threads) = sender.launch();
            // Nobody reads, so what does not fit waits in vain.
            let count = if waits == 2 { 128 } else { 65 };
            assert!(launch(blocks, threads, || sender.send(handle, pattern(8, false), count)));
            assert_eq!((ring.received().len(), full(&ring)), (64, waits), "{sender:?}");
        }
    }
}

/// What the first messages of a launch are worth does not depend on which lane runs first.
#[test]
fn a_block_agrees_on_where_it_begins() {
    for mode in MODES {
        let ring = EmulatedRing::new(64, mode);
        let handle = ring.handle();
        let outcome = run(&ring, (1, 128), Reader::Steady, || {
            if thread_rank() >= 96 {
                // Warp 0 has long sent everything when the last warp begins.
                std::thread::sleep(std::time::Duration::from_millis(20 + u64::from(lane_id() % 2)));
            }
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { BlockProducer::new(handle) }.unwrap();
            producer.produce_batch(5, &pattern(8, false).from(0)).unwrap();
            producer.produce_batch(100, &pattern(8, false).from(5)).unwrap();
            producer.finish();
        });
        check_whole(&ring, pattern(8, false), 105, &outcome);
    }
}
