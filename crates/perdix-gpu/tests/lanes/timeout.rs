//! Proves that a producer gives up when the ring stays full, and that the consumer then gets exactly the messages before the
//! first that was not sent, and an end.

use std::sync::atomic::{AtomicBool, Ordering};

use perdix_core::{Cursor, DeviceRing};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::intrinsics::{block_rank, lane_id, now_ns, sleep_ns, warp_id};
use perdix_gpu::{Block, BlockProducer, Error, Fault, GridProducer, ThreadProducer, WarpProducer};

use crate::common::{End, MODES, Reader, SENDERS, Sender, View as _, check, line, pattern, run};

const LIMIT_NS: u64 = 3_000_000;

fn hasty(ring: &EmulatedRing) -> DeviceRing {
    DeviceRing { limit_ns: LIMIT_NS, ..ring.handle() }
}

#[test]
fn every_granularity_gives_up() {
    for mode in MODES {
        for capacity in [1, 4, 64] {
            for sender in SENDERS {
                for read in [0, 3] {
                    let (ring, pattern) = (EmulatedRing::new(capacity, mode), pattern(16, false));
                    // The consumer stands still after a few messages, and reads on when the launch is over.
                    let outcome = run(&ring, sender.launch(), Reader::Stalls(read), || {
                        sender.send(hasty(&ring), pattern, 1 << 39);
                    });
                    assert!(outcome.launched);
                    assert_eq!(outcome.end, End::Ended);
                    let (sent, line) = (outcome.messages.len() as u64, line(&ring));
                    assert_eq!((line.end, line.fault), (Some(sent), Some(Fault::TimedOut)), "{sender:?}");
                    // Less than it read and has room for, if the consumer came late.
                    assert!(sent <= read + capacity, "{sender:?} sent {sent}");
                    if sender.streams() == 1 {
                        check(pattern, 0, &outcome.messages);
                    }
                    match sender {
                        Sender::Thread { .. } | Sender::Warp { .. } => {
                            assert!(sent >= capacity && line.lost == 0);
                        }
                        _ => assert!(line.lost > 0),
                    }
                }
            }
        }
    }
}

#[test]
fn the_wait_lasts_as_long_as_the_limit() {
    for mode in MODES {
        let ring = EmulatedRing::new(1, mode);
        let outcome = run(&ring, (1, 32), Reader::Stalls(0), || {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { WarpProducer::new(hasty(&ring)) }.unwrap();
            producer.produce(0, 0, |_| [0; 2]).unwrap();
            for limit in [LIMIT_NS, 2 * LIMIT_NS] {
                let begun = now_ns();
                let result = producer.produce_within(0, 0, |_| [0; 2], limit);
                assert_eq!(result, Err(Error::TimedOut));
                // Lane 0 waits for all; another lane may have looked at its clock later.
                assert!(lane_id() != 0 || now_ns() - begun >= limit);
            }
            // Nothing was claimed, so the stream may go on or end well.
            producer.finish();
        });
        assert!(outcome.launched);
        assert_eq!((line(&ring).end, line(&ring).fault, line(&ring).lost), (Some(1), None, 0));
        assert_eq!(outcome.messages, vec![(0, Vec::new())]);
    }
}

#[test]
fn a_thread_waits_as_long_as_the_limit() {
    for mode in MODES {
        let ring = EmulatedRing::new(1, mode);
        let outcome = run(&ring, (1, 1), Reader::Stalls(0), || {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { ThreadProducer::new(hasty(&ring)) }.unwrap();
            producer.produce(0, b"").unwrap();
            let begun = now_ns();
            assert_eq!(producer.produce(0, b""), Err(Error::TimedOut));
            assert!(now_ns() - begun >= LIMIT_NS);
            producer.fail(Error::TimedOut);
        });
        assert!(outcome.launched);
        assert_eq!((line(&ring).end, line(&ring).fault), (Some(1), Some(Fault::TimedOut)));
    }
}

