//! Where the messages of a batch come from.

use perdix_core::PAYLOAD_SIZE;

/// Messages for a batch, asked for in 16-byte chunks, each by the lane that will store it.
///
/// Each lane calls the methods by itself, in any order, more than once, while other lanes do
/// something else. So they must not depend on who calls, and cannot use operations of the whole
/// warp: those need a [`Warp`](crate::Warp) token, of which nothing that is [`Sync`] can make use.
/// (A closure that reads through a raw pointer is not `Sync`: make a slice of it outside of the
/// closure.)
pub trait Source: Sync {
    /// Bytes of message `index` of the batch; at most 240.
    fn len(&self, index: u64) -> usize;

    /// The tag of message `index`.
    fn kind(&self, index: u64) -> u16;

    /// Bytes `16 * chunk` to `16 * chunk + 16` of message `index`, little-endian; what lies beyond
    /// its length is ignored.
    fn chunk(&self, index: u64, chunk: usize) -> [u64; 2];

    /// [`chunk`](Self::chunk), or zeros if it lies wholly beyond `len` bytes.
    #[inline(always)]
    fn chunk_within(&self, index: u64, chunk: usize, len: usize) -> [u64; 2] {
        if 16_usize.wrapping_mul(chunk) < len { self.chunk(index, chunk) } else { [0; 2] }
    }
}

/// Bytes cut into messages of 240; the last one may be shorter.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    start: *const u8,
    len: u64,
    kind: u16,
}

// SAFETY: by the contract of `new` the bytes are readable by all lanes, and do not change.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// `len` bytes at `start`, in any memory the device can read; fastest when aligned to 16.
    ///
    /// # Safety
    /// The bytes are readable and do not change until the batch is sent.
    #[inline(always)]
    pub unsafe fn new(start: *const u8, len: u64, kind: u16) -> Self {
        Self { start, len, kind }
    }

    /// How many messages that makes.
    #[inline(always)]
    pub fn messages(&self) -> u64 {
        self.len.div_ceil(PAYLOAD_SIZE as u64)
    }
}

impl Source for Bytes {
    #[inline(always)]
    fn len(&self, index: u64) -> usize {
        let left = self.len.saturating_sub(index.wrapping_mul(PAYLOAD_SIZE as u64));
        if left > PAYLOAD_SIZE as u64 { PAYLOAD_SIZE } else { left as usize }
    }

    #[inline(always)]
    fn kind(&self, _index: u64) -> u16 {
        self.kind
    }

    #[inline(always)]
    fn chunk(&self, index: u64, chunk: usize) -> [u64; 2] {
        // An offset that wraps lies in the bytes too, or nothing is left.
        let offset = index.wrapping_mul(PAYLOAD_SIZE as u64).wrapping_add((chunk as u64).wrapping_mul(16));
        let left = self.len.saturating_sub(offset);
        // SAFETY: `offset + left` is at most the length, by the contract of `new`.
        unsafe {
            read_chunk(self.start.wrapping_add(offset as usize), if left > 16 { 16 } else { left as usize })
        }
    }
}

/// Up to 16 bytes at `start`, zero-padded.
///
/// # Safety
/// `len` bytes at `start` are readable.
#[inline(always)]
pub(crate) unsafe fn read_chunk(start: *const u8, len: usize) -> [u64; 2] {
    if len == 16 && start as usize % 16 == 0 {
        // SAFETY: 16 aligned, readable bytes.
        let value = unsafe { *start.cast::<u128>() };
        return [value as u64, (value >> 64) as u64];
    }
    let mut value = [0; 2];
    for i in 0..len {
        // SAFETY: inside the readable bytes.
        let byte = unsafe { *start.wrapping_add(i) };
        let shifted = u64::from(byte) << (8 * (i % 8));
        if i < 8 { value[0] |= shifted } else { value[1] |= shifted }
    }
    value
}

/// Messages of one length and kind whose chunks a closure makes.
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F> {
    len: usize,
    kind: u16,
    make: F,
}

impl<F: Fn(u64, usize) -> [u64; 2] + Sync> FromFn<F> {
    /// Messages of `len` bytes; `make(index, chunk)` returns 16 bytes of message `index` of the
    /// batch.
    #[inline(always)]
    pub fn new(len: usize, kind: u16, make: F) -> Self {
        Self { len, kind, make }
    }
}

impl<F: Fn(u64, usize) -> [u64; 2] + Sync> Source for FromFn<F> {
    #[inline(always)]
    fn len(&self, _index: u64) -> usize {
        self.len
    }

    #[inline(always)]
    fn kind(&self, _index: u64) -> u16 {
        self.kind
    }

    #[inline(always)]
    fn chunk(&self, index: u64, chunk: usize) -> [u64; 2] {
        (self.make)(index, chunk)
    }
}
