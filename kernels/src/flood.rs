//! Kernels that do nothing but send, as fast as they can: for rates.

use perdix_gpu::intrinsics::{block_rank, warp_id, warps_per_block};
use perdix_gpu::{
    BlockProducer, DeviceRing, DeviceRings, FromFn, GridProducer, PAYLOAD_SIZE, Shard, Source,
    ThreadProducer, WarpProducer, finish_unused,
};

/// The 16 bytes `chunk` of flood message `id`; the first word of the message is the identity itself.
#[inline(always)]
pub fn flood_chunk(id: u64, chunk: usize) -> [u64; 2] {
    [id.wrapping_add(chunk as u64), !id]
}

/// Flood messages from `first` on, of `len` bytes each.
#[inline(always)]
fn flood(first: u64, len: u64) -> impl Source {
    FromFn::new(len as usize, 0, move |index, chunk| flood_chunk(first.wrapping_add(index), chunk))
}

#[inline(always)]
fn one_by_one(mut producer: WarpProducer, len: usize, count: u64) {
    let mut id = 0;
    while id < count {
        if let Err(error) = producer.produce(0, len, |chunk| flood_chunk(id, chunk)) {
            return producer.fail(error);
        }
        id += 1;
    }
    producer.finish();
}

perdix_gpu::kernel! {
    /// One thread sends messages 0 to `count` of `len` bytes, one at a time.
    pub unsafe fn flood_thread(ring: DeviceRing, len: u64, count: u64) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
        let mut id = 0;
        while id < count {
            if let Err(error) = producer.produce_with(0, len as usize, |chunk| flood_chunk(id, chunk)) {
                return producer.fail(error);
            }
            id += 1;
        }
        producer.finish();
    }

    /// One warp sends messages 0 to `count` of `len` bytes, one at a time. 240 bytes are a case of their own, as for a kernel that
    /// knows the size of its messages.
    pub unsafe fn flood_warp(ring: DeviceRing, len: u64, count: u64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        if len == PAYLOAD_SIZE as u64 {
            one_by_one(producer, PAYLOAD_SIZE, count);
        } else {
            one_by_one(producer, len as usize, count);
        }
    }

    /// One warp sends messages 0 to `count` of `len` bytes, `batch` in each call.
    pub unsafe fn flood_warp_batches(ring: DeviceRing, len: u64, count: u64, batch: u64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let mut id = 0;
        while id < count {
            let some = if count - id < batch { count - id } else { batch };
            if let Err(partial) = producer.produce_batch(some, &flood(id, len)) {
                return producer.fail(partial.error);
            }
            id += some;
        }
        producer.finish();
    }

    /// One block sends messages 0 to `count` of `len` bytes.
    pub unsafe fn flood_block(ring: DeviceRing, len: u64, count: u64) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        // An error is told to the consumer by finish.
        let _ = producer.produce_batch(count, &flood(0, len));
        producer.finish();
    }

    /// Every warp of the grid sends `count` messages of `len` bytes, 32 with one claim. Warp `w` sends the identities from
    /// `w << 40` on.
    pub unsafe fn flood_grid(ring: DeviceRing, len: u64, count: u64) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let first = (block_rank() * u64::from(warps_per_block()) + u64::from(warp_id())) << 40;
        // An error is told to the consumer by finish.
        let _ = producer.produce_batch(count, &flood(first, len));
        producer.finish();
    }

    /// Block `r` sends `count` messages of `len` bytes on ring `r`, with the identities from `r << 40` on. Blocks beyond the number
    /// of rings send nothing; rings beyond the number of blocks get nothing.
    pub unsafe fn flood_shards_block(rings: DeviceRings, len: u64, count: u64) {
        // SAFETY: the host launches nothing else on these rings, and rings without a block are used nowhere below.
        unsafe { finish_unused(rings) };
        // SAFETY: the host keeps the handles until the kernel ends.
        let Some(ring) = (unsafe { rings.get(block_rank()) }) else { return };
        // SAFETY: no other block comes to this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        // An error is told to the consumer by finish.
        let _ = producer.produce_batch(count, &flood(block_rank() << 40, len));
        producer.finish();
    }

    /// Every warp of the grid sends `count` messages of `len` bytes on its block's ring, 32 with one claim. Warp `w` of the grid
    /// sends the identities from `w << 40` on.
    pub unsafe fn flood_shards_grid(rings: DeviceRings, len: u64, count: u64) {
        // SAFETY: the host launches nothing else on these rings, and rings without a block are used nowhere below.
        unsafe { finish_unused(rings) };
        // SAFETY: the host keeps the handles until the kernel ends.
        let Ok(shard) = (unsafe { Shard::of_block(rings) }) else { return };
        // SAFETY: all warps of the shard's blocks come here.
        let Ok(mut producer) = (unsafe { GridProducer::new_among(shard.ring(), shard.warps()) }) else { return };
        let first = (block_rank() * u64::from(warps_per_block()) + u64::from(warp_id())) << 40;
        // An error is told to the consumer by finish.
        let _ = producer.produce_batch(count, &flood(first, len));
        producer.finish();
    }
}
