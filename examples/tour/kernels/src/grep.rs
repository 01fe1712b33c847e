//! Search in a text.

use perdix_gpu::intrinsics::{block_rank, blocks, lane_id, warp_id, warps_per_block};
use perdix_gpu::{DeviceRing, GridProducer, RecordPacker};

use crate::Span;

/// Offsets that a warp looks at in one step.
const STEP: u64 = 32;

perdix_gpu::kernel! {
    /// Sends the offset in bytes of every place in `text` where `needle` begins, as `u64` records of kind 1, in no particular order. Any
    /// number of blocks of whole warps: the warps share the text.
    pub unsafe fn grep(ring: DeviceRing, text: Span<u8>, needle: Span<u8>) {
        // SAFETY: the host launches nothing else on this ring, and blocks of whole warps.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let mut packer = RecordPacker::<u64>::new(1);
        let warps = blocks() * u64::from(warps_per_block());
        let warp = block_rank() * u64::from(warps_per_block()) + u64::from(warp_id());
        let mut step = STEP * warp;
        // All lanes of the warp take as many steps.
        while step < text.len() {
            let offset = step + u64::from(lane_id());
            // SAFETY: the host passes bytes that stay as they are.
            let found = unsafe { begins_at(text, needle, offset) };
            if packer.push(&mut producer, found, offset).is_err() {
                break;
            }
            step += STEP * warps;
        }
        // If it fails, `finish` tells the consumer why.
        let _ = packer.flush(&mut producer);
        producer.finish();
    }
}

/// Whether `needle` begins at this offset of the text.
///
/// # Safety
/// The bytes of both are there and nobody writes them.
#[inline(always)]
unsafe fn begins_at(text: Span<u8>, needle: Span<u8>, offset: u64) -> bool {
    let mut i = 0;
    while i < needle.len() {
        // SAFETY: the caller's contract.
        let (here, wanted) = unsafe { (text.get(offset + i), needle.get(i)) };
        if here.is_none() || here != wanted {
            return false;
        }
        i += 1;
    }
    !needle.is_empty()
}
