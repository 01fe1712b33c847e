//! What the consumer finds when it looks.

use core::fmt;

use crate::meta::Meta;
use crate::slot::PAYLOAD_SIZE;

/// What a look at the next message found; `R` stands for the message, see
/// [`Consumer::poll`](crate::Consumer::poll) and [`Consumer::look`](crate::Consumer::look).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll<R = Meta> {
    /// The message is there.
    Ready(R),
    /// Nothing yet.
    Empty,
    /// The producer dropped so many messages here, because the ring was full:
    /// [`take_gap`](crate::Consumer::take_gap) goes on behind them.
    Gap(u64),
    /// Nothing, and nothing will come: the producer ended the stream here.
    Ended,
}

/// Shared memory holds what no producer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// A length over 240 bytes that is no gap marker either.
    Length {
        /// The message.
        message: u64,
        /// Its meta word.
        meta: u64,
    },
    /// The end of the stream lies before the next message, or further ahead than the ring is long.
    End {
        /// The next message.
        message: u64,
        /// How far ahead the end is said to be, modulo 2^63.
        distance: u64,
    },
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { message, meta } => {
                write!(
                    f,
                    "message {message} has the meta word {meta:#018x}, whose length exceeds {PAYLOAD_SIZE}"
                )
            }
            Self::End { message, distance } => {
                write!(
                    f,
                    "the stream is said to end {distance} messages after message {message}, beyond the ring"
                )
            }
        }
    }
}

impl core::error::Error for Corruption {}

/// The meta word of a message, if it can be one; `None` for a gap marker.
#[inline(always)]
pub(crate) fn check(message: u64, word: u64) -> Result<Option<Meta>, Corruption> {
    match Meta::from_word(word) {
        Some(meta) => Ok(Some(meta)),
        None if Meta::is_gap(word) => Ok(None),
        None => Err(Corruption::Length { message, meta: word }),
    }
}
