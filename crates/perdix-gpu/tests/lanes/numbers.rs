//! Proves that message numbers may wrap: streams that begin just below 2^64, 2^63 and the ends of laps.

use perdix_gpu::emulation::EmulatedRing;

use crate::common::{End, MODES, Reader, SENDERS, Sender, check_counts, check_whole, pattern};

#[test]
fn streams_cross_every_border() {
    for mode in MODES {
        for capacity in [4, 64] {
            for start in
                [u64::MAX - 17, u64::MAX, (1 << 63) - 2, 1 << 63, (1 << 62) - 3, capacity - 1, capacity]
            {
                for sender in SENDERS {
                    let ring = EmulatedRing::starting_at(capacity, mode, start);
                    let pattern = pattern(24, false);
                    let outcome = sender.run(&ring, Reader::Steady, pattern, 40);
                    if sender.streams() == 1 {
                        check_whole(&ring, pattern, 40, &outcome);
                    } else {
                        assert_eq!((outcome.end, outcome.messages.len()), (End::Ended, 160));
                        check_counts(&ring, &outcome.messages);
                    }
                }
            }
        }
    }
}

#[test]
fn a_ring_of_one_slot_crosses_the_border() {
    for mode in MODES {
        for start in [u64::MAX - 3, (1 << 63) - 3] {
            let ring = EmulatedRing::starting_at(1, mode, start);
            let pattern = pattern(240, true);
            let outcome = Sender::Warp { batch: 1 }.run(&ring, Reader::Steady, pattern, 10);
            check_whole(&ring, pattern, 10, &outcome);
        }
    }
}