/// Warp 0 of the block has room for its part, warp 1 not, warp 2 again: what lies beyond the gap is never seen.
#[test]
fn a_block_ends_at_its_first_gap() {
    for mode in MODES {
        let (ring, pattern) = (EmulatedRing::new(64, mode), pattern(8, false));
        let outcome = run(&ring, (1, 96), Reader::Stalls(40), || {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { BlockProducer::new(hasty(&ring)) }.unwrap();
            let result = producer.produce_batch_within(96, &pattern.from(0), u64::MAX);
            // 40 messages read and 64 slots are enough for all three warps, of the next batch for none.
            assert_eq!(result, Ok(()));
            producer.block().sync();
            let result = producer.produce_batch(96, &pattern.from(96));
            assert!(matches!(result, Err(Error::TimedOut | Error::Stopped)), "{result:?}");
            producer.finish();
        });
        assert!(outcome.launched);
        assert_eq!((outcome.end, outcome.messages.len()), (End::Ended, 96));
        check(pattern, 0, &outcome.messages);
        let line = line(&ring);
        assert_eq!((line.end, line.fault, line.lost), (Some(96), Some(Fault::TimedOut), 96));
    }
}

/// Warp 0 gives up; then the consumer moves on, and warp 1 publishes what comes after: nobody will read it.
#[test]
fn a_block_that_published_beyond_the_gap() {
    for mode in MODES {
        let (mut ring, pattern) = (EmulatedRing::new(64, mode), pattern(8, false));
        let (view, given_up) = (ring.view(), AtomicBool::new(false));
        let handle = ring.handle();
        let ok = launch(1, 64, || {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { BlockProducer::new(handle) }.unwrap();
            producer.produce_batch(64, &pattern.from(0)).unwrap();
            if warp_id() == 0 {
                let result = producer.produce_batch_within(64, &pattern.from(64), 0);
                assert_eq!(result, Err(Error::Full));
                given_up.store(true, Ordering::Release);
            } else {
                while !given_up.load(Ordering::Acquire) {
                    sleep_ns(100);
                }
                // What a consumer does that has read all.
                // SAFETY: the ring has no other consumer.
                unsafe { view.control() }
                    .consumer
                    .tail
                    .store(Cursor::new(64, false).word(), Ordering::Release);
                assert_eq!(producer.produce_batch_within(64, &pattern.from(64), u64::MAX), Ok(()));
            }
            producer.finish();
        });
        assert!(ok);
        let line = line(&ring);
        assert_eq!((line.end, line.lost, line.messages), (Some(64), 64, 64));
        // Half of the first lap is overwritten, of what remains nothing is beyond the end.
        let messages = ring.received();
        assert_eq!(messages.len(), 32);
        check(pattern, 0, &messages);
    }
}

/// Of two batches only one fits; whoever claims the other gives up, and all hear of it.
#[test]
fn a_grid_ends_at_its_first_gap() {
    for mode in MODES {
        let ring = EmulatedRing::new(32, mode);
        let outcome = run(&ring, (2, 32), Reader::Stalls(0), || {
            // SAFETY: only grid producers of this launch.
            let mut producer = unsafe { GridProducer::new(hasty(&ring)) }.unwrap();
            let result = producer.produce_batch(20, &pattern(8, false).from(block_rank() << 40));
            if let Err(partial) = result {
                assert_eq!(partial.sent, 0);
            } else {
                let error = (0..).find_map(|_| producer.produce(0, 0, |_| [0; 2]).err()).unwrap();
                assert!(matches!(error, Error::Stopped | Error::TimedOut), "{error}");
            }
            producer.finish();
        });
        assert!(outcome.launched);
        let (sent, line) = (outcome.messages.len() as u64, line(&ring));
        assert!(outcome.end == End::Ended && (20..=32).contains(&sent), "{sent} sent");
        assert_eq!((line.end, line.fault, line.messages), (Some(sent), Some(Fault::TimedOut), sent));
        assert!(line.lost > 0);
    }
}

