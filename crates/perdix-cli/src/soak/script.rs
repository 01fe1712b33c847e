//! What a stream of a soak holds: which message is sent by which call, and every byte of it. All of it follows from a seed, so that
//! both ends of a ring know it without a word between them.

use fastrand::Rng;
use perdix_core::sentinel::{ESCAPED, SENTINEL};
use perdix_host::PAYLOAD_SIZE;

/// How the messages of a span go in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// `message(..).kind(..).send()`, which waits without a limit.
    Produce,
    /// The same without waiting, again and again while the ring is full.
    Try,
    /// The same with a time limit, again after the limit.
    Timeout,
    /// `message(..).kind(..).send_or_drop()`.
    OrDrop,
    /// `produce_all`.
    All,
    /// `reserve`, with every wait.
    Reserve,
    /// `batch`, with and without a wait, copied and written in place.
    Batch,
    /// One large message.
    Large,
    /// Records of 16 bytes, 15 to a message.
    Records,
}

impl Put {
    pub(crate) const ALL: [Self; 9] = [
        Self::Produce,
        Self::Try,
        Self::Timeout,
        Self::OrDrop,
        Self::All,
        Self::Reserve,
        Self::Batch,
        Self::Large,
        Self::Records,
    ];

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Try => "try_produce",
            Self::Timeout => "send with a limit",
            Self::OrDrop => "send_or_drop",
            Self::All => "produce_all",
            Self::Reserve => "reserve",
            Self::Batch => "batch",
            Self::Large => "send_large",
            Self::Records => "records",
        }
    }

    /// Whether the call takes a kind; messages of the others have kind 0.
    fn has_kind(self) -> bool {
        !matches!(self, Self::Timeout | Self::All)
    }
}

/// How long the messages of a span are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    Fixed(usize),
    /// 0 to so many bytes.
    UpTo(usize),
    /// Records: 240 bytes each, but for the last.
    Full {
        last: usize,
    },
}

/// Messages in a row that go in by the same call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) put: Put,
    /// The identity of its first message.
    pub(crate) first: u64,
    /// The identity behind its last message.
    pub(crate) end: u64,
    seed: u64,
    lengths: Lengths,
    /// Whether words now and then equal the fence-free mode's sentinel.
    sentinels: bool,
}

impl Span {
    /// Bytes of message `id`.
    pub(crate) fn len(&self, id: u64) -> usize {
        match self.lengths {
            Lengths::Fixed(len) => len,
            Lengths::UpTo(most) => (mix(self.seed ^ !id) % (most as u64 + 1)) as usize,
            Lengths::Full { last } if id + 1 == self.end => last,
            Lengths::Full { .. } => PAYLOAD_SIZE,
        }
    }

    /// The kind of message `id`.
    pub(crate) fn kind(&self, id: u64) -> u16 {
        match self.put {
            put if !put.has_kind() => 0,
            // One kind for the whole span, as a stream of records has.
            Put::Records => mix(self.seed) as u16 | 1,
            _ => mix(self.seed ^ id.rotate_left(17)) as u16,
        }
    }

    /// Writes the bytes of message `id` from `offset` (a multiple of 8) on.
    pub(crate) fn fill(&self, id: u64, offset: usize, bytes: &mut [u8]) {
        for (word, to) in (offset as u64 / 8..).zip(bytes.chunks_mut(8)) {
            let word = self.word(id, word).to_le_bytes();
            to.copy_from_slice(word.get(..to.len()).unwrap_or(&word));
        }
    }

    /// Whether these are the bytes of message `id` from `offset` (a multiple of 8) on.
    pub(crate) fn matches(&self, id: u64, offset: usize, bytes: &[u8]) -> bool {
        let same = |(word, found): (u64, &[u8])| self.word(id, word).to_le_bytes().starts_with(found);
        (offset as u64 / 8..).zip(bytes.chunks(8)).all(same)
    }

