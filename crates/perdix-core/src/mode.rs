//! How a message becomes visible.

/// How the producer makes a message visible; chosen when the ring is made, stored in its identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// Payload, then the sequence word with Release. Best throughput: a GPU writes many slots under one system
    /// fence. A fence waits until all earlier writes have crossed the link (about 0.6 µs on PCIe Gen5).
    #[default]
    Fenced = 0,
    /// No fence: the consumer sees by itself which words have arrived, because a free slot is filled with a
    /// [sentinel](crate::sentinel). Best latency for single messages from a GPU; the consumer pays for refilling
    /// the slot. Between CPU threads it has no advantage.
    FenceFree = 1,
}

impl core::fmt::Display for Mode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Fenced => "fenced",
            Self::FenceFree => "fence-free",
        })
    }
}

impl Mode {
    /// The mode of a word read from a ring's identity.
    pub const fn from_word(word: u64) -> Option<Self> {
        match word {
            0 => Some(Self::Fenced),
            1 => Some(Self::FenceFree),
            _ => None,
        }
    }
}
