//! What a soak has tried so far.

use std::collections::BTreeMap;

use serde::Serialize;

/// Counts by name.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

/// What was tried; every field is a sum over episodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub(crate) episodes: u64,
    /// Messages whose place, length, kind and bytes were verified; a large message counts once, a slot of records too.
    pub(crate) messages: u64,
    /// Slots that they took.
    pub(crate) slots: u64,
    /// Bytes of their payload.
    pub(crate) bytes: u64,
    /// Halves that were given up and made again, or launched again.
    pub(crate) restarts: u64,
    /// Calls that found the ring full, or ran into their time limit while it was.
    pub(crate) full_waits: u64,
    /// Messages that were dropped at the user's wish, every one told of in its place.
    pub(crate) drops: u64,
    /// Gaps that told of them.
    pub(crate) gaps: u64,
    /// Episodes by publication mode.
    pub(crate) modes: Counts,
    /// Episodes by who produces: threads, or a kernel's granularity.
    pub(crate) producers: Counts,
    /// Episodes by number of slots.
    pub(crate) capacities: Counts,
    /// Episodes by kind of memory.
    pub(crate) memory: Counts,
    /// Episodes by the first message's number.
    pub(crate) starts: Counts,
    /// Episodes by the sides' wait strategies and rhythms.
    pub(crate) rhythms: Counts,
    /// Messages by the call that sent them.
    pub(crate) sent_by: Counts,
    /// Slots by the call that took them.
    pub(crate) taken_by: Counts,
    /// Faults that were injected.
    pub(crate) faults: Counts,
}

impl Tally {
    /// Adds what another has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { episodes, messages, slots, bytes, restarts, full_waits, drops, gaps, .. } = other;
        self.episodes += episodes;
        self.messages += messages;
        self.slots += slots;
        self.bytes += bytes;
        self.restarts += restarts;
        self.full_waits += full_waits;
        self.drops += drops;
        self.gaps += gaps;
        for (own, others) in self.groups_mut().into_iter().zip(other.groups()) {
            others.1.iter().for_each(|(name, count)| bump(own, name, *count));
        }
    }

    /// All counts by name, each group with its title.
    pub(crate) fn groups(&self) -> [(&'static str, &Counts); 9] {
        [
            ("episodes by mode", &self.modes),
            ("by producer", &self.producers),
            ("by slots", &self.capacities),
            ("by memory", &self.memory),
            ("by first number", &self.starts),
            ("by rhythm", &self.rhythms),
            ("messages sent by", &self.sent_by),
            ("slots taken by", &self.taken_by),
            ("faults injected", &self.faults),
        ]
    }

    /// Faults of all kinds.
    pub(crate) fn all_faults(&self) -> u64 {
        self.faults.values().sum()
    }

    fn groups_mut(&mut self) -> [&mut Counts; 9] {
        let Self { modes, producers, capacities, memory, starts, rhythms, sent_by, taken_by, faults, .. } =
            self;
        [modes, producers, capacities, memory, starts, rhythms, sent_by, taken_by, faults]
    }
}

/// Adds to one of the counts.
pub(crate) fn bump(counts: &mut Counts, name: &'static str, count: u64) {
    if count != 0 {
        *counts.entry(name).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_complete() {
        let mut one = Tally { episodes: 1, messages: 2, slots: 3, bytes: 4, ..Tally::default() };
        (one.restarts, one.full_waits, one.drops, one.gaps) = (5, 6, 7, 8);
        one.groups_mut().into_iter().zip(1..).for_each(|(group, count)| bump(group, "x", count));
        let mut sum = one.clone();
        sum.add(&one);
        assert_eq!((sum.episodes, sum.messages, sum.slots, sum.bytes), (2, 4, 6, 8));
        assert_eq!((sum.restarts, sum.full_waits, sum.drops, sum.gaps), (10, 12, 14, 16));
        for ((title, group), count) in sum.groups().into_iter().zip(1..) {
            assert_eq!(group.get("x"), Some(&(2 * count)), "{title}");
        }
        assert_eq!(sum.all_faults(), 18);
    }
}
