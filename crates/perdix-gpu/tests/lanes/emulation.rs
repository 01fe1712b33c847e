//! Proves the emulation itself: indices, barriers, shuffles and votes, and that it notices what would hang or mislead a device.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use perdix_gpu::emulation::launch;
use perdix_gpu::intrinsics::{
    block_rank, blocks, device_add, device_load_acquire, device_min, device_store_release, lane_id, sleep_ns,
    thread_rank, threads_per_block, trap, warp_id, warps_per_block,
};
use perdix_gpu::{Block, Warp};

/// The warp of the lane that asks. Tests of misuse break what it asks for: emulated lanes notice.
fn warp() -> Warp {
    // SAFETY: all lanes come to the same calls, or the emulation ends them.
    unsafe { Warp::new() }
}

/// The block, likewise.
fn block() -> Block {
    // SAFETY: as above.
    unsafe { Block::new() }
}

#[test]
fn every_thread_knows_its_place() {
    let places = Mutex::new(Vec::new());
    assert!(launch(3, 70, || {
        assert_eq!((blocks(), threads_per_block(), warps_per_block()), (3, 70, 3));
        assert_eq!((lane_id(), warp_id()), (thread_rank() % 32, thread_rank() / 32));
        places.lock().unwrap().push((block_rank(), thread_rank()));
    }));
    let mut places = places.into_inner().unwrap();
    places.sort_unstable();
    let all: Vec<_> = (0..3).flat_map(|block| (0..70).map(move |thread| (block, thread))).collect();
    assert_eq!(places, all);
}

#[test]
fn a_shuffle_gives_all_lanes_ones_value() {
    assert!(launch(2, 64, || {
        let value = |lane: u32| 1000 * warp_id() + 100_000 * block_rank() as u32 + lane;
        for lane in (0..32).chain([5, 5, 31]) {
            assert_eq!(warp().shuffle(value(lane_id()), lane), value(lane));
            let wide = |lane: u32| u64::from(value(lane)) << 32 | u64::from(!lane);
            assert_eq!(warp().shuffle_u64(wide(lane_id()), lane), wide(lane));
        }
        assert_eq!(warp().shuffle(lane_id(), 33), 1);
    }));
}

#[test]
fn a_ballot_has_a_bit_for_each_lane() {
    assert!(launch(1, 64, || {
        for mask in [0, 1, 0x8000_0000, u32::MAX, 0x1234_5678] {
            let mask = if warp_id() == 0 { mask } else { !mask };
            assert_eq!(warp().ballot(mask >> lane_id() & 1 != 0), mask);
        }
    }));
    // Lanes that do not exist do not vote.
    assert!(launch(1, 5, || assert_eq!(warp().ballot(true), 0b11111)));
}

#[test]
fn a_blocks_vote_needs_all() {
    assert!(launch(2, 96, || {
        assert!(block().all(true));
        for dissenter in [0, 31, 32, 95] {
            assert!(!block().all(thread_rank() != dissenter));
            assert!(block().all(block_rank() < 2));
        }
        // Blocks do not meet.
        assert_eq!(block().all(block_rank() == 0), block_rank() == 0);
    }));
}

#[test]
fn barriers_hold_everyone_back() {
    let counts: [AtomicU64; 3] = Default::default();
    assert!(launch(1, 96, || {
        for round in 1..=50 {
            counts[warp_id() as usize].fetch_add(1, Ordering::Relaxed);
            warp().sync();
            assert_eq!(counts[warp_id() as usize].load(Ordering::Relaxed), 32 * round);
            block().sync();
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 32 * round));
            block().sync();
        }
    }));
}

#[test]
fn device_words() {
    let (sum, least, flag) = (AtomicU64::new(0), AtomicU64::new(u64::MAX), AtomicU64::new(0));
    assert!(launch(2, 32, || {
        // SAFETY: words that all lanes see.
        unsafe { device_add(&sum, u64::from(lane_id())) };
        // SAFETY: as above.
        unsafe { device_min(&least, u64::from(lane_id()) + 3) };
        // SAFETY: as above.
        unsafe { device_store_release(&flag, 7) };
        // SAFETY: as above.
        assert_eq!(unsafe { device_load_acquire(&flag) }, 7);
    }));
    assert_eq!((sum.into_inner(), least.into_inner()), (2 * 496, 3));
}

#[test]
fn a_trap_stops_lanes_that_wait_and_lanes_that_sleep() {
    assert!(!launch(2, 64, || {
        if (block_rank(), thread_rank()) == (1, 40) {
            trap();
        }
        if block_rank() == 0 {
            loop {
                sleep_ns(10);
            }
        }
        block().sync();
    }));
}

#[test]
fn a_lane_that_ended_is_missed() {
    let begun = std::time::Instant::now();
    assert!(!launch(1, 32, || if lane_id() != 9 {
        warp().sync();
    }));
    assert!(!launch(1, 64, || if warp_id() == 0 {
        block().sync();
    }));
    assert!(begun.elapsed() < std::time::Duration::from_secs(30));
}

#[test]
fn lanes_at_different_calls_are_noticed() {
    assert!(!launch(1, 32, || if lane_id() == 9 {
        warp().sync();
    } else {
        assert!(warp().ballot(true) != 0);
    }));
    assert!(!launch(1, 32, || assert!(if lane_id() == 9 {
        warp().shuffle(1, 0) == 1
    } else {
        warp().ballot(true) != 0
    })));
    assert!(!launch(1, 64, || if warp_id() == 1 { block().sync() } else { assert!(block().all(true)) }));
}

#[test]
fn a_thread_alone_is_a_launch_of_one() {
    assert_eq!((thread_rank(), threads_per_block(), block_rank(), blocks()), (0, 1, 0, 1));
    assert_eq!((warp().shuffle(7, 0), warp().ballot(true), block().all(false)), (7, 1, false));
}
