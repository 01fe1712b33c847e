//! Proves that messages of every length arrive whole, those full of the fence-free mode's sentinel included.

use perdix_core::sentinel::SENTINEL;
use perdix_gpu::emulation::EmulatedRing;
use perdix_gpu::{FromFn, GridProducer, ThreadProducer, WarpProducer};
use perdix_kernels::pattern::ALL_LENGTHS;

use crate::common::{End, MODES, Messages, Reader, Sender, check_counts, check_whole, pattern, run};

fn every_length(sender: Sender) {
    for mode in MODES {
        for sentinels in [false, true] {
            let ring = EmulatedRing::new(32, mode);
            let pattern = pattern(ALL_LENGTHS, sentinels);
            // Twice, so that a slot holds short messages after long ones; every length falls on every phase of the sentinels.
            let count = 3 * 241;
            let outcome = sender.run(&ring, Reader::Steady, pattern, count);
            check_whole(&ring, pattern, count, &outcome);
        }
    }
}

#[test]
fn by_thread() {
    every_length(Sender::Thread { batch: 1 });
    every_length(Sender::Thread { batch: 8 });
}

#[test]
fn by_warp() {
    every_length(Sender::Warp { batch: 1 });
    every_length(Sender::Warp { batch: 32 });
}

#[test]
fn by_block() {
    every_length(Sender::Block { warps: 2, batch: 99 });
}

/// Which warp sent a short message cannot be told, so here only the multitude counts.
#[test]
fn by_grid() {
    for mode in MODES {
        for sentinels in [false, true] {
            let ring = EmulatedRing::new(32, mode);
            let pattern = pattern(ALL_LENGTHS, sentinels);
            let sender = Sender::Grid { blocks: 2, warps: 1, batch: 9 };
            let outcome = sender.run(&ring, Reader::Steady, pattern, 241);
            assert!(outcome.launched);
            assert_eq!(outcome.end, End::Ended);
            let mut expected = Messages::new();
            for id in (0..241).chain((0..241).map(|i| 1 << 40 | i)) {
                let bytes = (0..30).flat_map(|word| pattern.word(id, word).to_le_bytes());
                expected.push((pattern.kind(id), bytes.take(pattern.len(id)).collect()));
            }
            check_counts(&ring, &outcome.messages);
            let mut messages = outcome.messages;
            messages.sort();
            expected.sort();
            assert!(messages == expected);
        }
    }
}

/// Each single word the sentinel, and none, and all, at each length in words.
#[test]
fn sentinels_at_every_place() {
    let word = |id: u64, i: u64| {
        let (len, place) = (id / 33, id % 33);
        if place == i || place == 31 { SENTINEL } else { id ^ i << 32 ^ len << 50 }
    };
    let len = |id: u64| 8 * (id / 33) as usize;
    let expected: Messages =
        (0..31 * 33).map(|id| (7, (0..id / 33).flat_map(|i| word(id, i).to_le_bytes()).collect())).collect();
    let count = expected.len() as u64;
    for mode in MODES {
        for threads in [1, 32, 64] {
            let ring = EmulatedRing::new(64, mode);
            let outcome = run(&ring, (1, threads), Reader::Steady, || match threads {
                1 => {
                    // SAFETY: the ring's only producer.
                    let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
                    for (kind, bytes) in &expected {
                        producer.produce(*kind, bytes).unwrap();
                    }
                    producer.finish();
                }
                32 => {
                    // SAFETY: the ring's only producer.
                    let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
                    for id in 0..count {
                        let chunk = |i: usize| [word(id, 2 * i as u64), word(id, 2 * i as u64 + 1)];
                        producer.produce(7, len(id), chunk).unwrap();
                    }
                    producer.finish();
                }
                _ => {
                    // SAFETY: only grid producers of this launch.
                    let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
                    let sentinels = FromFn::new(240, 9, |_, _| [SENTINEL; 2]);
                    producer.produce_batch(100, &sentinels).unwrap();
                    producer.finish();
                }
            });
            assert!(outcome.launched);
            assert_eq!(outcome.end, End::Ended);
            if threads == 64 {
                assert!(outcome.messages == vec![(9, SENTINEL.to_le_bytes().repeat(30)); 200]);
            } else {
                assert!(outcome.messages == expected, "{mode:?}, {threads} threads");
            }
        }
    }
}
