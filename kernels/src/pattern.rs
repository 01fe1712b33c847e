//! What test messages hold: both sides compute it.

use perdix_core::sentinel::SENTINEL;
use perdix_gpu::{KernelArg, PAYLOAD_SIZE, Source};

/// The length that stands for "all lengths in turn".
pub const ALL_LENGTHS: u32 = u32::MAX;

/// Test messages, numbered by an identity that their payload carries.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Pattern {
    /// Bytes of each message, or [`ALL_LENGTHS`].
    pub len: u32,
    /// Not zero: every third word is the fence-free mode's sentinel.
    pub sentinels: u32,
}

impl KernelArg for Pattern {}

impl Pattern {
    /// The length of message `id`.
    #[inline(always)]
    pub fn len(&self, id: u64) -> usize {
        if self.len == ALL_LENGTHS { (id % (PAYLOAD_SIZE as u64 + 1)) as usize } else { self.len as usize }
    }

    /// Payload word `i` of message `id`. Word 0 is the identity itself, unless it is a sentinel.
    #[inline(always)]
    pub fn word(&self, id: u64, i: u64) -> u64 {
        if self.sentinels != 0 && (id.wrapping_add(i)) % 3 == 0 {
            SENTINEL
        } else {
            id ^ i.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        }
    }

    /// The tag of message `id`.
    #[inline(always)]
    pub fn kind(&self, id: u64) -> u16 {
        id as u16
    }

    /// The messages from `first` on, as a batch.
    #[inline(always)]
    pub fn from(self, first: u64) -> impl Source {
        From { pattern: self, first }
    }

    /// Whether `bytes` with tag `kind` is message `id`.
    pub fn matches(&self, id: u64, kind: u16, bytes: &[u8]) -> bool {
        let same = |(i, chunk): (usize, &[u8])| {
            let word = self.word(id, i as u64).to_le_bytes();
            chunk == &word[..chunk.len()]
        };
        kind == self.kind(id) && bytes.len() == self.len(id) && bytes.chunks(8).enumerate().all(same)
    }
}

struct From {
    pattern: Pattern,
    first: u64,
}

impl Source for From {
    #[inline(always)]
    fn len(&self, index: u64) -> usize {
        self.pattern.len(self.first.wrapping_add(index))
    }

    #[inline(always)]
    fn kind(&self, index: u64) -> u16 {
        self.pattern.kind(self.first.wrapping_add(index))
    }

    #[inline(always)]
    fn chunk(&self, index: u64, chunk: usize) -> [u64; 2] {
        let (id, word) = (self.first.wrapping_add(index), 2 * chunk as u64);
        [self.pattern.word(id, word), self.pattern.word(id, word + 1)]
    }
}
