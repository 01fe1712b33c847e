//! Where a stream ends.

use crate::control::Cursor;

/// How many messages and gap markers lie between `next` and the end of the stream, modulo 2^63, if
/// the end word says that the stream has ended.
#[inline(always)]
pub const fn until_end(word: u64, next: u64) -> Option<u64> {
    let end = Cursor::from_word(word);
    if end.flag() { Some(end.distance_from(next)) } else { None }
}

/// What the end word means to a consumer that finds no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The stream is open.
    Open,
    /// The stream ends further on: the last messages are on their way, which the end may overtake.
    Ahead,
    /// The stream ends here.
    Here,
    /// The end lies before the next message, or further ahead than the ring is long: so many
    /// messages ahead, modulo 2^63. No producer writes that.
    Corrupt(u64),
}

impl StreamEnd {
    /// Reads the end word, with `next` as the next message.
    #[inline(always)]
    pub const fn read(capacity: u64, word: u64, next: u64) -> Self {
        match until_end(word, next) {
            None => Self::Open,
            Some(0) => Self::Here,
            Some(distance) if distance <= capacity => Self::Ahead,
            Some(distance) => Self::Corrupt(distance),
        }
    }
}

/// How a stream ends on which several producers claimed numbers, some of which may not have been
/// sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The number that follows the last message of the stream.
    pub end: u64,
    /// Messages that the consumer will see.
    pub messages: u64,
    /// Numbers that were claimed and that the consumer will not see.
    pub lost: u64,
}

impl Claims {
    /// The end of a ring whose first message is `start`: numbers up to `head` were claimed,
    /// `unsent` is the first of them that was not sent, counted from `start` (`u64::MAX` for none),
    /// and `sent` messages were sent, those behind the first unsent one too.
    ///
    /// ```
    /// use perdix_core::policy::Claims;
    /// assert_eq!(Claims::end_of(100, 110, u64::MAX, 10), Claims { end: 110, messages: 10, lost: 0 });
    /// assert_eq!(Claims::end_of(100, 110, 4, 9), Claims { end: 104, messages: 4, lost: 6 });
    /// ```
    #[inline(always)]
    pub const fn end_of(start: u64, head: u64, unsent: u64, sent: u64) -> Self {
        let claimed = head.wrapping_sub(start);
        let kept = if unsent < claimed { unsent } else { claimed };
        let messages = if sent < kept { sent } else { kept };
        Self { end: start.wrapping_add(kept), messages, lost: claimed - kept }
    }
}
