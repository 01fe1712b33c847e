//! Many shared words at a time on x86-64, with SSE2, which every such processor has.

use core::arch::x86_64::{
    __m128i, _MM_HINT_NTA, _MM_HINT_T0, _mm_prefetch, _mm_set1_epi64x, _mm_store_si128,
};
use core::sync::atomic::AtomicU64;

use crate::slot::{SLOT_SIZE, Slot};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Stores `value` to all words, which are pairs aligned to 16 bytes; an odd last word is left out. They belong to the caller: no other
/// thread accesses them before a later Release.
#[inline(always)]
pub(super) fn fill(words: &[AtomicU64], value: u64) {
    // SAFETY: every x86-64 processor has SSE2.
    let value = unsafe { _mm_set1_epi64x(value as i64) };
    for pair in words.chunks_exact(2) {
        // SAFETY: 16 bytes of atomics (shared mutability), aligned to 16, that nobody else accesses now.
        unsafe { _mm_store_si128(pair.as_ptr().cast::<__m128i>().cast_mut(), value) };
    }
}

/// Asks for the cache lines of the words.
#[inline(always)]
pub(super) fn prefetch(words: &[AtomicU64]) {
    let start = words.as_ptr().cast::<i8>();
    for offset in (0..size_of_val(words)).step_by(LINE) {
        // SAFETY: a hint that accesses nothing, with an address inside the words.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) };
    }
}

/// Asks for the cache lines of a slot that is to be read once: they go to the first-level cache and leave the larger ones alone, from
/// which a device's next write would have to take them back.
#[inline(always)]
pub(super) fn prefetch_once(slot: &Slot) {
    let start = core::ptr::from_ref(slot).cast::<i8>();
    for offset in (0..SLOT_SIZE).step_by(LINE) {
        // SAFETY: a hint that accesses nothing, with an address inside the slot.
        unsafe { _mm_prefetch::<_MM_HINT_NTA>(start.wrapping_add(offset)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::Ordering;

    #[repr(align(16))]
    struct Pairs([AtomicU64; 30]);

    #[test]
    fn pairs_are_filled_and_nothing_else() {
        let pairs = Pairs([const { AtomicU64::new(0) }; 30]);
        for len in (0..=30).step_by(2) {
            fill(&pairs.0[..len], 7);
            let filled = pairs.0.iter().filter(|word| word.swap(0, Ordering::Relaxed) == 7).count();
            assert_eq!(filled, len);
            prefetch(&pairs.0[..len]);
        }
    }
}
