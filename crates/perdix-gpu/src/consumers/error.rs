//! What a device consumer can meet.

use core::fmt;

use perdix_core::{Corruption, Fault};

/// Why a device consumer has no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsumeError {
    /// There is none now (`try_` forms, and limits of 0).
    Empty,
    /// None came within the time limit.
    TimedOut,
    /// The producer ended the stream, and all that it sent has been taken.
    Ended,
    /// The producer gave up, and said why. All that it sent has been taken.
    ProducerFailed(Fault),
    /// The producer dropped so many messages here, because the ring was full and it was told to.
    /// Reported once, in order.
    Gap(u64),
    /// The ring's memory holds what no producer writes, or the handle is none that a host made.
    Corrupt,
    /// The block is not made of whole warps.
    Launch,
    /// The host's perdix has another layout version than the one that the kernel was compiled with;
    /// nothing was touched. Recompile the kernels with the host's version.
    Version,
}

impl ConsumeError {
    /// As two numbers, to pass it between lanes; the first is never 0.
    #[inline(always)]
    pub(super) fn code(self) -> (u32, u64) {
        match self {
            Self::Empty => (1, 0),
            Self::TimedOut => (2, 0),
            Self::Ended => (3, 0),
            Self::ProducerFailed(fault) => (4, fault as u64),
            Self::Gap(dropped) => (5, dropped),
            Self::Corrupt => (6, 0),
            Self::Launch => (7, 0),
            Self::Version => (8, 0),
        }
    }

    /// The error that [`code`](Self::code) made the numbers of.
    #[inline(always)]
    pub(super) fn from_code(code: u32, value: u64) -> Self {
        match code {
            1 => Self::Empty,
            2 => Self::TimedOut,
            3 => Self::Ended,
            4 => Fault::from_word(value).map_or(Self::Ended, Self::ProducerFailed),
            5 => Self::Gap(value),
            7 => Self::Launch,
            8 => Self::Version,
            _ => Self::Corrupt,
        }
    }
}

impl From<Corruption> for ConsumeError {
    #[inline(always)]
    fn from(_: Corruption) -> Self {
        Self::Corrupt
    }
}

impl fmt::Display for ConsumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no message is there",
            Self::TimedOut => "no message came within the time limit",
            Self::Ended => "end of stream",
            Self::ProducerFailed(fault) => return write!(f, "the producer gave up: {fault}"),
            Self::Gap(dropped) => return write!(f, "{dropped} messages were dropped before the next one"),
            Self::Corrupt => "the ring's memory or handle is corrupt",
            Self::Launch => "the launch does not fit the consumer: blocks of whole warps",
            Self::Version => {
                "the ring has another layout version: recompile the kernels with the host's perdix"
            }
        })
    }
}

impl core::error::Error for ConsumeError {}
