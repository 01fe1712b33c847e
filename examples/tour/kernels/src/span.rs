//! Values that lie one after the other where the kernel can read them.

use perdix_gpu::KernelArg;

/// An address and a number of values there: what a slice is, as a kernel parameter.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Span<T> {
    first: *const T,
    len: u64,
}

impl<T: Copy + 'static> KernelArg for Span<T> {}

// SAFETY: an address and a number; reading through it is `get`'s business.
unsafe impl<T: Sync> Send for Span<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Span<T> {}

impl<T: Copy> Span<T> {
    /// `len` values from this address on.
    pub fn new(first: *const T, len: u64) -> Self {
        Self { first, len }
    }

    /// How many values there are.
    #[inline(always)]
    pub fn len(self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The value at `index`; `None` beyond the last.
    ///
    /// # Safety
    /// The values are there and nobody writes them.
    #[inline(always)]
    pub unsafe fn get(self, index: u64) -> Option<T> {
        // SAFETY: inside, by the comparison and the caller's contract.
        (index < self.len).then(|| unsafe { self.first.wrapping_add(index as usize).read() })
    }
}
