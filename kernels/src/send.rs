//! Kernels that send test messages, one per granularity, and one that sends bytes.

use perdix_gpu::intrinsics::{WARP_SIZE, block_rank, warp_id, warps_per_block};
use perdix_gpu::{
    BlockProducer, Bytes, DeviceRing, Error, GridProducer, PAYLOAD_SIZE, ThreadProducer, WarpProducer,
};

use crate::pattern::Pattern;

perdix_gpu::kernel! {
    /// One thread sends messages 0 to `count` of the pattern, `batch` (at least 1) under one fence.
    pub unsafe fn send_thread(ring: DeviceRing, pattern: Pattern, count: u64, batch: u64) {
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
            let kind = pattern.kind(id);
            let mut result = if batch > 1 { producer.stage(kind, message) } else { producer.produce(kind, message) };
            if batch > 1 {
                if result == Err(Error::Full) {
                    producer.publish();
                    result = producer.produce(kind, message);
                } else if (id + 1) % batch == 0 {
                    producer.publish();
                }
            }
            if let Err(error) = result {
                producer.publish();
                return producer.fail(error);
            }
            id += 1;
        }
        producer.publish();
        producer.finish();
    }

    /// One warp sends messages 0 to `count` of the pattern, `batch` (1 to 32) under one fence.
    pub unsafe fn send_warp(ring: DeviceRing, pattern: Pattern, count: u64, batch: u64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let mut id = 0;
        while id < count {
            let some = if count - id < batch { count - id } else { batch };
            if let Err(partial) = producer.produce_batch(some, &pattern.from(id)) {
                return producer.fail(partial.error);
            }
            id += some;
        }
        producer.finish();
    }

    /// One block sends messages 0 to `count` of the pattern, `batch` in each call.
    pub unsafe fn send_block(ring: DeviceRing, pattern: Pattern, count: u64, batch: u64) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let mut id = 0;
        while id < count {
            let some = if count - id < batch { count - id } else { batch };
            if producer.produce_batch(some, &pattern.from(id)).is_err() {
                break;
            }
            id += some;
        }
        producer.finish();
    }

    /// Every warp of the grid sends `count` messages of the pattern, `batch` (1 to 32) with one claim and one fence. Warp `w` sends
    /// the identities from `w << 40` on.
    pub unsafe fn send_grid(ring: DeviceRing, pattern: Pattern, count: u64, batch: u64) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let first = (block_rank() * u64::from(warps_per_block()) + u64::from(warp_id())) << 40;
        let mut sent = 0;
        while sent < count {
            let some = if count - sent < batch { count - sent } else { batch };
            if producer.produce_batch(some, &pattern.from(first + sent)).is_err() {
                break;
            }
            sent += some;
        }
        producer.finish();
    }

    /// One block sends `len` bytes at `data`, cut into messages of 240, in order.
    pub unsafe fn send_bytes(ring: DeviceRing, data: *const u8, len: u64) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        // SAFETY: the host keeps the bytes as they are until the kernel ends.
        let bytes = unsafe { Bytes::new(data, len, 0) };
        // An error is told to the consumer by finish.
        let _ = producer.produce_batch(bytes.messages(), &bytes);
        producer.finish();
    }
}

const _: () = assert!(WARP_SIZE == 32);
