//! Why a producer gave up.

/// Why a producer gave up, as it stands in the ring's producer line and in [`DeviceState::fault`](crate::DeviceState::fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
#[non_exhaustive]
pub enum Fault {
    /// The ring stayed full longer than the time limit.
    TimedOut = 1,
    /// The consumer left.
    ConsumerGone = 2,
    /// The ring's memory held what no consumer writes.
    Corrupt = 3,
    /// A message was longer than 240 bytes.
    TooLong = 4,
    /// The producer's thread panicked (CPU producers).
    Panicked = 5,
}

impl Fault {
    /// The fault of a word, `None` for 0 (no fault) and for words that this version does not know.
    pub const fn from_word(word: u64) -> Option<Self> {
        match word {
            1 => Some(Self::TimedOut),
            2 => Some(Self::ConsumerGone),
            3 => Some(Self::Corrupt),
            4 => Some(Self::TooLong),
            5 => Some(Self::Panicked),
            _ => None,
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "the ring stayed full longer than the producer's time limit",
            Self::ConsumerGone => "the consumer was gone",
            Self::Corrupt => "the producer found the ring's memory corrupt",
            Self::TooLong => "the kernel produced a message of more than 240 bytes",
            Self::Panicked => "the producer's thread panicked",
        })
    }
}
