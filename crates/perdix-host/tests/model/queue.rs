//! What the ring should hold.

use std::collections::VecDeque;

/// One published slot: a part of a message, or the notice that so many were dropped.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Part { kind: u16, more: bool, bytes: Vec<u8> },
    Gap(u64),
}

/// The model: a queue, and what is known of the slots that the consumer has handed back.
///
/// The consumer may hold back up to `release_every - 1` slots, so what is free is known only between two bounds; they meet
/// when it is idle.
#[derive(Debug)]
pub(crate) struct Queue {
    slots: u64,
    held_back: u64,
    /// Published and not taken.
    pub(crate) there: VecDeque<Entry>,
    /// The number of the next message to take.
    pub(crate) next: u64,
    /// The last that were taken, at most a ring full: they may come again.
    taken: VecDeque<Entry>,
    /// Whether a consumer was forgotten: how much was received is not known exactly then.
    pub(crate) forgot: bool,
    /// Slots taken and not handed back, because a guard lives or was forgotten.
    guarded: u64,
    /// Slots handed back of which the producer may not know yet.
    unknown: u64,
    /// Whether the consumer was dropped.
    pub(crate) gone: bool,
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) dropped: u64,
    /// Dropped, as far as the consumer has been told.
    pub(crate) told: u64,
}

/// What should become of a call that needs room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Yes,
    No,
    /// It depends on what the consumer holds back.
    Perhaps,
}

impl Queue {
    pub(crate) fn new(slots: usize, start: u64, release_every: Option<usize>) -> Self {
        let every = release_every.unwrap_or((slots / 4).min(256)).clamp(1, slots);
        Self {
            slots: slots as u64,
            held_back: every as u64 - 1,
            there: VecDeque::new(),
            next: start,
            taken: VecDeque::new(),
            forgot: false,
            guarded: 0,
            unknown: 0,
            gone: false,
            sent: 0,
            sent_bytes: 0,
            dropped: 0,
            told: 0,
        }
    }

    /// New halves: everything taken is handed back, and the producer knows.
    pub(crate) fn split(&mut self) {
        self.gone = false;
        self.guarded = 0;
        self.unknown = 0;
    }

    /// New halves behind a consumer that was forgotten: the new one is at `position`. What was not handed back, or of which
    /// the producer may not know, comes again.
    pub(crate) fn split_again(&mut self, position: u64) {
        let again = self.next.wrapping_sub(position);
        assert!(again <= self.guarded + self.held_back, "{again} messages come again");
        for _ in 0..again {
            let entry = self.taken.pop_back().unwrap();
            if let Entry::Gap(dropped) = entry {
                self.told -= dropped;
            }
            self.there.push_front(entry);
        }
        self.next = position;
        self.forgot = true;
        self.split();
    }

    /// A guard is dropped: everything taken is handed back, but perhaps not told.
    pub(crate) fn settle(&mut self) {
        self.unknown = (self.unknown + self.guarded).min(self.held_back);
        self.guarded = 0;
    }

    /// The consumer looks for a message: if there is none, everything is handed back and told.
    pub(crate) fn look(&mut self) {
        if self.run() == 0 {
            self.guarded = 0;
            self.unknown = 0;
        }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.slots
    }

    /// The fewest and the most slots that can be free now.
    pub(crate) fn free(&self) -> (u64, u64) {
        let most = self.free_at_most();
        (most - self.unknown, most)
    }

    fn free_at_most(&self) -> u64 {
        self.slots - self.there.len() as u64 - self.guarded
    }

    pub(crate) fn room(&self, slots: u64) -> Room {
        match self.free() {
            (least, _) if slots <= least => Room::Yes,
            (_, most) if slots > most => Room::No,
            _ => Room::Perhaps,
        }
    }

    /// Checks the outcome of a call that needed `slots` slots against what is known.
    pub(crate) fn check_room(&self, slots: u64, taken: bool) {
        let room = self.room(slots);
        let fits = match room {
            Room::Yes => taken,
            Room::No => !taken,
            Room::Perhaps => true,
        };
        assert!(fits, "{slots} slots, taken: {taken}, but there is room: {room:?}");
    }

    pub(crate) fn publish(&mut self, kind: u16, more: bool, bytes: &[u8]) {
        self.sent += 1;
        self.sent_bytes += bytes.len() as u64;
        self.push(Entry::Part { kind, more, bytes: bytes.to_vec() });
    }

    /// The producer has told of so many dropped messages.
    pub(crate) fn publish_gap(&mut self, dropped: u64) {
        self.check_room(1, true);
        self.push(Entry::Gap(dropped));
    }

    fn push(&mut self, entry: Entry) {
        self.there.push_back(entry);
        // What was published went into slots of which the producer knew.
        self.unknown = self.unknown.min(self.free_at_most());
    }

    /// The next message was taken and looked like this.
    pub(crate) fn take(&mut self, number: u64, kind: u16, more: bool, bytes: &[u8]) {
        let Some(Entry::Part { kind: want, more: goes_on, bytes: content }) = self.there.front() else {
            panic!("message {number} comes from nowhere: {bytes:x?}")
        };
        assert_eq!((number, kind, more), (self.next, *want, *goes_on));
        assert_eq!(bytes, content, "message {number}");
        self.take_whole(1);
    }

    /// Messages that are there before the next gap.
    pub(crate) fn run(&self) -> usize {
        self.there.iter().take_while(|entry| matches!(entry, Entry::Part { .. })).count()
    }

    /// The gap at the front, if there is one.
    pub(crate) fn gap(&self) -> Option<u64> {
        self.there
            .front()
            .and_then(|entry| if let Entry::Gap(dropped) = entry { Some(*dropped) } else { None })
    }

    /// The consumer was told of the gap at the front.
    pub(crate) fn take_gap(&mut self, dropped: u64, position: u64) {
        assert_eq!(self.gap(), Some(dropped));
        self.told += dropped;
        self.take_whole(1);
        self.settle();
        assert_eq!(position, self.next);
    }

    /// The next `slots` messages were taken together.
    pub(crate) fn take_whole(&mut self, slots: u64) {
        self.taken.extend(self.there.drain(..slots as usize));
        let most = self.slots as usize;
        self.taken.drain(..self.taken.len().saturating_sub(most));
        self.next = self.next.wrapping_add(slots);
        self.guarded += slots;
    }

    /// Kind, slots and bytes of the next message, put together.
    pub(crate) fn whole(&self) -> Option<(u16, u64, Vec<u8>)> {
        let mut bytes = Vec::new();
        for (entry, slots) in self.there.iter().zip(1..) {
            let Entry::Part { kind, more, bytes: part } = entry else {
                panic!("a gap inside a large message")
            };
            bytes.extend_from_slice(part);
            if !more {
                return Some((*kind, slots, bytes));
            }
        }
        if bytes.is_empty() {
            return None;
        }
        panic!("a large message was published in part")
    }
}
