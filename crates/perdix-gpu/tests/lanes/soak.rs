//! Proves that the soak's kernels send what the soak expects, at every granularity, over several launches.

use perdix_core::DeviceRing;
use perdix_gpu::emulation::{EmulatedRing, EmulatedRings, launch};
use perdix_kernels::soak::{SoakEnd, SoakMessages, SoakSteps};
use perdix_kernels::{soak_block, soak_grid, soak_shards, soak_thread, soak_warp};

use crate::common::{MODES, Messages, Reader, line, run_on};

pub(crate) type Kernel = unsafe fn(DeviceRing, SoakMessages, SoakSteps);

const KERNELS: [(Kernel, u32, u32); 4] =
    [(soak_thread, 1, 1), (soak_warp, 1, 32), (soak_block, 1, 96), (soak_grid, 2, 64)];

fn steps(first: u64, count: u64, end: SoakEnd) -> SoakSteps {
    SoakSteps { first, count, batch: 7, pause_ns: 10, end: end as u64 }
}

/// Checks that every warp's messages come in order, and returns how many of each there are.
pub(crate) fn check(messages: SoakMessages, received: &Messages, senders: usize) -> Vec<u64> {
    let mut next = vec![0; senders];
    for (kind, bytes) in received {
        let sender = usize::from(kind >> 8);
        let id = (sender as u64) << 40 | next[sender];
        assert!(messages.matches(id, *kind, bytes), "{id:#x}: kind {kind:#x}, {bytes:02x?}");
        next[sender] += 1;
    }
    next
}

#[test]
fn launches_go_on_where_the_last_one_paused() {
    for mode in MODES {
        for (kernel, blocks, threads) in KERNELS {
            let messages = SoakMessages { seed: 5, most: 240, sentinels: 1 };
            let ring = EmulatedRing::new(8, mode);
            // SAFETY: the ring's only consumer.
            let mut consumer = unsafe { ring.consumer() };
            let mut all = Messages::new();
            for (first, end) in [(0, SoakEnd::Pauses), (20, SoakEnd::Pauses), (40, SoakEnd::Finishes)] {
                let outcome = run_on(&mut consumer, (blocks, threads), Reader::Steady, || {
                    // SAFETY: launched as the kernel asks, on a ring that lives on.
                    unsafe { kernel(ring.handle(), messages, steps(first, 20, end)) }
                });
                assert!(outcome.launched);
                all.extend(outcome.messages);
            }
            let senders = if blocks == 2 { 4 } else { 1 };
            assert_eq!(check(messages, &all, senders), vec![60; senders]);
            assert_eq!(line(&ring).end, Some(60 * senders as u64));
        }
    }
}

#[test]
fn a_kernel_can_forget_to_finish() {
    for (kernel, blocks, threads) in KERNELS {
        let messages = SoakMessages { seed: 6, most: 17, sentinels: 0 };
        let mut ring = EmulatedRing::new(128, MODES[0]);
        // SAFETY: as above.
        assert!(launch(blocks, threads, || unsafe {
            kernel(ring.handle(), messages, steps(0, 10, SoakEnd::Forgets));
        }));
        let senders = if blocks == 2 { 4 } else { 1 };
        assert_eq!(check(messages, &ring.received(), senders), vec![10; senders]);
        assert_eq!(line(&ring).end, None);
    }
}

#[test]
fn shards_share_the_senders() {
    let messages = SoakMessages { seed: 7, most: 100, sentinels: 1 };
    for (rings, blocks) in [(2, 3), (3, 2)] {
        let mut rings = EmulatedRings::new(rings, 128, MODES[1]);
        let handle = rings.handle();
        // SAFETY: the rings outlive the launch, and nothing else is launched on them.
        assert!(launch(blocks, 64, || unsafe {
            soak_shards(handle, messages, steps(0, 20, SoakEnd::Finishes));
        }));
        let mut sums = vec![0; 2 * blocks as usize];
        for ring in rings.iter_mut() {
            let counts = check(messages, &ring.received(), sums.len());
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            assert!(line(ring).end.is_some());
        }
        assert!(sums.iter().all(|sum| *sum == 20), "{sums:?}");
    }
}
