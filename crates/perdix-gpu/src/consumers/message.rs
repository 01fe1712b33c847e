//! What a device consumer hands out.

use perdix_core::Meta;

use crate::intrinsics::{WARP_SIZE, Warp, lane_id};

/// What a message is, without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    meta: Meta,
    number: u64,
}

impl Received {
    pub(super) fn new(number: u64, meta: Meta) -> Self {
        Self { meta, number }
    }

    /// The message's number in the stream; dropped ones and gap markers count too.
    #[inline(always)]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of payload, 0 to 240.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.meta.len()
    }

    /// Whether the message has no payload.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
    }

    /// The tag that the producer gave it.
    #[inline(always)]
    pub fn kind(&self) -> u16 {
        self.meta.kind()
    }

    /// Whether it is a part of a large message that goes on in the next one.
    #[inline(always)]
    pub fn has_more(&self) -> bool {
        self.meta.has_more()
    }
}

/// A message that a warp has taken: lane `i` holds bytes `16 * i` to `16 * i + 16` of it in
/// registers. It is a copy, whose slot is free to go back.
#[derive(Clone, Copy, Debug)]
pub struct WarpMessage {
    received: Received,
    chunk: [u64; 2],
}

impl WarpMessage {
    #[inline(always)]
    pub(super) fn new(received: Received, chunk: [u64; 2]) -> Self {
        Self { received, chunk: cut(chunk, received.len(), lane_id()) }
    }

    /// What it is: its number, length and kind.
    #[inline(always)]
    pub fn received(&self) -> Received {
        self.received
    }

    /// Bytes of payload, 0 to 240.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Whether the message has no payload.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// The tag that the producer gave it.
    #[inline(always)]
    pub fn kind(&self) -> u16 {
        self.received.kind()
    }

    /// This lane's 16 bytes; zero behind the message's end.
    #[inline(always)]
    pub fn chunk(&self) -> [u64; 2] {
        self.chunk
    }

    /// Word `i` of the payload (bytes `8 * i` to `8 * i + 8`), for all lanes; zero behind the
    /// message's end.
    ///
    /// All lanes call it together, with the same `i`. The warp's token comes from whoever took the
    /// message: `message.word(consumer.warp(), 0)`.
    #[inline(always)]
    pub fn word(&self, warp: &mut Warp, i: u32) -> u64 {
        let [low, high] = self.chunk;
        // Lanes from 15 on hold nothing.
        warp.shuffle_u64(
            if i % 2 == 0 { low } else { high },
            if i / 2 < WARP_SIZE { i / 2 } else { WARP_SIZE - 1 },
        )
    }
}

/// A lane's chunk without what lies behind the message's end.
#[inline(always)]
fn cut(chunk: [u64; 2], len: usize, lane: u32) -> [u64; 2] {
    let keep = |word: u64, left: usize| match left {
        0 => 0,
        1..8 => word & ((1 << (8 * left)) - 1),
        _ => word,
    };
    let first = 16 * lane as usize;
    [keep(chunk[0], len.saturating_sub(first)), keep(chunk[1], len.saturating_sub(first + 8))]
}
