//! Work that is split among rings.

use perdix_gpu::intrinsics::{block_rank, blocks, lane_id, warp_id, warps_per_block};
use perdix_gpu::{DeviceRing, GridProducer};

/// Numbers that one message tells of.
pub const PIECE: u64 = 1024;

/// A message: how many primes there are in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Count {
    /// The piece: numbers from `piece * PIECE` on.
    pub piece: u64,
    /// Primes among them.
    pub primes: u64,
}

impl Count {
    /// Reads a message; `None` if it has another length.
    pub fn read(message: &[u8]) -> Option<Self> {
        let (piece, primes) = message.split_at_checked(8)?;
        let word = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
        Some(Self { piece: word(piece)?, primes: word(primes)? })
    }
}

perdix_gpu::kernel! {
    /// Counts the primes of the pieces `first`, `first + stride` and so on below `end`, a [`Count`] for each. Any number of blocks of
    /// whole warps.
    pub unsafe fn primes(ring: DeviceRing, first: u64, stride: u64, end: u64) {
        // SAFETY: the host launches nothing else on this ring, and blocks of whole warps.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let warps = blocks() * u64::from(warps_per_block());
        let mut piece = first + stride * (block_rank() * u64::from(warps_per_block()) + u64::from(warp_id()));
        while piece < end {
            let mut primes = 0;
            let mut number = piece * PIECE + u64::from(lane_id());
            for _ in 0..PIECE / 32 {
                primes += u64::from(producer.warp().ballot(is_prime(number)).count_ones());
                number += 32;
            }
            if producer.produce(0, 16, |_chunk| [piece, primes]).is_err() {
                break;
            }
            piece += stride * warps;
        }
        producer.finish();
    }
}

/// Whether a number is a prime: by division, which keeps a GPU busy.
fn is_prime(number: u64) -> bool {
    if number < 4 || number % 2 == 0 {
        return number == 2 || number == 3;
    }
    let mut divisor = 3;
    while divisor * divisor <= number {
        if number % divisor == 0 {
            return false;
        }
        divisor += 2;
    }
    true
}
