//! Many shared words at a time on x86-64, with SSE2, which every such processor has.

use crate::chunk::Chunk16;
use crate::slot::{SLOT_SIZE, Slot};
use core::arch::x86_64::{__m128i, _MM_HINT_NTA, _mm_prefetch, _mm_set1_epi64x};

/// Bytes of a cache line.
const LINE: usize = 64;

/// Stores `value` to all words of the chunks.
///
/// # Safety
/// No other thread accesses them before a later Release.
#[inline(always)]
pub(super) unsafe fn fill(chunks: &[Chunk16], value: u64) {
    // SAFETY: every x86-64 processor has SSE2.
    let value = unsafe { _mm_set1_epi64x(value as i64) };
    for chunk in chunks {
        let words = core::ptr::from_ref(chunk).cast::<__m128i>().cast_mut();
        // Volatile, since another process may break its promise: then the store is made as it stands
        // here, whatever that one does.
        // SAFETY: a chunk is 16 bytes of atomics (shared mutability), aligned to 16, and ours by
        // the contract.
        unsafe { words.write_volatile(value) };
    }
}

/// Asks for the cache lines of a slot that is to be read once: they go to the first-level cache and
/// leave the larger ones alone, from which a device's next write would have to take them back.
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
    use core::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn chunks_are_filled_and_nothing_else() {
        let word = || AtomicU64::new(0);
        let slot = Slot { seq: word(), meta: word(), payload: [const { AtomicU64::new(0) }; 30] };
        for len in 0..=15 {
            // SAFETY: the slot is this thread's.
            unsafe { fill(&slot.payload_chunks()[..len], 7) };
            let filled = slot.payload.iter().filter(|word| word.swap(0, Ordering::Relaxed) == 7).count();
            assert_eq!(filled, 2 * len);
        }
    }
}
