//! 16 bytes of a slot: what one lane of a GPU stores at a time.

use core::sync::atomic::AtomicU64;

/// Two neighbouring words of a slot, aligned to 16 bytes: chunk 0 of a slot is its header, the
/// others are its payload.
///
/// Whoever has a reference knows that both words are there and aligned, so that one 16-byte access
/// may reach them. A [`Slot`](crate::Slot) gives its chunks out; any other two words are none:
///
/// ```compile_fail,E0308
/// # use perdix_core::Word;
/// # use std::sync::atomic::AtomicU64;
/// let words = [const { AtomicU64::new(0) }; 2];
/// AtomicU64::store_chunk(&words, [1, 2]); // where do they lie?
/// ```
/// ```compile_fail,E0423
/// # use std::sync::atomic::AtomicU64;
/// let chunk = perdix_core::Chunk16([AtomicU64::new(0), AtomicU64::new(0)]); // its field is private
/// ```
#[repr(transparent)]
#[derive(Debug)]
pub struct Chunk16<W = AtomicU64>([W; 2]);

impl<W> Chunk16<W> {
    /// These words as a chunk.
    ///
    /// # Safety
    /// They are aligned to 16 bytes.
    #[inline(always)]
    pub const unsafe fn new(words: &[W; 2]) -> &Self {
        let chunk = core::ptr::from_ref(words).cast();
        // SAFETY: a chunk is laid out as two words.
        unsafe { &*chunk }
    }

    /// The words, the lower address first.
    #[inline(always)]
    pub const fn words(&self) -> [&W; 2] {
        let [low, high] = &self.0;
        [low, high]
    }

    /// The words of a slot or of its payload as chunks; `N` is half of `WORDS`.
    ///
    /// # Safety
    /// The first word is aligned to 16 bytes (if words have 8).
    #[inline(always)]
    pub(crate) const unsafe fn all<const WORDS: usize, const N: usize>(words: &[W; WORDS]) -> &[Self; N] {
        const { assert!(2 * N == WORDS, "a chunk has two words") };
        let chunks = core::ptr::from_ref(words).cast::<[Self; N]>();
        // SAFETY: `N` chunks are as many words in a row, since a chunk is laid out as two words.
        unsafe { &*chunks }
    }
}
