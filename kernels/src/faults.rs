//! Kernels that misbehave on purpose.

use core::sync::atomic::{AtomicU64, Ordering};

use perdix_gpu::intrinsics::{lane_id, sync_warp, trap};
use perdix_gpu::{DeviceRing, Error, WarpProducer};

use crate::pattern::Pattern;

/// How [`stop_midway`] stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Ending {
    /// The kernel ends as if it had forgotten to finish.
    Forgets = 0,
    /// The kernel faults.
    Traps = 1,
    /// The kernel leaves the stream open for the next.
    Pauses = 2,
}

perdix_gpu::kernel! {
    /// One warp sends messages `first` to `first + count` of the pattern and stops as [`Ending`] says (`ending` is its number).
    pub unsafe fn stop_midway(ring: DeviceRing, pattern: Pattern, first: u64, count: u64, ending: u64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        if let Err(partial) = producer.produce_batch(count, &pattern.from(first)) {
            return producer.fail(partial.error);
        }
        if ending == Ending::Traps as u64 {
            // A fault must not overtake the other lanes' last words.
            sync_warp();
            trap();
        }
        if ending == Ending::Pauses as u64 {
            producer.pause();
        }
    }

    /// One warp tries a message of 241 bytes, which must be refused, and then sends one of 240 bytes. `refused` gets 1 if it was.
    pub unsafe fn send_too_long(ring: DeviceRing, refused: *const AtomicU64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let result = producer.produce(0, 241, |_| [0, 0]);
        if lane_id() == 0 {
            // SAFETY: the host keeps the word until the kernel ends.
            let refused = unsafe { &*refused };
            refused.store(u64::from(result == Err(Error::TooLong)), Ordering::Relaxed);
        }
        let _ = producer.produce(1, 240, |piece| [piece as u64, 0]);
        producer.finish();
    }

    /// One warp sends messages of the pattern without waiting until the ring is full; `accepted` gets how many it took. Leaves the
    /// stream open.
    pub unsafe fn try_until_full(ring: DeviceRing, pattern: Pattern, accepted: *const AtomicU64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let mut id = 0;
        while producer.produce_batch_within(1, &pattern.from(id), 0).is_ok() {
            id += 1;
        }
        if lane_id() == 0 {
            // SAFETY: the host keeps the word until the kernel ends.
            let accepted = unsafe { &*accepted };
            accepted.store(id, Ordering::Relaxed);
        }
        producer.pause();
    }
}
