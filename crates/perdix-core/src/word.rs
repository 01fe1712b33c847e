//! The seam under the protocol: one 8-byte shared word.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::chunk::Chunk16;
use crate::slot::SENTINEL;
use crate::slot::Slot;

#[cfg(target_arch = "x86_64")]
mod x86;

/// One 8-byte word of shared memory, as the protocol uses it.
///
/// The protocol is written once over this trait. [`AtomicU64`] is the implementation for CPUs and
/// GPUs; the tests implement it with a model checker's atomics, so that the very same code is
/// explored there.
///
/// The `plain` methods move payload without atomics. They are what makes a publication order
/// necessary: the protocol calls them only while the slot belongs to the caller.
///
/// # Safety
/// `load` and `store` must be atomic accesses of 8 bytes with at least the order asked for, and
/// `fence` a fence of that order between them. An implementation must have the size and alignment
/// of a `u64` wherever it is used with [`Ring::init`](crate::Ring::init) or
/// [`Ring::attach`](crate::Ring::attach).
pub unsafe trait Word: Sized + Sync {
    /// Loads the word.
    fn load(&self, order: Ordering) -> u64;

    /// Stores the word.
    fn store(&self, value: u64, order: Ordering);

    /// A fence between the accesses of this side, as [`core::sync::atomic::fence`].
    fn fence(order: Ordering);

    /// Stores a chunk whose words nothing else orders, as one 16-byte store where the target has it
    /// (which the link may still split in two). The fence-free publication is made of these.
    fn store_chunk(chunk: &Chunk16<Self>, values: [u64; 2]) {
        let [low, high] = chunk.words();
        low.store(values[0], Ordering::Relaxed);
        high.store(values[1], Ordering::Relaxed);
    }

    /// Writes a chunk of payload that a later Release publishes, in the target's cheapest way.
    ///
    /// # Safety
    /// No other thread accesses these words until then.
    unsafe fn write_chunk(chunk: &Chunk16<Self>, values: [u64; 2]) {
        let [low, high] = chunk.words();
        low.store(values[0], Ordering::Relaxed);
        high.store(values[1], Ordering::Relaxed);
    }

    /// Puts the sentinel back into a word of a slot that is about to be released.
    fn rearm(&self) {
        self.store(SENTINEL, Ordering::Relaxed);
    }

