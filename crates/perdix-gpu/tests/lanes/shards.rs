//! Proves that a launch spread over several rings delivers every message once, in each ring's order, whatever the numbers of
//! blocks and rings; that each ring ends by itself; and that a ring in trouble does not stop the others.

use perdix_core::{Consumer, DeviceRings};
use perdix_gpu::emulation::{EmulatedRings, launch};
use perdix_gpu::intrinsics::{block_rank, blocks};
use perdix_gpu::{DeviceRing, Error, Fault, GridProducer, Shard, finish_unused};
use perdix_kernels::pattern::Pattern;
use perdix_kernels::{send_shards_block, send_shards_grid};

use crate::common::{End, Line, MODES, Messages, Reader, check, check_counts, line, pattern, read};

const WARPS: u32 = 2;

/// Rings and blocks: as many, more, fewer, uneven, and the smallest.
const SHAPES: [(usize, u32); 7] = [(3, 3), (2, 5), (3, 7), (5, 2), (4, 1), (1, 3), (1, 1)];

type Kernel = unsafe fn(DeviceRings, Pattern, u64, u64);

/// Launches a kernel on all rings, each with a consumer on its own thread.
fn run(
    rings: &EmulatedRings,
    blocks: u32,
    reader: impl Fn(usize) -> Reader,
    kernel: impl Fn(DeviceRings) + Sync,
) -> (bool, Vec<(End, Messages)>) {
    // SAFETY: rings of these tests are given to one `run` only.
    let consumers: Vec<Consumer> = rings.iter().map(|ring| unsafe { ring.consumer() }).collect();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading: Vec<_> = (0..)
            .zip(consumers)
            .map(|(index, mut consumer)| {
                let (reader, over) = (reader(index), &over);
                scope.spawn(move || read(&mut consumer, reader, over))
            })
            .collect();
        let launched = launch(blocks, 32 * WARPS, || kernel(rings.handle()));
        over.store(true, std::sync::atomic::Ordering::Release);
        (launched, reading.into_iter().map(|reading| reading.join().unwrap()).collect())
    })
}

fn run_kernel(
    rings: &EmulatedRings,
    blocks: u32,
    kernel: Kernel,
    pattern: Pattern,
    (count, batch): (u64, u64),
) -> Vec<(End, Messages)> {
    // SAFETY: the kernel's parameters, on rings that outlive the launch and that nothing else uses.
    let call = |handle| unsafe { kernel(handle, pattern, count, batch) };
    let (launched, outcomes) = run(rings, blocks, |_| Reader::Sleepy(37), call);
    assert!(launched);
    outcomes
}

/// Checks that the warps with these numbers sent `count` messages each, in order.
#[track_caller]
fn check_warps(pattern: Pattern, warps: &[u64], count: u64, messages: &Messages) {
    assert_eq!(messages.len() as u64, warps.len() as u64 * count);
    for warp in warps {
        let from = |bytes: &[u8]| u64::from_le_bytes(bytes[..8].try_into().unwrap()) >> 40;
        let own: Messages = messages.iter().filter(|(_, bytes)| from(bytes) == *warp).cloned().collect();
        assert_eq!(own.len() as u64, count, "messages of warp {warp}");
        check(pattern, warp << 40, &own);
    }
}

#[test]
fn a_block_for_each_ring() {
    for mode in MODES {
        for (count, blocks) in SHAPES {
            for slots in [1, 64] {
                let rings = EmulatedRings::new(count, slots, mode);
                let pattern = pattern(48, slots == 1);
                let each = 150 * slots.min(2);
                let outcomes = run_kernel(&rings, blocks, send_shards_block, pattern, (each, 70));
                for ((index, ring), (end, messages)) in (0..).zip(rings.iter()).zip(&outcomes) {
                    let each = if index < u64::from(blocks) { each } else { 0 };
                    assert_eq!((*end, messages.len() as u64), (End::Ended, each), "{count} {blocks} {index}");
                    check(pattern, index << 40, messages);
                    check_counts(ring, messages);
                }
            }
        }
    }
}

#[test]
fn blocks_share_rings() {
    for mode in MODES {
        for (count, blocks) in SHAPES {
            for slots in [2, 64] {
                let rings = EmulatedRings::new(count, slots, mode);
                let pattern = pattern(48, false);
                let each = 30 * slots.min(3);
                let outcomes = run_kernel(&rings, blocks, send_shards_grid, pattern, (each, 7));
                for ((index, ring), (end, messages)) in (0..).zip(rings.iter()).zip(&outcomes) {
                    assert_eq!(*end, End::Ended, "{count} rings, {blocks} blocks, ring {index}");
                    let warps: Vec<u64> = (0..u64::from(blocks * WARPS))
                        .filter(|warp| warp / u64::from(WARPS) % count as u64 == index)
                        .collect();
                    check_warps(pattern, &warps, each, messages);
                    check_counts(ring, messages);
                }
            }
        }
    }
}

/// What a block is told is what a count by hand gives, for every ring.
#[test]
fn every_block_is_counted_once() {
    for (count, blocks) in SHAPES {
        let rings = EmulatedRings::new(count, 2, MODES[0]);
        let handle = rings.handle();
        assert!(launch(blocks, 32, || {
            // SAFETY: the rings outlive the launch, here and below.
            let own = unsafe { Shard::of_block(handle) }.unwrap();
            assert_eq!(own.index(), block_rank() % count as u64);
            assert_eq!(own.ring().state, rings.iter().nth(own.index() as usize).unwrap().handle().state);
            let mut all = 0;
            for index in 0..count as u64 {
                // SAFETY: as above.
                let shard = unsafe { Shard::new(handle, index) }.unwrap();
                let by_hand = (0..u64::from(blocks)).filter(|block| block % count as u64 == index).count();
                assert_eq!((shard.blocks(), shard.warps()), (by_hand as u64, by_hand as u64));
                all += shard.blocks();
            }
            assert_eq!(all, self::blocks());
        }));
    }
}

