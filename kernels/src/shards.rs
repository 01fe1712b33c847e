//! Kernels that spread test messages over several rings.

use perdix_gpu::intrinsics::{block_rank, warp_id, warps_per_block};
use perdix_gpu::{BlockProducer, DeviceRings, GridProducer, Shard, finish_unused};

use crate::pattern::Pattern;

perdix_gpu::kernel! {
    /// Block `r` sends `count` messages of the pattern on ring `r`, `batch` in each call, with the identities from `r << 40` on.
    /// Blocks beyond the number of rings send nothing; rings beyond the number of blocks get nothing.
    pub unsafe fn send_shards_block(rings: DeviceRings, pattern: Pattern, count: u64, batch: u64) {
        // SAFETY: the host launches nothing else on these rings, and rings without a block are used nowhere below.
        unsafe { finish_unused(rings) };
        // SAFETY: the host keeps the handles until the kernel ends.
        let Some(ring) = (unsafe { rings.get(block_rank()) }) else { return };
        // SAFETY: no other block comes to this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let first = block_rank() << 40;
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

    /// Every warp of the grid sends `count` messages of the pattern on its block's ring, `batch` (1 to 32) with one claim and one
    /// fence. Warp `w` of the grid sends the identities from `w << 40` on.
    pub unsafe fn send_shards_grid(rings: DeviceRings, pattern: Pattern, count: u64, batch: u64) {
        // SAFETY: the host launches nothing else on these rings, and rings without a block are used nowhere below.
        unsafe { finish_unused(rings) };
        // SAFETY: the host keeps the handles until the kernel ends.
        let Ok(shard) = (unsafe { Shard::of_block(rings) }) else { return };
        // SAFETY: all warps of the shard's blocks come here.
        let Ok(mut producer) = (unsafe { GridProducer::new_among(shard.ring(), shard.warps()) }) else { return };
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
}
