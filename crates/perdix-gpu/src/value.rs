//! A value taken apart into the chunks that lanes store.

use core::mem::size_of;

use bytemuck::NoUninit;
use perdix_core::{MessageLayout, Typed};

use crate::source::{Source, read_chunk};

/// Values up to this size are taken apart in registers; larger ones are read from (local) memory.
const IN_REGISTERS: usize = 64;

/// A value that lanes take apart, each its own 16 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Value<'v, T>(pub(crate) &'v T);

// SAFETY: nothing is done with the value but to read its bytes, which are plain (`NoUninit`).
unsafe impl<T: NoUninit> Sync for Value<'_, T> {}

/// A batch of the value alone.
impl<T: Typed> Source for Value<'_, T> {
    #[inline(always)]
    fn len(&self, _index: u64) -> usize {
        MessageLayout::<T>::SIZE
    }

    #[inline(always)]
    fn kind(&self, _index: u64) -> u16 {
        T::KIND
    }

    #[inline(always)]
    fn chunk(&self, _index: u64, chunk: usize) -> [u64; 2] {
        chunk_of(self, chunk)
    }
}

/// Bytes `16 * chunk` to `16 * chunk + 16` of a value.
#[inline(always)]
pub(crate) fn chunk_of<T: NoUninit>(&Value(value): &Value<'_, T>, chunk: usize) -> [u64; 2] {
    let size = size_of::<T>();
    let (at, mut bytes) = (16_usize.wrapping_mul(chunk), [0; 2]);
    if at >= size {
        return bytes;
    }
    if size > IN_REGISTERS {
        let left = if size - at < 16 { size - at } else { 16 };
        // SAFETY: so many bytes of the value are left, all initialised (`NoUninit`).
        return unsafe { read_chunk(core::ptr::from_ref(value).cast::<u8>().wrapping_add(at), left) };
    }
    let start = core::ptr::from_ref(value).cast::<u8>();
    // All words with a selection: an address that is computed would force the value out of the
    // registers.
    for word in 0..size.div_ceil(4) {
        let found = if 4 * word + 4 <= size {
            // SAFETY: four bytes inside the value, all initialised (`NoUninit`).
            unsafe { start.wrapping_add(4 * word).cast::<u32>().read_unaligned() }
        } else {
            (4 * word..size).fold(0, |found, byte| {
                // SAFETY: inside the value, whose bytes are all initialised (`NoUninit`).
                found | u32::from(unsafe { start.wrapping_add(byte).read() }) << (8 * (byte % 4))
            })
        };
        if word / 4 == chunk {
            bytes[word % 4 / 2] |= u64::from(found) << (32 * (word % 2));
        }
    }
    bytes
}
