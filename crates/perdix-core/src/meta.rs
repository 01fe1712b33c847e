//! Header word 1: what a message is.

use crate::slot::PAYLOAD_SIZE;

/// Flag bits of a [`Meta`] word.
pub mod flags {
    /// The message goes on in the next slot (a large message). The last slot of it lacks the flag.
    pub const MORE: u8 = 1;
}

/// Header word 1 of a slot: length, flags, kind, and what its publication mode needs.
///
/// | bits | field | meaning |
/// |---|---|---|
/// | 0–7 | length | bytes of payload, 0 to 240 |
/// | 8–15 | flags | see [`flags`] |
/// | 16–31 | kind | the user's tag of the message |
/// | 32–61 | mask | fence-free mode: bit `i` set if payload word `i` really equals the sentinel |
/// | 32–61 | followers | fenced mode: how many messages behind this one were published with it, as a batch |
/// | 62 | unescaped | fence-free mode, set by the consumer: [`UNESCAPED`](crate::sentinel::UNESCAPED) |
/// | 63 | – | zero |
///
/// The length 241 says that this is no message but a *gap marker*: the payload's first word is
/// the number of messages that the producer dropped here because the ring was full. Lengths above
/// are never written.
///
/// No meta word equals the [sentinel](crate::sentinel::SENTINEL), whose length byte is 255.
///
/// ```
/// let meta = perdix_core::Meta::new(5, 0, 42);
/// assert_eq!((meta.len(), meta.kind(), meta.mask()), (5, 42, 0));
/// assert!(perdix_core::Meta::from_word(255).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta(u64);

/// What stands in the place of the length in a gap marker.
const GAP_LENGTH: u64 = PAYLOAD_SIZE as u64 + 1;

/// Bytes of payload in a gap marker: the count, and a word of zero that completes the pair.
pub(crate) const GAP_SIZE: usize = 16;

impl Meta {
    /// The gap marker; its payload has [`GAP_SIZE`] bytes.
    pub(crate) const GAP: Self = Self(GAP_LENGTH);

    /// A meta word for `len` bytes; `len` above 240 is cut to 240.
    #[inline(always)]
    pub const fn new(len: usize, flags: u8, kind: u16) -> Self {
        let len = if len > PAYLOAD_SIZE { PAYLOAD_SIZE } else { len };
        Self(len as u64 | (flags as u64) << 8 | (kind as u64) << 16)
    }

    /// The same meta with the mask of payload words that equal the sentinel (30 bits).
    #[inline(always)]
    pub const fn with_mask(self, mask: u32) -> Self {
        Self(self.0 & 0xffff_ffff | ((mask & 0x3fff_ffff) as u64) << 32)
    }

    /// The same meta at the head of a batch that `followers` further messages (below 2^30) belong
    /// to; for fenced mode.
    #[inline(always)]
    pub const fn with_followers(self, followers: u32) -> Self {
        self.with_mask(followers)
    }

    /// Reads a word from shared memory; `None` when its length is over 240, which no message has.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Option<Self> {
        if (word & 0xff) as usize > PAYLOAD_SIZE { None } else { Some(Self(word)) }
    }

    /// Whether a word is that of a gap marker.
    #[inline(always)]
    pub const fn is_gap(word: u64) -> bool {
        word & 0xff == GAP_LENGTH
    }

    /// The word as it stands in the slot.
    #[inline(always)]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// Bytes of payload, 0 to 240.
    #[inline(always)]
    pub const fn len(self) -> usize {
        (self.0 & 0xff) as usize
    }

    /// Whether the message has no payload.
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// How many messages were published together with this one, behind it; in fenced mode.
    #[inline(always)]
    pub const fn followers(self) -> u32 {
        self.mask()
    }

    /// A word that may be no meta, with no followers.
    #[inline(always)]
    pub(crate) const fn without_followers(word: u64) -> u64 {
        word & 0xffff_ffff
    }

    /// [`mask`](Self::mask) or [`followers`](Self::followers) of a word that may be no meta.
    #[inline(always)]
    pub(crate) const fn mask_of(word: u64) -> u64 {
        word >> 32 & 0x3fff_ffff
    }

    /// The [`flags`].
    #[inline(always)]
    pub const fn flags(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Whether the message goes on in the next slot.
    #[inline(always)]
    pub const fn has_more(self) -> bool {
        self.flags() & flags::MORE != 0
    }

    /// The user's tag.
    #[inline(always)]
    pub const fn kind(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// Which payload words really equal the sentinel (fence-free mode).
    #[inline(always)]
    pub const fn mask(self) -> u32 {
        (self.0 >> 32) as u32 & 0x3fff_ffff
    }
}