/// The consumer of one ring leaves: its producers stop, the others deliver everything.
#[test]
fn a_consumer_that_leaves_stops_its_ring_only() {
    for mode in MODES {
        for kernel in [send_shards_block as Kernel, send_shards_grid] {
            let (rings, pattern, each) = (EmulatedRings::new(3, 4, mode), pattern(16, false), 200);
            let reader = |index| if index == 1 { Reader::Leaves(5) } else { Reader::Steady };
            // SAFETY: the kernel's parameters, on rings that outlive the launch and that nothing else uses.
            let call = |handle| unsafe { kernel(handle, pattern, each, 3) };
            let (launched, outcomes) = run(&rings, 3, reader, call);
            assert!(launched);
            for (index, ring) in rings.iter().enumerate() {
                let (end, messages) = &outcomes[index];
                if index == 1 {
                    assert_eq!((*end, messages.len()), (End::Left, 5));
                    assert_eq!(line(ring).fault, Some(Fault::ConsumerGone));
                } else {
                    assert_eq!(*end, End::Ended);
                    assert!(
                        messages.len() as u64 == each || messages.len() as u64 == u64::from(WARPS) * each
                    );
                    check_counts(ring, messages);
                }
            }
        }
    }
}

/// The consumer of one ring stands still: its producers give up in time, the others deliver everything.
#[test]
fn a_ring_that_stays_full_stops_nothing_else() {
    for mode in MODES {
        let (mut rings, pattern) = (EmulatedRings::new(2, 4, mode), pattern(16, false));
        rings.set_limit(3_000_000_000);
        let reader = |index| if index == 0 { Reader::Stalls(0) } else { Reader::Steady };
        // SAFETY: the kernel's parameters, on rings that outlive the launch and that nothing else uses.
        let call = |handle| unsafe { send_shards_block(handle, pattern, 300, 10) };
        let (launched, outcomes) = run(&rings, 2, reader, call);
        assert!(launched);
        assert_eq!((outcomes[0].0, outcomes[0].1.len()), (End::Ended, 4));
        assert_eq!((outcomes[1].0, outcomes[1].1.len()), (End::Ended, 300));
        let lines: Vec<Line> = rings.iter().map(line).collect();
        assert_eq!((lines[0].end, lines[0].fault), (Some(4), Some(Fault::TimedOut)));
        assert_eq!((lines[1].end, lines[1].fault), (Some(300), None));
    }
}

/// Without `finish_unused` the rings left over stay open; with it they end, and no other does.
#[test]
fn rings_left_over_end_when_asked() {
    let rings = EmulatedRings::new(7, 4, MODES[0]);
    // SAFETY: the rings outlive the launch, and nothing uses them.
    assert!(launch(3, 64, || unsafe { finish_unused(rings.handle()) }));
    let ends: Vec<Option<u64>> = rings.iter().map(|ring| line(ring).end).collect();
    assert_eq!(ends, [None, None, None, Some(0), Some(0), Some(0), Some(0)]);
}

/// A part of a grid ends its ring when that part has finished, however many other warps there are.
#[test]
fn a_part_of_a_grid_ends_with_its_last_warp() {
    let rings = EmulatedRings::new(2, 8, MODES[0]);
    assert!(launch(3, 32, || {
        // SAFETY: the rings outlive the launch.
        let shard = unsafe { Shard::of_block(rings.handle()) }.unwrap();
        // SAFETY: all warps of the shard make one.
        let producer = unsafe { GridProducer::new_among(shard.ring(), shard.warps()) }.unwrap();
        // Block 2 shares ring 0 with block 0 and keeps it open.
        if block_rank() == 2 { producer.pause() } else { producer.finish() }
    }));
    let ends: Vec<Option<u64>> = rings.iter().map(|ring| line(ring).end).collect();
    assert_eq!(ends, [None, Some(0)]);
}

#[test]
fn handles_to_nothing_are_refused() {
    let rings = EmulatedRings::new(2, 4, MODES[0]);
    let good = rings.handle();
    let nowhere = DeviceRings { rings: std::ptr::null::<DeviceRing>(), ..good };
    assert!(launch(1, 32, || {
        for bad in [DeviceRings { count: 0, ..good }, nowhere] {
            // SAFETY: what is looked at is there, and the rest is refused.
            let refused = unsafe { Shard::of_block(bad) };
            assert_eq!(refused.err(), Some(Error::Corrupt));
            // SAFETY: as above.
            unsafe { finish_unused(bad) };
        }
        for index in [2, u64::MAX] {
            // SAFETY: as above.
            let refused = unsafe { Shard::new(good, index) };
            assert_eq!(refused.err(), Some(Error::Corrupt));
        }
        // SAFETY: nothing is sent.
        let Some(ring) = (unsafe { good.get(0) }) else { panic!("there are two rings") };
        for warps in [0, 1 << 48, u64::MAX] {
            // SAFETY: as above.
            let refused = unsafe { GridProducer::new_among(ring, warps) };
            assert_eq!(refused.err(), Some(Error::Launch));
        }
    }));
    // SAFETY: kernels on no rings do nothing.
    assert!(launch(2, 32, || unsafe { send_shards_block(nowhere, pattern(8, false), 9, 9) }));
    // SAFETY: as above.
    assert!(launch(2, 32, || unsafe { send_shards_grid(nowhere, pattern(8, false), 9, 9) }));
}
