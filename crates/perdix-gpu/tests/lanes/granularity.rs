//! Proves that every granularity delivers every message once, in order, whole, and counts right, through rings of all sizes.

use perdix_gpu::emulation::EmulatedRing;

use crate::common::{End, MODES, Reader, Sender, check, check_counts, check_whole, pattern};

const CAPACITIES: [u64; 4] = [1, 2, 4, 64];

fn sends(sender: Sender, count: u64) {
    for mode in MODES {
        for capacity in CAPACITIES {
            // Small rings make every message wait for the one before.
            let count = if capacity == 64 { count } else { count / 4 };
            let ring = EmulatedRing::new(capacity, mode);
            let pattern = pattern(104, capacity == 2);
            let outcome = sender.run(&ring, Reader::Sleepy(37), pattern, count);
            check_whole(&ring, pattern, count, &outcome);
        }
    }
}

#[test]
fn thread_by_one() {
    sends(Sender::Thread { batch: 1 }, 1000);
}

#[test]
fn thread_in_batches() {
    sends(Sender::Thread { batch: 5 }, 1000);
    sends(Sender::Thread { batch: 100 }, 1000);
}

#[test]
fn warp_by_one() {
    sends(Sender::Warp { batch: 1 }, 200);
}

#[test]
fn warp_by_seven() {
    sends(Sender::Warp { batch: 7 }, 400);
}

#[test]
fn warp_by_thirty_two() {
    sends(Sender::Warp { batch: 32 }, 400);
}

#[test]
fn warp_beyond_a_fence() {
    sends(Sender::Warp { batch: 100 }, 300);
}

#[test]
fn block_of_one_warp() {
    sends(Sender::Block { warps: 1, batch: 70 }, 400);
}

#[test]
fn block_of_two_warps() {
    sends(Sender::Block { warps: 2, batch: 33 }, 400);
}

#[test]
fn block_of_four_warps() {
    sends(Sender::Block { warps: 4, batch: 1 }, 200);
    sends(Sender::Block { warps: 4, batch: 300 }, 700);
}

/// Each warp's messages arrive in its order, and its batches stay together.
fn grid(blocks: u32, warps: u32, batch: u64, each: u64) {
    for mode in MODES {
        for capacity in CAPACITIES {
            let each = if capacity == 64 { each } else { each / 4 };
            let sender = Sender::Grid { blocks, warps, batch };
            let ring = EmulatedRing::new(capacity, mode);
            let pattern = pattern(48, false);
            let outcome = sender.run(&ring, Reader::Sleepy(37), pattern, each);
            assert!(outcome.launched);
            assert_eq!(outcome.end, End::Ended);
            let claim = batch.min(capacity).min(32);
            let mut streams = vec![Vec::new(); sender.streams() as usize];
            let mut before = None;
            for message in outcome.messages.clone() {
                let id = u64::from_le_bytes(message.1[..8].try_into().unwrap());
                // Within a batch a message follows the one before.
                if (id & 0xff_ffff) % batch % claim != 0 {
                    assert_eq!(before, id.checked_sub(1), "the batch of {id:#x} was torn");
                }
                before = Some(id);
                streams[(id >> 40) as usize].push(message);
            }
            for (warp, messages) in (0..).zip(&streams) {
                assert_eq!(messages.len() as u64, each, "messages of warp {warp}");
                check(pattern, warp << 40, messages);
            }
            check_counts(&ring, &outcome.messages);
        }
    }
}

#[test]
fn grid_of_one_warp() {
    grid(1, 1, 32, 300);
}

#[test]
fn grid_of_one_block() {
    grid(1, 3, 7, 100);
}

#[test]
fn grid_of_many_blocks() {
    grid(3, 1, 1, 60);
}

#[test]
fn grid_of_many_blocks_and_warps() {
    grid(2, 2, 32, 160);
}

/// The state tells what the control block does not: where the next launch goes on, and that all warps were counted.
#[test]
fn the_state_is_ready_for_the_next_launch() {
    use std::sync::atomic::Ordering::Relaxed;
    for sender in [
        Sender::Thread { batch: 3 },
        Sender::Warp { batch: 3 },
        Sender::Block { warps: 2, batch: 3 },
        Sender::Grid { blocks: 2, warps: 1, batch: 3 },
    ] {
        let ring = EmulatedRing::new(64, MODES[0]);
        sender.run(&ring, Reader::Steady, pattern(8, false), 20);
        let state = ring.state();
        assert_eq!(state.head.load(Relaxed), 20 * sender.streams());
        assert_eq!((state.finished.load(Relaxed), state.unsent.load(Relaxed)), (0, u64::MAX));
    }
}