/// A grid whose second warp publishes messages beyond the gap that the first one leaves.
#[test]
fn a_grid_that_published_beyond_the_gap() {
    for mode in MODES {
        let ring = EmulatedRing::new(32, mode);
        let outcome = run(&ring, (1, 64), Reader::Stalls(0), || {
            let (handle, state) = (hasty(&ring), ring.state());
            // SAFETY: all threads come to one barrier.
            let mut block = unsafe { Block::new() };
            if warp_id() == 0 {
                // A claim that is given up while there is room behind it, as after a wait that ended too early.
                if lane_id() == 0 {
                    state.head.fetch_add(1, Ordering::Relaxed);
                    state.unsent.fetch_min(0, Ordering::Relaxed);
                }
                block.sync();
            } else {
                block.sync();
            }
            // SAFETY: only grid producers of this launch.
            let mut producer = unsafe { GridProducer::new(handle) }.unwrap();
            producer.produce_batch(5, &pattern(8, false).from(0)).unwrap();
            producer.finish();
        });
        assert!(outcome.launched);
        assert_eq!((outcome.end, outcome.messages.len()), (End::Ended, 0));
        assert_eq!((line(&ring).end, line(&ring).lost, line(&ring).messages), (Some(0), 11, 0));
    }
}

/// A batch with a time limit of nothing, on a ring without room: the consumer is told that something is missing.
#[test]
fn a_batch_that_finds_no_room_at_once_is_never_silent() {
    for mode in MODES {
        let (ring, pattern) = (EmulatedRing::new(32, mode), pattern(8, false));
        let outcome = run(&ring, (1, 32), Reader::Stalls(0), || {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { BlockProducer::new(ring.handle()) }.unwrap();
            assert_eq!(producer.produce_batch(32, &pattern.from(0)), Ok(()));
            assert_eq!(producer.produce_batch_within(32, &pattern.from(32), 0), Err(Error::Full));
            producer.finish();
        });
        assert!(outcome.launched);
        check(pattern, 0, &outcome.messages);
        let line = line(&ring);
        assert_eq!((line.end, line.fault, line.lost), (Some(32), Some(Fault::TimedOut), 32));
    }
}

/// The first warp alone waits for the slot of a gap marker. When it gives up, all warps agree on what the block has claimed.
#[test]
fn a_gap_that_cannot_be_reported_leaves_all_warps_at_one_head() {
    for mode in MODES {
        for start in [0, u64::MAX - 3] {
            for ends in [false, true] {
                let ring = EmulatedRing::starting_at(4, mode, start);
                assert!(launch(1, 96, || {
                    // SAFETY: the ring's only producer.
                    let mut producer = unsafe { BlockProducer::new(hasty(&ring)) }.unwrap();
                    assert_eq!(producer.produce_batch_or_drop(4, &pattern(8, false).from(0)), Ok(true));
                    assert_eq!(producer.produce_batch_or_drop(3, &pattern(8, false).from(4)), Ok(false));
                    let result = producer.produce_batch(70, &pattern(8, false).from(7));
                    assert!(matches!(result, Err(Error::TimedOut | Error::Stopped)), "{result:?}");
                    if ends { producer.finish() } else { producer.pause() }
                }));
                // Four messages, the marker, and the batch.
                assert_eq!(ring.state().head.load(Ordering::Relaxed), start.wrapping_add(75));
                assert_eq!(ring.state().unreported.load(Ordering::Relaxed), 0);
                if ends {
                    let sent = line(&ring);
                    assert_eq!((sent.end, sent.messages, sent.lost, sent.dropped), (Some(4), 4, 71, 3));
                    assert_eq!(sent.fault, Some(Fault::TimedOut));
                }
            }
        }
    }
}
