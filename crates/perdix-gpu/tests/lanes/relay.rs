//! Proves that a stream can pass from launch to launch and from granularity to granularity, and what a kernel leaves behind
//! that forgets to end it, or traps.

use std::sync::atomic::Ordering;

use perdix_gpu::Mode;
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::intrinsics::{block_rank, thread_rank, warp_id};
use perdix_gpu::{BlockProducer, GridProducer, ThreadProducer};
use perdix_kernels::{Ending, break_off, stop_midway};

use crate::common::{End, MODES, Messages, Reader, check, check_counts, line, pattern, run, run_on};

#[test]
fn a_second_launch_goes_on() {
    for mode in MODES {
        for start in [0, u64::MAX - 100, (1 << 63) - 100] {
            let (ring, pattern) = (EmulatedRing::starting_at(16, mode, start), pattern(100, true));
            // SAFETY: the ring's only consumer.
            let mut consumer = unsafe { ring.consumer() };
            let mut messages = Messages::new();
            for first in [0, 77, 154] {
                let outcome = run_on(&mut consumer, (1, 32), Reader::Steady, || {
                    // SAFETY: one warp, and the ring outlives the launch.
                    unsafe { stop_midway(ring.handle(), pattern, first, 77, Ending::Pauses as u64) }
                });
                assert!(outcome.launched);
                assert_eq!((outcome.end, outcome.messages.len()), (End::Open, 77));
                assert_eq!(line(&ring).end, None);
                messages.extend(outcome.messages);
            }
            check(pattern, 0, &messages);
        }
    }
}

/// Thread, warp, block, grid, and thread again: head, tail, counts and sentinels pass on.
#[test]
fn the_stream_passes_through_all_granularities() {
    for mode in MODES {
        for capacity in [2, 16, 64] {
            for start in [0, u64::MAX - 170] {
                let (ring, pattern) = (EmulatedRing::starting_at(capacity, mode, start), pattern(33, true));
                // SAFETY: the ring's only consumer.
                let mut consumer = unsafe { ring.consumer() };
                let mut messages = Messages::new();
                let mut step = |threads: u32, end: End, kernel: &(dyn Fn() + Sync)| {
                    let outcome = run_on(&mut consumer, (1, threads), Reader::Steady, kernel);
                    assert!(outcome.launched);
                    assert_eq!(outcome.end, end);
                    messages.extend(outcome.messages);
                };
                let thread = |first: u64, ends: bool| {
                    // SAFETY: the ring's only producer.
                    let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
                    for id in first..first + 50 {
                        let bytes: Vec<u8> = (0..5).flat_map(|i| pattern.word(id, i).to_le_bytes()).collect();
                        producer.produce(pattern.kind(id), &bytes[..33]).unwrap();
                    }
                    if ends { producer.finish() } else { producer.pause() }
                };
                step(1, End::Open, &|| thread(0, false));
                step(32, End::Open, &|| {
                    // SAFETY: one warp, and the ring outlives the launch.
                    unsafe { stop_midway(ring.handle(), pattern, 50, 50, Ending::Pauses as u64) }
                });
                step(96, End::Open, &|| {
                    // SAFETY: the ring's only producer.
                    let mut producer = unsafe { BlockProducer::new(ring.handle()) }.unwrap();
                    producer.produce_batch(50, &pattern.from(100)).unwrap();
                    producer.pause();
                });
                step(32, End::Open, &|| {
                    // SAFETY: only grid producers of this launch.
                    let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
                    producer.produce_batch(50, &pattern.from(150)).unwrap();
                    producer.pause();
                });
                step(1, End::Ended, &|| thread(200, true));
                assert_eq!(messages.len(), 250);
                check(pattern, 0, &messages);
                check_counts(&ring, &messages);
            }
        }
    }
}

/// One warp that pauses keeps the stream open, and the next grid counts its warps afresh.
#[test]
fn a_grid_may_pause_in_part() {
    for mode in MODES {
        let ring = EmulatedRing::new(8, mode);
        // SAFETY: the ring's only consumer.
        let mut consumer = unsafe { ring.consumer() };
        let mut messages = Messages::new();
        for (pausing, end) in [(1, End::Open), (4, End::Open), (0, End::Ended)] {
            let outcome = run_on(&mut consumer, (2, 64), Reader::Steady, || {
                // SAFETY: only grid producers of this launch.
                let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
                let rank = 2 * block_rank() + u64::from(warp_id());
                // A warp that ends late must find the stream open.
                for _ in 0..rank * 5 {
                    producer.produce(1, 8, |_| [rank, 0]).unwrap();
                }
                if rank < pausing { producer.pause() } else { producer.finish() }
            });
            assert!(outcome.launched);
            assert_eq!((outcome.end, outcome.messages.len()), (end, 30));
            messages.extend(outcome.messages);
        }
        check_counts(&ring, &messages);
    }
}

