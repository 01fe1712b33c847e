//! Proves that typed messages arrive as the same values from every granularity, and that a type of any size is taken apart rightly.

use perdix_core::{AnyOf, Meta};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::{DeviceRing, ThreadProducer, Typed, Values, WarpProducer};
use perdix_kernels::typed::{Frame, FrameChecker, Residual};
use perdix_kernels::{typed_block, typed_grid, typed_thread, typed_warp};

use crate::common::{End, MODES, Outcome, Reader, View as _, check_counts, run};

/// A payload as it lies in a slot.
#[repr(C, align(16))]
struct Aligned([u8; 240]);

fn check_frames(outcome: &Outcome, warps: usize, count: u32) {
    assert!(outcome.launched);
    assert_eq!(outcome.end, End::Ended);
    let mut checker = FrameChecker::new(warps, count);
    for (kind, bytes) in &outcome.messages {
        let mut slot = Aligned([0; 240]);
        slot.0[..bytes.len()].copy_from_slice(bytes);
        let frame = Frame::read(Meta::new(bytes.len(), 0, *kind), &slot.0[..bytes.len()]).unwrap();
        checker.take(frame).unwrap();
    }
    assert!(checker.is_complete(), "{checker:?}");
}

#[test]
fn frames_arrive_from_every_granularity() {
    type Kernel = unsafe fn(DeviceRing, u32);
    let kernels: [(Kernel, (u32, u32), usize); 3] =
        [(typed_thread, (1, 1), 1), (typed_warp, (1, 32), 1), (typed_grid, (2, 64), 4)];
    for mode in MODES {
        for (kernel, shape, warps) in kernels {
            let ring = EmulatedRing::new(8, mode);
            // SAFETY: launched as the kernel asks, on a ring that outlives the launch.
            let outcome = run(&ring, shape, Reader::Steady, || unsafe { kernel(ring.handle(), 40) });
            check_frames(&outcome, warps, 40);
            check_counts(&ring, &outcome.messages);
        }
    }
}

#[test]
fn a_block_sends_values_one_by_one_and_in_a_batch() {
    for mode in MODES {
        let ring = EmulatedRing::new(8, mode);
        // SAFETY: one block, on a ring that outlives the launch.
        let mut outcome = run(&ring, (1, 64), Reader::Steady, || unsafe { typed_block(ring.handle(), 21) });
        let batch = outcome.messages.split_off(22);
        check_frames(&outcome, 1, 21);
        let expected: Vec<_> = (0..21)
            .map(|step| (Residual::KIND, bytemuck::bytes_of(&Residual::of(1, step)).to_vec()))
            .collect();
        assert_eq!(batch, expected);
    }
}

/// A message of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Sized<const N: usize>([u8; N]);

// SAFETY: bytes.
unsafe impl<const N: usize> bytemuck::Zeroable for Sized<N> {}
// SAFETY: bytes, without padding.
unsafe impl<const N: usize> bytemuck::Pod for Sized<N> {}

impl<const N: usize> Typed for Sized<N> {
    const KIND: u16 = 1000 + N as u16;
}

fn sized<const N: usize>(seed: u64) -> Sized<N> {
    Sized(std::array::from_fn(|i| (seed as u8).wrapping_mul(31).wrapping_add(i as u8)))
}

fn round_trip<const N: usize>() {
    for mode in MODES {
        let mut ring = EmulatedRing::new(16, mode);
        let send = || {
            // SAFETY: one warp, on a ring that outlives the launch.
            let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
            producer.send(&sized::<N>(0)).unwrap();
            producer.try_send(&sized::<N>(1)).unwrap();
            assert!(producer.send_or_drop(&sized::<N>(2)).unwrap());
            producer.produce_batch(2, &Values::new(|i| sized::<N>(3 + i))).unwrap();
            producer.pause();
        };
        assert!(launch(1, 32, send));
        let send = || {
            // SAFETY: one thread, on a ring that outlives the launch.
            let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
            producer.send(&sized::<N>(5)).unwrap();
            producer.try_send(&sized::<N>(6)).unwrap();
            assert!(producer.send_or_drop(&sized::<N>(7)).unwrap());
            producer.finish();
        };
        assert!(launch(1, 1, send));
        let expected: Vec<_> = (0..8).map(|seed| (Sized::<N>::KIND, sized::<N>(seed).0.to_vec())).collect();
        assert_eq!(ring.received(), expected, "{N} bytes, {mode:?}");
    }
}

#[test]
fn values_of_every_size_arrive() {
    macro_rules! each {
        ($($size:literal)+) => { $(round_trip::<$size>();)+ };
    }
    each!(0 1 2 3 4 5 7 8 9 12 13 15 16 17 20 31 32 33 48 63 64 65 66 100 128 239 240);
}

#[test]
fn a_full_ring_drops_and_counts_values() {
    let ring = EmulatedRing::new(2, perdix_gpu::Mode::Fenced);
    assert!(launch(1, 32, || {
        // SAFETY: one warp, on a ring that outlives the launch.
        let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
        let sent = (0..5_u64).filter(|i| producer.send_or_drop(&sized::<8>(*i)).unwrap()).count();
        assert_eq!(sent, 2);
        producer.finish();
    }));
    assert_eq!(ring.view().producer_stats().dropped, 3);
}