    #[inline(always)]
    fn word(&self, id: u64, index: u64) -> u64 {
        let base = (id ^ self.seed).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let word = (base ^ index).wrapping_mul(0xd1b5_4a32_d192_ed03);
        match word >> 60 {
            0 | 1 if self.sentinels => SENTINEL,
            2 if self.sentinels => ESCAPED,
            _ => word ^ word >> 31,
        }
    }
}

/// The spans of a stream, one after the other, without an end.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    seed: u64,
    /// The largest message, in bytes.
    largest: usize,
    /// Whether only calls that have a counterpart on every ring are used.
    index: u64,
    span: Span,
}

impl Script {
    /// The most slots that a large message takes.
    const MOST_SLOTS: usize = 64;

    /// The stream of a seed, for a ring of so many slots.
    pub(crate) fn new(seed: u64, capacity: usize) -> Self {
        let largest = PAYLOAD_SIZE * capacity.min(Self::MOST_SLOTS);
        Self { seed, largest, index: 0, span: Self::span(seed, largest, 0, 0) }
    }

    /// The span of message `id`; identities never go back.
    #[inline]
    pub(crate) fn at(&mut self, id: u64) -> &Span {
        while id >= self.span.end {
            self.index += 1;
            self.span = Self::span(self.seed, self.largest, self.index, self.span.end);
        }
        &self.span
    }

    fn span(seed: u64, largest: usize, index: u64, first: u64) -> Span {
        let mut rng = Rng::with_seed(mix(seed ^ mix(index)));
        let put = Put::ALL[rng.usize(..Put::ALL.len())];
        let lengths = match put {
            Put::Large => Lengths::Fixed(rng.usize(0..=largest)),
            Put::Records => Lengths::Full { last: 16 * rng.usize(1..=15) },
            _ => match rng.u8(0..6) {
                0 => Lengths::Fixed(PAYLOAD_SIZE),
                1 => Lengths::Fixed(rng.usize(0..=PAYLOAD_SIZE)),
                2 => Lengths::UpTo(17),
                _ => Lengths::UpTo(PAYLOAD_SIZE),
            },
        };
        let count = match put {
            Put::Large => 1,
            _ if rng.u8(0..8) == 0 => rng.u64(1..4096),
            _ => rng.u64(1..200),
        };
        Span { put, first, end: first + count, seed: rng.u64(..), lengths, sentinels: rng.u8(0..3) == 0 }
    }
}

/// Spreads a seed over all bits.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_follows_from_its_seed() {
        let (mut one, mut two, mut other) = (Script::new(1, 64), Script::new(1, 64), Script::new(2, 64));
        let spans = |script: &mut Script| (0..5000).map(|id| *script.at(id)).collect::<Vec<_>>();
        let first = spans(&mut one);
        assert_eq!(first, spans(&mut two));
        assert_ne!(first, spans(&mut other));
        assert!(first.windows(2).all(|pair| pair[0] == pair[1] || pair[0].end == pair[1].first));
    }

    #[test]
    fn every_call_and_length_comes() {
        let mut script = Script::new(3, 8);
        let (mut puts, mut lengths) = ([false; 9], [false; 241]);
        for id in 0..200_000 {
            let span = script.at(id);
            puts[Put::ALL.iter().position(|put| *put == span.put).unwrap()] = true;
            match span.len(id) {
                len if span.put == Put::Large => assert!(len <= 8 * 240),
                len => lengths[len] = true,
            }
        }
        assert!(puts.iter().chain(&lengths).all(|seen| *seen));
    }

    #[test]
    fn any_change_of_a_message_is_seen() {
        let mut script = Script::new(4, 1);
        for id in 0..3000 {
            let span = *script.at(id);
            let mut bytes = vec![0; span.len(id)];
            span.fill(id, 0, &mut bytes);
            assert!(span.matches(id, 0, &bytes));
            if bytes.len() >= 8 {
                assert!(!span.matches(id + 1, 0, &bytes) || span.sentinels, "{span:?}");
            }
            for at in 0..bytes.len() {
                bytes[at] ^= 0x40;
                assert!(!span.matches(id, 0, &bytes));
                bytes[at] ^= 0x40;
            }
        }
    }
}
