//! Which slots are free for a producer.

use crate::control::Cursor;
use crate::refused::Refused;

/// What a producer knows of the consumer's progress: a tail that the consumer has reached. The true
/// tail may be further.
///
/// `end` stands for the number behind the last message that is asked for. It is never behind the
/// tail, unless a function says so.
///
/// ```
/// use perdix_core::policy::Credit;
/// use perdix_core::{Cursor, Refused};
///
/// let credit = Credit::new(8, 100); // eight slots; everything below message 100 is released
/// assert_eq!(credit.free(103), 5);
/// assert!(credit.covers(108) && !credit.covers(109));
/// let word = Cursor::new(102, false).word();
/// assert_eq!(credit.renew(word, 103), Ok(Credit::new(8, 102)));
/// assert_eq!(credit.renew(Cursor::new(99, false).word(), 103), Err(Refused::CorruptTail));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    capacity: u64,
    tail: u64,
}

impl Credit {
    /// The credit of a producer that knows of `tail`, on a ring of `capacity` slots.
    #[inline(always)]
    pub const fn new(capacity: u64, tail: u64) -> Self {
        Self { capacity, tail }
    }

    /// No credit for a producer whose next message is `head`: it has to read the tail first. That
    /// is how a producer begins, and what it has while it has a gap to report.
    #[inline(always)]
    pub const fn none(capacity: u64, head: u64) -> Self {
        Self { capacity, tail: head.wrapping_sub(capacity) }
    }

    /// The tail that is known.
    #[inline(always)]
    pub const fn tail(self) -> u64 {
        self.tail
    }

    /// Slots that are free from message `head` on.
    #[inline(always)]
    pub const fn free(self, head: u64) -> u64 {
        self.capacity.wrapping_sub(self.used(head))
    }

    /// Slots in use if the next message is `head`.
    #[inline(always)]
    pub const fn used(self, head: u64) -> u64 {
        head.wrapping_sub(self.tail)
    }

    /// Whether the slots of all messages below `end` are free.
    #[inline(always)]
    pub const fn covers(self, end: u64) -> bool {
        self.used(end) <= self.capacity
    }

    /// [`covers`](Self::covers) where `end` may be outdated: others claim numbers too, and the
    /// consumer may have passed it.
    #[inline(always)]
    pub const fn covers_outdated(self, end: u64) -> bool {
        self.used(end) as i64 <= self.capacity as i64
    }

    /// Whether a producer that publishes up to `end` should ask for a newer tail ahead of need:
    /// half of the ring is known to be taken.
    #[inline(always)]
    pub const fn runs_low(self, end: u64) -> bool {
        self.used(end) > self.capacity / 2
    }

    /// The later of this credit and one with `tail`, which may be outdated.
    #[inline(always)]
    pub const fn newest(self, tail: u64) -> Self {
        if (tail.wrapping_sub(self.tail) as i64) > 0 { Self { tail, ..self } } else { self }
    }

    /// The credit after a look at the ring's tail word. `end` is a number that the consumer cannot
    /// have passed: the producer's head, or the end of what was claimed and not yet published.
    ///
    /// # Errors
    /// [`Refused::CorruptTail`] if the word's tail lies behind the one known or ahead of `end`,
    /// [`Refused::Disconnected`] if the word says that the consumer has disconnected.
    #[inline(always)]
    pub const fn renew(self, word: u64, end: u64) -> Result<Self, Refused> {
        let cursor = Cursor::from_word(word);
        // The word keeps 63 bits of the tail; its distance to `end` is whole.
        let behind = cursor.distance_to(end);
        if behind > self.used(end) {
            Err(Refused::CorruptTail)
        } else if cursor.flag() {
            Err(Refused::Disconnected)
        } else {
            Ok(Self { tail: end.wrapping_sub(behind), ..self })
        }
    }

    /// [`renew`](Self::renew) for a look ahead of need: a word that cannot be, or that says that
    /// the consumer has disconnected, is ignored. The next blocking look reports it.
    #[inline(always)]
    pub const fn renew_early(self, word: u64, end: u64) -> Self {
        match self.renew(word, end) {
            Ok(renewed) => renewed,
            Err(_) => self,
        }
    }
}

/// Whether an eighth of the ring ends between messages `first` and `end`: of several producers, the
/// one whose messages cross it reads the tail across the link for all.
#[inline(always)]
pub const fn crosses_eighth(capacity: u64, first: u64, end: u64) -> bool {
    // In 32 bits, which are enough for an eighth of a ring, and cheaper on a GPU.
    let stride = (capacity / 8) as u32;
    (first as u32 ^ end as u32) & stride.wrapping_neg() != 0
}

/// Slots that `claimants` threads keep free so that each may claim one number without looking at
/// what the others do meanwhile; 0 on a ring that has not twice as many and room for a gap marker
/// and a message.
#[inline(always)]
pub const fn claimants_margin(capacity: u64, claimants: u64) -> u64 {
    if capacity / 2 > claimants { claimants } else { 0 }
}

/// Messages that a consumer takes at most before it publishes its tail, unless it is told
/// otherwise: a quarter of the ring, from 1 to 256.
#[inline(always)]
pub const fn tail_interval(capacity: u64) -> u64 {
    match capacity / 4 {
        0 => 1,
        quarter if quarter < MOST_HELD => quarter,
        _ => MOST_HELD,
    }
}

/// The most messages that a consumer holds back by default.
const MOST_HELD: u64 = 256;
