//! The slot: 256 bytes that carry one message.

use core::mem::{align_of, offset_of, size_of};
use core::sync::atomic::AtomicU64;

use static_assertions::const_assert_eq;

use crate::chunk::Chunk16;

/// The value of a word that has not arrived. Any value whose low byte exceeds 240 would do (so that
/// no meta word equals it); this one is arbitrary otherwise, so that real data seldom needs the
/// mask.
pub const SENTINEL: u64 = 0xd6e8_feb8_6659_fdff;

/// Bytes of a slot, and its alignment: two 128-byte GPU cache lines, eight 32-byte sectors, and a
/// whole 256-byte PCIe write.
pub const SLOT_SIZE: usize = 256;

/// Bytes of a slot's header: the sequence word and the meta word.
pub const HEADER_SIZE: usize = 16;

/// Bytes of payload in a slot, and so the longest message in one slot.
pub const PAYLOAD_SIZE: usize = SLOT_SIZE - HEADER_SIZE;

/// 8-byte words of payload in a slot.
pub const PAYLOAD_WORDS: usize = PAYLOAD_SIZE / 8;

/// Bytes of a line of the control block; every line has one writer.
pub const LINE: usize = 256;

/// One message: header word 0 is the sequence, header word 1 the [`Meta`](crate::Meta), then 240
/// bytes of payload.
///
/// Over its life a slot is *free* (it belongs to the producer), *published* (to the consumer, once
/// `seq == n + 1`) and free again (once `tail > n`). Only its owner writes it.
#[repr(C, align(256))]
#[derive(Debug)]
pub struct Slot<W = AtomicU64> {
    /// `n + 1` when message `n` is in the slot (wrapping at 2^64). Written by the producer. Numbers
    /// never repeat, so a slot needs no clearing, and zeroed memory holds no message.
    pub seq: W,
    /// The [`Meta`](crate::Meta) of the message. Written by the producer before `seq` (fenced), or
    /// in any order with it (fence-free: the consumer re-arms it with the sentinel, which no meta
    /// word equals).
    pub meta: W,
    /// The payload, bytes in memory order, aligned to 16 bytes. Written by the producer; in
    /// fence-free mode re-armed by the consumer before it releases the slot.
    pub payload: [W; PAYLOAD_WORDS],
}

const_assert_eq!(size_of::<Slot>(), SLOT_SIZE);
const_assert_eq!(align_of::<Slot>(), SLOT_SIZE);
const_assert_eq!(offset_of!(Slot, seq), 0);
const_assert_eq!(offset_of!(Slot, meta), 8);
const_assert_eq!(offset_of!(Slot, payload), HEADER_SIZE);

impl Slot<AtomicU64> {
    /// The payload's address; aligned to 16 bytes, 240 bytes long.
    ///
    /// Reading through it needs a message that was found there, writing needs the slot to be the
    /// producer's.
    #[inline(always)]
    pub fn payload_ptr(&self) -> *mut u8 {
        self.payload.as_ptr().cast::<u8>().cast_mut()
    }
}

impl<W> Slot<W> {
    /// Chunk `index` (0 to 15, taken modulo 16): chunk 0 is the header, the others are the
    /// payload's.
    #[inline(always)]
    pub fn chunk16(&self, index: u32) -> &Chunk16<W> {
        let words = core::ptr::from_ref(self).cast::<[W; 2 * CHUNKS]>();
        // SAFETY: a slot is 32 words in a row (`repr(C)`, all of one type), and as many bytes at
        // least.
        let words = unsafe { &*words };
        // SAFETY: a slot is aligned to 256 bytes.
        let chunks = unsafe { Chunk16::all::<{ 2 * CHUNKS }, CHUNKS>(words) };
        // In 32 bits, which is cheaper on a GPU.
        &chunks[(index % CHUNKS as u32) as usize]
    }

    /// The chunks of the payload.
    #[inline(always)]
    pub fn payload_chunks(&self) -> &[Chunk16<W>; CHUNKS - 1] {
        // SAFETY: the payload begins 16 bytes behind the slot's beginning, which is aligned to 256.
        unsafe { Chunk16::all(&self.payload) }
    }
}

/// Chunks in a slot.
const CHUNKS: usize = SLOT_SIZE / 16;

/// How many chunks of payload a message of `len` bytes occupies. All of them are written, checked
/// and re-armed whole, because that is the unit in which device lanes store.
#[inline(always)]
pub(crate) fn chunks_of(len: usize) -> usize {
    len.div_ceil(16).min(CHUNKS - 1)
}

/// The same in payload words.
#[inline(always)]
pub(crate) fn words_of(len: usize) -> usize {
    2 * chunks_of(len)
}
