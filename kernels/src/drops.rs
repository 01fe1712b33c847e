//! Kernels that would rather drop messages than wait, one per granularity: what the consumer receives and what it is told to be
//! missing add up.

use perdix_gpu::intrinsics::{block_rank, sleep_ns, warp_id, warps_per_block};
use perdix_gpu::{BlockProducer, DeviceRing, GridProducer, PAYLOAD_SIZE, ThreadProducer, WarpProducer};

use crate::pattern::Pattern;

perdix_gpu::kernel! {
    /// One thread sends or drops messages 0 to `count` of the pattern, and pauses for `pause_ns` (below 1 ms) after every `burst` (at
    /// least 1).
    pub unsafe fn drop_thread(ring: DeviceRing, pattern: Pattern, count: u64, burst: u64, pause_ns: u64) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
        let mut words = [0_u64; PAYLOAD_SIZE / 8];
        let mut id = 0;
        while id < count {
            for (i, word) in words.iter_mut().enumerate() {
                *word = pattern.word(id, i as u64);
            }
            // SAFETY: a message is no longer than the words.
            let message = unsafe { core::slice::from_raw_parts(words.as_ptr().cast::<u8>(), pattern.len(id)) };
            if let Err(error) = producer.produce_or_drop(pattern.kind(id), message) {
                return producer.fail(error);
            }
            id += 1;
            pause(id, burst, pause_ns);
        }
        producer.finish();
    }

    /// The same by one warp.
    pub unsafe fn drop_warp(ring: DeviceRing, pattern: Pattern, count: u64, burst: u64, pause_ns: u64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let mut id = 0;
        while id < count {
            let chunk = |chunk: usize| [pattern.word(id, 2 * chunk as u64), pattern.word(id, 2 * chunk as u64 + 1)];
            if let Err(error) = producer.produce_or_drop(pattern.kind(id), pattern.len(id), chunk) {
                return producer.fail(error);
            }
            id += 1;
            pause(id, burst, pause_ns);
        }
        producer.finish();
    }

    /// The same by one block, which sends or drops bursts as a whole.
    pub unsafe fn drop_block(ring: DeviceRing, pattern: Pattern, count: u64, burst: u64, pause_ns: u64) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let mut id = 0;
        while id < count {
            let some = if count - id < burst { count - id } else { burst };
            if producer.produce_batch_or_drop(some, &pattern.from(id)).is_err() {
                break;
            }
            id += some;
            pause(id, burst, pause_ns);
        }
        producer.finish();
    }

    /// The same by every warp of the grid: warp `w` has the identities from `w << 40` on.
    pub unsafe fn drop_grid(ring: DeviceRing, pattern: Pattern, count: u64, burst: u64, pause_ns: u64) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let first = (block_rank() * u64::from(warps_per_block()) + u64::from(warp_id())) << 40;
        let mut sent = 0;
        while sent < count {
            let id = first + sent;
            let chunk = |chunk: usize| [pattern.word(id, 2 * chunk as u64), pattern.word(id, 2 * chunk as u64 + 1)];
            if producer.produce_or_drop(pattern.kind(id), pattern.len(id), chunk).is_err() {
                break;
            }
            sent += 1;
            pause(sent, burst, pause_ns);
        }
        producer.finish();
    }
}

#[inline(always)]
fn pause(sent: u64, burst: u64, pause_ns: u64) {
    if pause_ns != 0 && sent % burst == 0 {
        sleep_ns(pause_ns as u32);
    }
}
