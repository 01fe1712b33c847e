//! Kernels that send fixed-size records: made by their number, or by the lanes of each warp as they come.

use bytemuck::NoUninit;
use perdix_gpu::intrinsics::{WARP_SIZE, block_rank, lane_id, warp_id, warps_per_block};
use perdix_gpu::{DeviceRing, GridProducer, RecordPacker, Records};

/// The kind of the messages that these kernels send.
pub const RECORD_KIND: u16 = 0x5ec0;

/// The record sizes that [`send_sized_records`] and [`pack_sized_records`] know.
pub const RECORD_SIZES: [u32; 4] = [4, 12, 16, 48];

/// A record that carries its identity, as far as it goes.
pub trait TestRecord: NoUninit {
    /// Record `id`.
    fn make(id: u64) -> Self;
}

macro_rules! test_record {
    ($($word:ty),+) => {$(
        impl<const N: usize> TestRecord for [$word; N]
        where
            [$word; N]: NoUninit,
        {
            #[inline(always)]
            fn make(id: u64) -> Self {
                let mut all = [0; N];
                for (i, word) in all.iter_mut().enumerate() {
                    *word = (id ^ (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) as $word;
                }
                all
            }
        }
    )+};
}

test_record!(u8, u16, u32, u64);

/// The bytes of test record `id` of one of the [`RECORD_SIZES`]; none, if it is another.
#[cfg(not(target_arch = "nvptx64"))]
pub fn record_bytes(size: u32, id: u64) -> Vec<u8> {
    use bytemuck::bytes_of;
    match size {
        4 => bytes_of(&<[u32; 1]>::make(id)).to_vec(),
        12 => bytes_of(&<[u32; 3]>::make(id)).to_vec(),
        16 => bytes_of(&<[u64; 2]>::make(id)).to_vec(),
        48 => bytes_of(&<[u64; 6]>::make(id)).to_vec(),
        _ => Vec::new(),
    }
}

/// Whether a lane has a record in a round of [`pack_sized_records`]. `density` 0 to 8: none, one in eight, ... all; 9: changes from
/// round to round.
#[inline(always)]
pub fn has_record(id: u64, density: u64) -> bool {
    let hash = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let density = if density == 9 { (id / 32) % 9 } else { density };
    hash % 8 < density
}

/// This warp's number in the grid.
#[inline(always)]
fn grid_warp() -> u64 {
    block_rank() * u64::from(warps_per_block()) + u64::from(warp_id())
}

perdix_gpu::kernel! {
    /// Every warp of the grid sends `count` records of 16 bytes, `[warp << 40 | i, !i]`, 32 messages with one claim and one fence.
    pub unsafe fn send_records(ring: DeviceRing, count: u64) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let first = grid_warp() << 40;
        let records = Records::new(count, RECORD_KIND, |i| [first | i, !i]);
        // An error is told to the consumer by finish.
        let _ = producer.produce_batch(records.messages(), &records);
        producer.finish();
    }

    /// In each of `count` rounds, every lane of the grid has a record of 16 bytes for its warp to pack:
    /// `[warp << 40 | i, !i]` with `i = 32 * round + lane`.
    pub unsafe fn pack_records(ring: DeviceRing, count: u64) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let first = grid_warp() << 40;
        let mut packer = RecordPacker::<[u64; 2]>::new(RECORD_KIND);
        for round in 0..count {
            let i = u64::from(WARP_SIZE) * round + u64::from(lane_id());
            if packer.push(&mut producer, true, [first | i, !i]).is_err() {
                break;
            }
        }
        // An error is told to the consumer by finish.
        let _ = packer.flush(&mut producer);
        producer.finish();
    }

    /// Every warp of the grid sends `count` test records of `size` bytes. Warp `w` sends the identities from `w << 40` on.
    pub unsafe fn send_sized_records(ring: DeviceRing, size: u32, count: u64) {
        match size {
            // SAFETY: the host launches nothing else on this ring.
            4 => unsafe { send_of::<[u32; 1]>(ring, count) },
            // SAFETY: as above.
            12 => unsafe { send_of::<[u32; 3]>(ring, count) },
            // SAFETY: as above.
            16 => unsafe { send_of::<[u64; 2]>(ring, count) },
            // SAFETY: as above.
            48 => unsafe { send_of::<[u64; 6]>(ring, count) },
            _ => {}
        }
    }

    /// In each of `count` rounds, lanes of the grid have a test record of `size` bytes for their warp to pack, as
    /// [`has_record`] says. Its identity is `warp << 40 | 32 * round + lane`.
    pub unsafe fn pack_sized_records(ring: DeviceRing, size: u32, count: u64, density: u64) {
        match size {
            // SAFETY: the host launches nothing else on this ring.
            4 => unsafe { pack_of::<[u32; 1]>(ring, count, density) },
            // SAFETY: as above.
            12 => unsafe { pack_of::<[u32; 3]>(ring, count, density) },
            // SAFETY: as above.
            16 => unsafe { pack_of::<[u64; 2]>(ring, count, density) },
            // SAFETY: as above.
            48 => unsafe { pack_of::<[u64; 6]>(ring, count, density) },
            _ => {}
        }
    }
}

/// [`send_sized_records`] for one type.
///
/// # Safety
/// As [`send_sized_records`].
#[inline(always)]
pub unsafe fn send_of<T: TestRecord>(ring: DeviceRing, count: u64) {
    // SAFETY: the caller's contract.
    let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
    let first = grid_warp() << 40;
    let records = Records::new(count, RECORD_KIND, |i| T::make(first | i));
    // An error is told to the consumer by finish.
    let _ = producer.produce_batch(records.messages(), &records);
    producer.finish();
}

/// [`pack_sized_records`] for one type.
///
/// # Safety
/// As [`pack_sized_records`].
#[inline(always)]
pub unsafe fn pack_of<T: TestRecord>(ring: DeviceRing, count: u64, density: u64) {
    // SAFETY: the caller's contract.
    let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
    let first = grid_warp() << 40;
    let mut packer = RecordPacker::<T>::new(RECORD_KIND);
    for round in 0..count {
        let id = first | (u64::from(WARP_SIZE) * round + u64::from(lane_id()));
        if packer.push(&mut producer, has_record(id, density), T::make(id)).is_err() {
            break;
        }
    }
    // An error is told to the consumer by finish.
    let _ = packer.flush(&mut producer);
    producer.finish();
}
