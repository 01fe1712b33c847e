//! Where a successor goes on after a half that stopped anywhere.

use crate::control::Cursor;

/// Where a consumer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The first message that is not released.
    pub tail: u64,
    /// The first message that was not taken for good: from `tail` up to here, slots were being
    /// recycled.
    pub recycled: u64,
}

impl Place {
    /// Reads the words that the consumer left: its tail word, and in fence-free mode the word that
    /// says up to where it was recycling slots (`None` in fenced mode). `start` is the ring's first
    /// message.
    ///
    /// # Errors
    /// The tail, and how far ahead of it slots are said to be recycled, if that is more than the
    /// ring has.
    #[inline(always)]
    pub const fn read(
        capacity: u64,
        start: u64,
        tail: u64,
        recycled: Option<u64>,
    ) -> Result<Self, (u64, u64)> {
        // The word keeps 63 bits; no stream is longer.
        let tail = start.wrapping_add(Cursor::from_word(tail).distance_from(start));
        let Some(recycled) = recycled else { return Ok(Self { tail, recycled: tail }) };
        let ahead = recycled.wrapping_sub(tail);
        if ahead > capacity { Err((tail, ahead)) } else { Ok(Self { tail, recycled }) }
    }
}

/// A record of dropped messages that were reported, as it stands in the consumer's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GapRecord {
    /// The number of the message behind the gap.
    pub position: u64,
    /// Messages that gaps up to there reported as dropped.
    pub dropped: u64,
}

impl GapRecord {
    /// The position of a record that is being written.
    #[inline(always)]
    pub const fn invalid_position(start: u64) -> u64 {
        start.wrapping_sub(1)
    }

    /// How many dropped messages the two records reported before message `next`, and which record
    /// is to be written next. `start` is the ring's first message.
    #[inline(always)]
    pub const fn latest(start: u64, next: u64, [first, second]: [Self; 2]) -> (u64, usize) {
        match (first.valid(start, next), second.valid(start, next)) {
            (Some(first), Some(second)) if first.is_after(second) => (first.dropped, 1),
            (Some(first), None) => (first.dropped, 1),
            (_, Some(second)) => (second.dropped, 0),
            (None, None) => (0, 0),
        }
    }

    /// The record with its position counted from `start`; `None` if it does not hold before message
    /// `next`.
    const fn valid(self, start: u64, next: u64) -> Option<Self> {
        let position = self.position.wrapping_sub(start);
        if position <= next.wrapping_sub(start) { Some(Self { position, ..self }) } else { None }
    }

    /// At the same place (the end of the stream) the later record counts more.
    const fn is_after(self, other: Self) -> bool {
        self.position > other.position || self.position == other.position && self.dropped > other.dropped
    }
}