/// Whoever pauses says so, for the host to tell it from a kernel that forgot.
#[test]
fn forgetting_leaves_the_stream_open() {
    for mode in MODES {
        for ending in [Ending::Forgets, Ending::Pauses] {
            let (ring, pattern) = (EmulatedRing::new(64, mode), pattern(8, false));
            let outcome = run(&ring, (1, 32), Reader::Steady, || {
                // SAFETY: one warp, and the ring outlives the launch.
                unsafe { stop_midway(ring.handle(), pattern, 0, 40, ending as u64) }
            });
            assert!(outcome.launched);
            assert_eq!((outcome.end, outcome.messages.len()), (End::Open, 40));
            check(pattern, 0, &outcome.messages);
            assert_eq!((line(&ring).end, line(&ring).fault), (None, None));
            let paused = ring.state().paused.load(Ordering::Relaxed);
            assert_eq!(paused != 0, ending == Ending::Pauses);
        }
    }
}

/// An earlier kernel's pause says nothing about the next one; and in a grid whose warps end at different times, whoever pauses is heard.
#[test]
fn a_pause_is_forgotten_by_the_next_kernel() {
    for mode in MODES {
        let (ring, pattern) = (EmulatedRing::new(64, mode), pattern(8, false));
        let paused = || ring.state().paused.load(Ordering::Relaxed) != 0;
        for (first, ending) in [(0, Ending::Pauses), (20, Ending::Forgets), (40, Ending::Pauses)] {
            // SAFETY: one warp, and the ring outlives the launch.
            let send = || unsafe { stop_midway(ring.handle(), pattern, first, 20, ending as u64) };
            assert!(launch(1, 32, send));
            assert_eq!(paused(), ending == Ending::Pauses, "{mode:?}, from {first}");
        }
        for (pausing, forgets) in [(3, false), (4, false), (1, false), (1, true)] {
            let grid = || {
                // SAFETY: only grid producers of this launch.
                let producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
                match 2 * block_rank() + u64::from(warp_id()) {
                    3 if forgets => {}
                    rank if rank < pausing => producer.pause(),
                    _ => producer.finish(),
                }
            };
            assert!(launch(2, 64, grid));
            assert_eq!(paused(), !forgets, "{mode:?}, {pausing} pause");
        }
    }
}

/// A kernel that stops inside a message leaves those before it, and that one only if it was all there.
#[test]
fn what_is_half_stored_is_not_there() {
    for mode in MODES {
        for words in 0..=30 {
            for header in [0, 1] {
                let (mut ring, pattern) = (EmulatedRing::new(16, mode), pattern(240, true));
                let send = || {
                    let (ending, nowhere) = (Ending::Forgets as u64, std::ptr::null());
                    // SAFETY: one warp, the ring outlives the launch, and the address is not read.
                    unsafe { break_off(ring.handle(), pattern, 5, words, header, ending, nowhere) };
                };
                assert!(launch(1, 32, send));
                let is_whole = mode == Mode::FenceFree && header == 1 && words == 30;
                let received = ring.received();
                assert_eq!(
                    received.len(),
                    5 + usize::from(is_whole),
                    "{mode:?}, {words} words, header {header}"
                );
                check(pattern, 0, &received);
            }
        }
    }
}

#[test]
fn a_trap_ends_the_launch_but_not_the_stream() {
    for mode in MODES {
        let (ring, pattern) = (EmulatedRing::new(16, mode), pattern(8, false));
        let outcome = run(&ring, (1, 32), Reader::Steady, || {
            // SAFETY: one warp, and the ring outlives the launch.
            unsafe { stop_midway(ring.handle(), pattern, 0, 40, Ending::Traps as u64) }
        });
        assert!(!outcome.launched);
        // What was published before arrives.
        assert_eq!((outcome.end, outcome.messages.len()), (End::Open, 40));
        check(pattern, 0, &outcome.messages);
        assert_eq!(line(&ring).end, None);
    }
}

/// A block that sends nothing, and one that makes two producers in turn.
#[test]
fn two_producers_in_one_kernel() {
    for mode in MODES {
        let (ring, pattern) = (EmulatedRing::new(64, mode), pattern(8, false));
        let outcome = run(&ring, (1, 128), Reader::Steady, || {
            for first in [0, 3, 6] {
                // SAFETY: the ring's only producer now.
                let mut producer = unsafe { BlockProducer::new(ring.handle()) }.unwrap();
                producer.produce_batch(3, &pattern.from(first)).unwrap();
                if thread_rank() / 32 == 1 {
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
                producer.pause();
            }
            // SAFETY: the ring's only producer now.
            unsafe { BlockProducer::new(ring.handle()) }.unwrap().finish();
        });
        assert!(outcome.launched);
        assert_eq!((outcome.end, outcome.messages.len()), (End::Ended, 9));
        check(pattern, 0, &outcome.messages);
        check_counts(&ring, &outcome.messages);
    }
}