    /// Stores the value that the word has, so that its cache line is this core's own afterwards. No
    /// other thread writes it.
    fn write_back(&self) {
        self.store(self.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Begins to fetch the word's cache line, where the target has an instruction for it.
    fn prefetch(&self) {}

    /// Which of the first 32 words hold the sentinel: bit `i` for `words[i]`.
    fn pending(words: &[Self]) -> u32 {
        words
            .iter()
            .take(32)
            .enumerate()
            .fold(0, |mask, (i, word)| mask | (u32::from(word.load(Ordering::Relaxed) == SENTINEL) << i))
    }

    /// Whether any of the words holds the sentinel; looks at all of them, without branches.
    #[inline(always)]
    fn any_pending(words: &[Self]) -> bool {
        words.iter().fold(false, |any, word| any | (word.load(Ordering::Relaxed) == SENTINEL))
    }

    /// [`rearm`](Self::rearm)s the words of these chunks, in the target's cheapest way.
    ///
    /// # Safety
    /// No other thread accesses these words until a later Release gives them away.
    #[inline(always)]
    unsafe fn rearm_chunks(chunks: &[Chunk16<Self>]) {
        chunks.iter().flat_map(Chunk16::words).for_each(Self::rearm);
    }

    /// Asks for the cache lines of a slot that is to be read once; changes nothing.
    #[inline(always)]
    fn prefetch_once(_slot: &Slot<Self>) {}

    /// Loads a word of payload that has been published: atomically, so that a writer who breaks the
    /// protocol can make it any value, and nothing worse.
    #[inline(always)]
    fn read_published(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    /// Copies `bytes` to the front of `words`; what does not fit is left out. The rest of the last
    /// word written keeps its bytes or becomes zero.
    ///
    /// # Safety
    /// No other thread accesses these words until a later Release publishes them.
    unsafe fn write_plain(words: &[Self], bytes: &[u8]);

    /// Copies from the front of `words` into `bytes`, up to the shorter of the two.
    ///
    /// # Safety
    /// An Acquire has ordered this after every write to these words, and nobody writes them
    /// meanwhile.
    unsafe fn read_plain(words: &[Self], bytes: &mut [u8]);
}

// SAFETY: AtomicU64 is exactly such a word, on every target that has it.
unsafe impl Word for AtomicU64 {
    #[inline(always)]
    fn load(&self, order: Ordering) -> u64 {
        self.load(order)
    }

    #[inline(always)]
    fn store(&self, value: u64, order: Ordering) {
        self.store(value, order);
    }

    #[inline(always)]
    fn fence(order: Ordering) {
        core::sync::atomic::fence(order);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn rearm_chunks(chunks: &[Chunk16<Self>]) {
        // SAFETY: the caller's contract.
        unsafe { x86::fill(chunks, SENTINEL) };
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn prefetch_once(slot: &Slot<Self>) {
        x86::prefetch_once(slot);
    }

    /// On a CPU with Release, which costs nothing on x86 and makes the consumer's later plain reads
    /// free of data races in the language's terms too (they follow an Acquire fence).
    #[cfg(not(target_arch = "nvptx64"))]
    #[inline(always)]
    fn store_chunk(chunk: &Chunk16<Self>, values: [u64; 2]) {
        let [low, high] = chunk.words();
        low.store(values[0], Ordering::Release);
        high.store(values[1], Ordering::Release);
    }

    #[cfg(target_arch = "nvptx64")]
    #[inline(always)]
    fn store_chunk(chunk: &Chunk16<Self>, values: [u64; 2]) {
        // SAFETY: a chunk is two neighbouring words, aligned to 16 bytes, that allow shared writes.
        unsafe {
            core::arch::asm!(
                "st.relaxed.sys.v2.u64 [{}], {{{}, {}}};",
                in(reg64) core::ptr::from_ref(chunk), in(reg64) values[0], in(reg64) values[1],
                options(nostack, preserves_flags)
            );
        }
    }

    /// Weak stores: a GPU takes 32 ns for each relaxed store of a thread to host memory, one after
    /// the other.
    #[cfg(target_arch = "nvptx64")]
    #[inline(always)]
    unsafe fn write_chunk(chunk: &Chunk16<Self>, values: [u64; 2]) {
        let value = u128::from(values[0]) | u128::from(values[1]) << 64;
        // SAFETY: a chunk is 16 bytes of atomics, which allow shared writes, aligned to 16.
        let words = unsafe { &*core::ptr::from_ref(chunk).cast::<core::cell::UnsafeCell<u128>>() };
        // SAFETY: the chunk is ours alone by the contract.
        unsafe { *words.get() = value };
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn prefetch(&self) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint that accesses no memory, on an instruction that every x86-64 has.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(self.as_ptr().cast::<i8>()) };
    }

    #[inline(always)]
    unsafe fn write_plain(words: &[Self], bytes: &[u8]) {
        let n = bytes.len().min(size_of_val(words));
        let to = words.as_ptr().cast::<u8>().cast_mut();
        // SAFETY: `n` bytes lie in both; the words are atomics (shared mutability) and ours by the
        // contract.
        unsafe { copy_bytes(bytes.as_ptr(), to, n) };
    }

    #[inline(always)]
    unsafe fn read_plain(words: &[Self], bytes: &mut [u8]) {
        let n = bytes.len().min(size_of_val(words));
        // SAFETY: `n` bytes lie in both, and by the contract nobody writes the words now.
        unsafe { core::ptr::copy_nonoverlapping(words.as_ptr().cast::<u8>(), bytes.as_mut_ptr(), n) };
    }
}

/// Copies bytes the best way the target has.
///
/// # Safety
/// As [`core::ptr::copy_nonoverlapping`]; `to` is aligned to 16 bytes.
#[inline(always)]
unsafe fn copy_bytes(from: *const u8, to: *mut u8, n: usize) {
    #[cfg(not(target_arch = "nvptx64"))]
    // SAFETY: the caller's contract.
    unsafe {
        core::ptr::copy_nonoverlapping(from, to, n);
    }
    // A GPU thread copies byte by byte unless told that it need not.
    #[cfg(target_arch = "nvptx64")]
    {
        let mut done = 0;
        if from as usize % 16 == 0 {
            while done + 16 <= n {
                // SAFETY: both lie within `n` bytes, and both are aligned to 16 bytes.
                unsafe { *to.add(done).cast::<u128>() = *from.add(done).cast::<u128>() };
                done += 16;
            }
        } else if from as usize % 8 == 0 {
            while done + 8 <= n {
                // SAFETY: both lie within `n` bytes, and both are aligned to 8 bytes.
                unsafe { *to.add(done).cast::<u64>() = *from.add(done).cast::<u64>() };
                done += 8;
            }
        }
        while done < n {
            // SAFETY: both lie within `n` bytes.
            unsafe { *to.add(done) = *from.add(done) };
            done += 1;
        }
    }
}
