//! Why a producer may not write.

use core::fmt;

/// Why the producer may not write now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not enough free slots.
    Full,
    /// The consumer has disconnected: nobody will read.
    Disconnected,
    /// The payload is longer than a slot's 240 bytes.
    TooLong,
    /// The tail in shared memory is ahead of the head, or behind it by more than the capacity: the
    /// memory was overwritten.
    CorruptTail,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the ring is full",
            Self::Disconnected => "the consumer has disconnected",
            Self::TooLong => "the payload is longer than 240 bytes",
            Self::CorruptTail => "the ring's tail is corrupt",
        })
    }
}

impl core::error::Error for Refused {}
