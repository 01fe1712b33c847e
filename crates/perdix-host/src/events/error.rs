//! What can go wrong with events.

use perdix_core::events::HeadError;

use super::sites::Site;
use crate::error::ConsumeError;

/// Why a message is no event that can be read. It is never read as another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message is of another kind.
    #[error(
        "the message is of kind {kind}, and events are of kind {}; take it with `try_consume`",
        super::EVENT_KIND
    )]
    Kind {
        /// Its kind.
        kind: u16,
    },
    /// The message ends inside an event, or is no whole number of words long.
    #[error("a message of {len} bytes ends inside the event that begins at byte {at}")]
    Short {
        /// Bytes of the message.
        len: usize,
        /// Where the event begins.
        at: usize,
    },
    /// The event's first words are none that a device writes.
    #[error("the event at byte {at} is malformed: {}", explain(*.error))]
    Head {
        /// Where the event begins.
        at: usize,
        /// What is wrong.
        error: HeadError,
    },
    /// No site has this number.
    #[error("no site of the table has the number {site:#010x}; is the table that of the module that runs?")]
    UnknownSite {
        /// The number.
        site: u32,
    },
    /// The event has not the arguments that its site's format asks for.
    #[error(
        "an event of {site} has {found} arguments, and its format asks for {expected}; is the table that of the module that runs?"
    )]
    Arguments {
        /// The site.
        site: Box<Site>,
        /// Arguments that came.
        found: usize,
        /// Arguments of the format.
        expected: usize,
    },
    /// An argument's bits are no value of its type.
    #[error("argument {index} of an event of {site} is {word:#x}, which is no value of its type")]
    Value {
        /// The site.
        site: Box<Site>,
        /// Which argument, from 0.
        index: usize,
        /// Its bits.
        word: u64,
    },
}

fn explain(error: HeadError) -> &'static str {
    match error {
        HeadError::Scope => "it is from neither a thread nor a warp nor a block",
        HeadError::Types => "an argument has no type that there is",
        HeadError::Room => "it has more arguments than its record has room for",
    }
}

/// Why there is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// There is no message; with [`ConsumeError::Gap`], events were dropped here, and reading goes on behind.
    #[error(transparent)]
    Stream(#[from] ConsumeError),
    /// The next message is no event. It was not taken.
    #[error("message {message}: {error}")]
    Decode {
        /// Its number.
        message: u64,
        /// What is wrong.
        error: DecodeError,
    },
}
