//! Partial results of a reduction, on memory that another library allocated.

use perdix_gpu::intrinsics::{block_rank, blocks, lane_id};
use perdix_gpu::{DeviceRing, GridProducer};

use crate::Span;

perdix_gpu::kernel! {
    /// Each block, of one warp, sends the sum of the squares of its share of `values`, 16 bytes: its index and the sum. The blocks take
    /// the values in turns, 32 at a time.
    pub unsafe fn energy(ring: DeviceRing, values: Span<i32>) {
        // SAFETY: the host launches nothing else on this ring, and blocks of one warp.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let mut sum = 0_u64;
        let mut step = 32 * block_rank();
        while step < values.len() {
            // SAFETY: the host passes values that stay as they are.
            let value = unsafe { values.get(step + u64::from(lane_id())) }.unwrap_or(0);
            sum += u64::from(value.unsigned_abs()).pow(2);
            step += 32 * blocks();
        }
        for distance in [16, 8, 4, 2, 1] {
            sum += producer.warp().shuffle_u64(sum, lane_id() ^ distance);
        }
        // If it fails, `finish` tells the consumer why.
        let _ = producer.produce(0, 16, |_chunk| [block_rank(), sum]);
        producer.finish();
    }
}
