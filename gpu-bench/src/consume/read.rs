//! Reading every byte, so fast that reading is not what is measured.

use std::hint::black_box;

/// Whether the processor has 32-byte registers for integers.
pub fn is_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// The sum of all bytes' words. Written so that the compiler adds four words at a time where the function that this is inlined
/// into may use 32-byte registers.
#[inline(always)]
pub fn sum(bytes: &[u8]) -> u64 {
    match <&[u8; 240]>::try_from(bytes) {
        // A payload begins 16 bytes behind a slot: after its first 16 bytes, each 32 lie in one cache line.
        Ok(payload) => {
            let (front, rest) = payload.split_at(16);
            lanes(rest).wrapping_add(words(front))
        }
        Err(_) => words(bytes),
    }
}

#[inline(always)]
fn lanes(bytes: &[u8]) -> u64 {
    let mut lanes = [0_u64; 4];
    for chunk in bytes.chunks_exact(32) {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            *lane = lane.wrapping_add(u64_of(word));
        }
    }
    lanes.into_iter().fold(0, u64::wrapping_add)
}

#[inline(always)]
fn words(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let rest = words.remainder().iter().fold(0, |sum, byte| sum + u64::from(*byte));
    words.fold(rest, |sum, word| sum.wrapping_add(u64_of(word)))
}

/// The first word of a message; 0 if it is shorter than a word.
#[inline(always)]
pub fn first_word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

#[inline(always)]
fn u64_of(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// Does `work`, compiled for 32-byte registers where the processor has them (`wide`, from [`is_wide`]).
#[inline(always)]
pub fn widely<R>(wide: bool, work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    if wide {
        // SAFETY: the processor has AVX2.
        return unsafe { with_avx2(work) };
    }
    let _ = wide;
    work()
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Keeps the compiler from leaving out what was read.
#[inline(always)]
pub fn keep(sum: u64) {
    black_box(sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        for len in [0, 1, 7, 8, 9, 64, 239, 240] {
            let mut bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let before = sum(&bytes);
            assert_eq!(widely(is_wide(), || sum(&bytes)), before);
            for at in 0..bytes.len() {
                bytes[at] ^= 0x40;
                assert_ne!(sum(&bytes), before, "byte {at} of {len}");
                bytes[at] ^= 0x40;
            }
        }
    }

    #[test]
    fn the_first_word_is_the_identity() {
        assert_eq!(first_word(&[1, 2, 0, 0, 0, 0, 0, 0, 9]), 0x201);
        assert_eq!(first_word(&[1, 2]), 0);
    }
}
