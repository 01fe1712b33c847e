//! Gaps in the stream: messages that the producer dropped because the ring was full.

use core::sync::atomic::Ordering;

use super::Consumer;
use crate::meta::Meta;
use crate::mode::Mode;
use crate::policy::recovery::GapRecord;
use crate::policy::{batch, unreported};
use crate::ring::Ring;
use crate::sentinel;
use crate::word::Word;

impl<W: Word> Consumer<W> {
    /// How many messages are missing before the next one, and goes on behind them; `None` if there
    /// is no gap here. A consumer that dies is succeeded by one that knows which gaps were reported
    /// if this follows a [`poll`](Self::poll) that found the gap, with everything recycled: that
    /// publishes the tail.
    pub fn take_gap(&mut self) -> Option<u64> {
        let dropped = match self.marker() {
            Some(dropped) => {
                self.skip(1);
                dropped
            }
            None if self.until_end() == Some(0) => return self.take_trailing_gap(),
            None => return None,
        };
        self.record_gap(dropped);
        Some(dropped)
    }

    /// How many messages were dropped that nothing has reported, nor will: for when no further
    /// message comes, and the stream has no end.
    pub fn take_trailing_gap(&mut self) -> Option<u64> {
        let dropped = self.unreported();
        if dropped == 0 {
            return None;
        }
        self.record_gap(dropped);
        Some(dropped)
    }

    /// Notes that so many dropped messages were reported before the next one: in the older of two
    /// records, which is not valid meanwhile.
    fn record_gap(&mut self, dropped: u64) {
        self.dropped = self.dropped.wrapping_add(dropped);
        let record = &self.control().consumer.reported[self.next_record % 2];
        record.position.store(GapRecord::invalid_position(self.ring.config().start), Ordering::Relaxed);
        // Each not before what stands above it, should this process die in between. pairs with the
        // Acquire loads in reported_before
        record.dropped.store(self.dropped, Ordering::Release);
        record.position.store(self.next, Ordering::Release);
        self.next_record = (self.next_record + 1) % 2;
    }

    /// How many dropped messages were reported before message `number`, and which record may be
    /// overwritten next.
    pub(super) fn reported_before(ring: &Ring<W>, number: u64) -> (u64, usize) {
        // SAFETY: words are only loaded.
        let line = unsafe { &ring.control().consumer };
        let records = line.reported.each_ref().map(|record| {
            // In this order. pairs with the Release stores in record_gap
            let position = record.position.load(Ordering::Acquire);
            GapRecord { position, dropped: record.dropped.load(Ordering::Acquire) }
        });
        GapRecord::latest(ring.config().start, number, records)
    }

    /// Messages that were dropped, as far as gaps were taken.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many of the slots from the next one on are published, messages and gap markers alike,
    /// and how many dropped messages the markers report. For taking over a ring: nobody else may
    /// use it.
    pub fn published(&mut self) -> (u64, u64) {
        let (next, mut slots, mut dropped) = (self.next, 0, 0_u64);
        while slots < self.ring.capacity() {
            let number = next.wrapping_add(slots);
            match (self.peek(slots), self.marker_at(number)) {
                (Ok(Some(_)), _) => {}
                (_, Some(count)) => dropped = dropped.wrapping_add(count),
                _ => break,
            }
            slots += 1;
        }
        (slots, dropped)
    }

    /// Messages dropped that no gap marker has reported: at the end of the stream, where a full
    /// ring has no room for one.
    pub(super) fn unreported(&self) -> u64 {
        // Stored before `end`, whose Acquire load (in `until_end`) comes before this one.
        unreported(self.control().producer.stats.dropped.load(Ordering::Relaxed), self.dropped)
    }

    /// What the gap marker in the next slot counts, if one is there. Markers of 0 are skipped: a
    /// device producer may have claimed a number for one whose messages another has reported.
    pub(super) fn marker(&mut self) -> Option<u64> {
        // Nothing lies beyond the ring, whatever the shared memory says.
        for _ in 0..self.ring.capacity() {
            match self.marker_at(self.next) {
                Some(0) => self.skip(1),
                found => return found,
            }
        }
        None
    }

    fn marker_at(&mut self, number: u64) -> Option<u64> {
        let is_published = self.ring.mode() == Mode::Fenced && self.is_published(number);
        let slot = self.slot(number);
        let word = match self.ring.mode() {
            Mode::Fenced => is_published.then(|| slot.meta.load(Ordering::Relaxed)),
            // pairs with the Release store of seq in publish_gap_marker
            Mode::FenceFree => (slot.seq.load(Ordering::Acquire) == batch::published(number))
                .then(|| sentinel::arrived(slot))
                .flatten(),
        };
        word.filter(|word| Meta::is_gap(*word))?;
        let [count, ..] = &slot.payload;
        // Seen with Acquire above.
        Some(count.read_published())
    }
}
