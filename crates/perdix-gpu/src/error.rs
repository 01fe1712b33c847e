//! What a device producer can meet.

use core::fmt;

use perdix_core::{Fault, Refused};

/// Why a device producer did not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Error {
    /// The ring is full now (`try_` forms only).
    Full = 1,
    /// The ring stayed full longer than the time limit.
    TimedOut = 2,
    /// The consumer is gone: nobody will read.
    ConsumerGone = 3,
    /// The message is longer than 240 bytes.
    TooLong = 4,
    /// The ring's memory is corrupt, or the handle is none that a host made.
    Corrupt = 5,
    /// Another producer of the same grid or block gave up, so the stream ends before this message.
    Stopped = 6,
    /// The launch does not fit the producer: its block is not made of whole warps, or no warps are
    /// to share the ring.
    Launch = 7,
    /// The host's perdix has another layout version than the one that the kernel was compiled with;
    /// nothing was touched. Recompile the kernels with the host's version.
    Version = 8,
}

impl Error {
    /// The error of a number that [`code`](Self::code) made; 0 is no error.
    #[inline(always)]
    pub(crate) fn from_code(code: u32) -> Result<(), Self> {
        match code {
            0 => Ok(()),
            1 => Err(Self::Full),
            2 => Err(Self::TimedOut),
            3 => Err(Self::ConsumerGone),
            4 => Err(Self::TooLong),
            6 => Err(Self::Stopped),
            7 => Err(Self::Launch),
            8 => Err(Self::Version),
            _ => Err(Self::Corrupt),
        }
    }

    /// The number of a result, to pass it between lanes.
    #[inline(always)]
    pub(crate) fn code(result: Result<(), Self>) -> u32 {
        match result {
            Ok(()) => 0,
            Err(error) => error as u32,
        }
    }

    /// What the consumer is told if this error ends the stream.
    #[inline(always)]
    pub(crate) fn fault(self) -> Option<Fault> {
        match self {
            Self::Stopped | Self::Launch | Self::Version => None,
            // A claimed message that found the ring full had a time limit of nothing.
            Self::Full | Self::TimedOut => Some(Fault::TimedOut),
            Self::ConsumerGone => Some(Fault::ConsumerGone),
            Self::TooLong => Some(Fault::TooLong),
            Self::Corrupt => Some(Fault::Corrupt),
        }
    }
}

impl From<Refused> for Error {
    #[inline(always)]
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::Disconnected => Self::ConsumerGone,
            Refused::TooLong => Self::TooLong,
            Refused::CorruptTail => Self::Corrupt,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the ring is full",
            Self::TimedOut => "the ring stayed full longer than the time limit",
            Self::ConsumerGone => "the consumer is gone",
            Self::TooLong => "the message is longer than 240 bytes",
            Self::Corrupt => "the ring's memory or handle is corrupt",
            Self::Stopped => "another producer of this launch gave up",
            Self::Launch => {
                "the launch does not fit the producer: blocks of whole warps, and at least one warp"
            }
            Self::Version => {
                "the ring has another layout version: recompile the kernels with the host's perdix"
            }
        })
    }
}

impl core::error::Error for Error {}

/// A batch that was not sent whole: its first `sent` messages were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchError {
    /// Messages of the batch that were sent.
    pub sent: u64,
    /// Why the next one was not.
    pub error: Error,
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages sent, then: {}", self.sent, self.error)
    }
}

impl core::error::Error for BatchError {}
