//! A kernel that looks for twin primes and sends them as it finds them.
//!
//! The crate is compiled twice: to PTX by the program's build script, and for the host, whose tests run the same code on
//! emulated lanes, and which reads the messages with [`Found`].
#![cfg_attr(target_arch = "nvptx64", no_std, feature(abi_ptx))]

use perdix_gpu::intrinsics::{block_rank, blocks, lane_id, warp_id, warps_per_block};
use perdix_gpu::{DeviceRing, GridProducer};

/// A warp looks at this many numbers at a time: one odd number for each of its 32 lanes.
pub const WINDOW: u64 = 64;

/// Bytes of a message.
pub const MESSAGE_LEN: usize = size_of::<Found>();

/// A message: the twin primes of one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Found {
    /// The window's first number, a multiple of [`WINDOW`].
    pub first: u64,
    /// Bit `i` is set if `first + 2 * i + 1` and the next odd number are primes.
    pub mask: u64,
}

impl Found {
    /// Reads a message; `None` if it has another length.
    pub fn read(message: &[u8]) -> Option<Self> {
        let (first, mask) = message.split_at_checked(size_of::<u64>())?;
        let word = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
        Some(Self { first: word(first)?, mask: word(mask)? })
    }

    /// The lesser prime of each pair.
    pub fn primes(self) -> impl Iterator<Item = u64> {
        (0..u64::from(u32::BITS))
            .filter(move |i| self.mask >> i & 1 == 1)
            .map(move |i| self.first + 2 * i + 1)
    }
}

perdix_gpu::kernel! {
    /// Sends a [`Found`] for each window below `end` that has twin primes whose lesser one is below `end`. Any number of blocks
    /// of whole warps: the warps share the windows.
    pub unsafe fn twin_primes(ring: DeviceRing, end: u64) {
        // SAFETY: the host launches nothing else on this ring, and blocks of whole warps.
        let Ok(mut producer) = (unsafe { GridProducer::new(ring) }) else { return };
        let warps = blocks() * u64::from(warps_per_block());
        let mut first = WINDOW * (block_rank() * u64::from(warps_per_block()) + u64::from(warp_id()));
        while first < end {
            let number = first + 2 * u64::from(lane_id()) + 1;
            let is_twin = number < end && is_prime(number) && is_prime(number + 2);
            let mask = producer.warp().ballot(is_twin);
            // All lanes have the same mask, so they send together or not at all.
            if mask != 0 && producer.produce(0, MESSAGE_LEN, |_chunk| [first, u64::from(mask)]).is_err() {
                break;
            }
            first += WINDOW * warps;
        }
        producer.finish();
    }
}

/// Whether an odd number is a prime: by division, which keeps a GPU busy.
fn is_prime(odd: u64) -> bool {
    let mut divisor = 3;
    while divisor * divisor <= odd {
        if odd % divisor == 0 {
            return false;
        }
        divisor += 2;
    }
    odd > 1
}

#[cfg(test)]
mod tests {
    use perdix_gpu::Mode;
    use perdix_gpu::emulation::{EmulatedRing, launch};

    use super::*;

    #[test]
    fn twins_below_a_hundred_are_found() {
        for mode in [Mode::Fenced, Mode::FenceFree] {
            let mut ring = EmulatedRing::new(8, mode);
            // SAFETY: two blocks of one warp on a ring that outlives the launch.
            assert!(launch(2, 32, || unsafe { twin_primes(ring.handle(), 100) }));
            let found = ring.received().into_iter().map(|(_, message)| Found::read(&message).unwrap());
            let mut primes: Vec<u64> = found.flat_map(Found::primes).collect();
            primes.sort_unstable();
            assert_eq!(primes, [3, 5, 11, 17, 29, 41, 59, 71]);
        }
    }

    #[test]
    fn other_messages_are_refused() {
        assert_eq!(Found::read(&[0; 15]), None);
        assert_eq!(Found::read(&[0; 17]), None);
        assert_eq!(Found::read(&[0; 16]), Some(Found { first: 0, mask: 0 }));
    }
}
