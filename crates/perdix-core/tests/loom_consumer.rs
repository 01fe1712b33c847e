//! loom models of a device consumer: one warp, whose lanes load a slot's pairs in one instruction,
//! which orders nothing among them. A mirror of `WarpConsumer` in perdix-gpu with one thread for
//! the warp: its lanes agree by shuffles and meet before and after they hand back, so that only the
//! order of their loads is theirs, and these models take every one that matters.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod loom_word;

use std::sync::atomic::Ordering;

use loom::thread;
use loom_word::LoomWord;
use loom_word::model::*;
use perdix_core::sentinel::{SENTINEL, UNESCAPED};
use perdix_core::{Consumer, Cursor, Meta, Mode, Poll, Producer, Ring, Slot, Word};

/// In which order a look loads what it needs.
type Look = u8;
/// The header, and only if it has come the payload: a second load, which the first one's Acquire
/// orders.
const IN_TWO: Look = 0;
/// All in one load, of which the header's lane happens to be served first.
const HEADER_FIRST: Look = 1;
/// The same, and the header's lane is served last.
const HEADER_LAST: Look = 2;

/// The warp's place.
struct Warp {
    ring: Ring<LoomWord>,
    next: u64,
    published: u64,
}

impl Warp {
    fn of(consumer: &Consumer<LoomWord>) -> Self {
        Self { ring: *consumer.ring(), next: consumer.next(), published: consumer.next() }
    }

    fn slot(&self, number: u64) -> &Slot<LoomWord> {
        // SAFETY: this is the consumer, and the slot is not handed back.
        unsafe { self.ring.slot(number) }
    }

    /// The next message if all of it has come.
    fn look<const WORDS: usize>(&self, look: Look) -> Option<(Meta, Vec<u64>)> {
        let slot = self.slot(self.next);
        let early = if look == HEADER_LAST { self.row::<WORDS>() } else { Vec::new() };
        let (number, word) = (slot.seq.load(Ordering::Acquire), slot.meta.load(Ordering::Acquire));
        if number != self.next.wrapping_add(1) {
            return None;
        }
        let mut words = if look == HEADER_LAST { early } else { self.row::<WORDS>() };
        let is_fence_free = self.ring.mode() == Mode::FenceFree;
        if is_fence_free && word == SENTINEL {
            return None;
        }
        let meta = Meta::from_word(word).unwrap();
        if is_fence_free {
            words.truncate(meta.len().div_ceil(8));
            // A close look may have opened the message before, and put back what the mask names.
            if word & UNESCAPED == 0 {
                if words.contains(&SENTINEL) {
                    return None;
                }
                let masked = words.iter_mut().enumerate().filter(|(i, _)| meta.mask() >> i & 1 != 0);
                masked.for_each(|(_, word)| *word = SENTINEL);
            }
        }
        Some((meta, words))
    }

    /// The payload, as one load by all lanes brings it.
    fn row<const WORDS: usize>(&self) -> Vec<u64> {
        let words = &self.slot(self.next).payload[..WORDS];
        if self.ring.mode() == Mode::FenceFree {
            // Lanes in any order: from the last to the first.
            let mut row: Vec<u64> = words.iter().rev().map(|word| word.load(Ordering::Relaxed)).collect();
            row.reverse();
            return row;
        }
        let mut bytes = vec![0; 8 * WORDS];
        // SAFETY: the header was seen, and loom reports the race if it orders nothing.
        unsafe { LoomWord::read_plain(words, &mut bytes) };
        bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect()
    }

    /// Gives all slots taken back to the producer.
    fn hand_back<const WORDS: usize>(&mut self) {
        // SAFETY: this is the consumer.
        let line = unsafe { &self.ring.control().consumer };
        if self.ring.mode() == Mode::FenceFree {
            line.recycled.store(self.next, Ordering::Relaxed);
            LoomWord::fence(Ordering::Release);
            while self.published != self.next {
                let slot = self.slot(self.published);
                slot.payload[..WORDS].iter().for_each(LoomWord::rearm);
                slot.meta.rearm();
                self.published = self.published.wrapping_add(1);
            }
        }
        self.published = self.next;
        line.tail.store(Cursor::new(self.next, false).word(), Ordering::Release);
    }

    /// What the protocol's own consumer says at this place.
    fn look_closely(&self) -> Poll {
        // SAFETY: it is the ring's only consumer, and hands nothing back.
        unsafe { Consumer::resume_at(self.ring, self.next, (0, 0), 0, 0) }.look().unwrap()
    }

    fn has_ended(&self) -> bool {
        // SAFETY: the word is only loaded.
        let end = unsafe { &self.ring.control().producer.end };
        Cursor::from_word(end.load(Ordering::Acquire)).flag()
    }
}

/// Takes exactly `N` messages of `WORDS` words, hands slots back `HELD` at a time, and sees the
/// end.
fn warp<const N: u64, const WORDS: usize, const HELD: u64, const LOOK: Look>(consumer: Consumer<LoomWord>) {
    let mut warp = Warp::of(&consumer);
    for i in 0..N {
        let (meta, words) = loop {
            match warp.look::<WORDS>(LOOK) {
                Some(found) => break found,
                // The end is seen with the message still on its way: it must come all the same.
                None if warp.has_ended() => {
                    assert_ne!(warp.look_closely(), Poll::Ended, "before message {i}");
                }
                None => {}
            }
            thread::yield_now();
        };
        assert_eq!((u64::from(meta.kind()), words), (i, payload(i, WORDS)));
        warp.next = warp.next.wrapping_add(1);
        if (i + 1) % HELD == 0 {
            warp.hand_back::<WORDS>();
        }
    }
    while !warp.has_ended() {
        thread::yield_now();
    }
    assert_eq!(warp.look::<WORDS>(LOOK).map(|(meta, _)| meta), None);
    assert_eq!(warp.look_closely(), Poll::Ended);
}

/// A CPU that stores whole words, each once, as a client does: what may be read in one look.
fn pairs<const N: u64, const WORDS: usize>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        let words = payload(i, WORDS);
        patiently(|| producer.push_chunks(i as u16, 0, 8 * WORDS, |pair| pair_of(&words, pair)));
    }
    producer.finish();
}

#[test]
fn fenced() {
    explore(3, config(1, FENCED, 0), 2, push::<3, 2>, warp::<3, 2, 1, IN_TWO>);
    explore(3, config(2, FENCED, WRAP), 2, pairs::<3, 2>, warp::<3, 2, 2, IN_TWO>);
}

#[test]
fn fence_free() {
    explore(3, config(1, FENCE_FREE, 0), 2, push::<3, 2>, warp::<3, 2, 1, IN_TWO>);
    explore(3, config(2, FENCE_FREE, WRAP), 2, push::<3, 2>, warp::<3, 2, 2, IN_TWO>);
}

#[test]
fn whole_words_in_one_look() {
    explore(3, config(1, FENCE_FREE, 0), 2, pairs::<3, 2>, warp::<3, 2, 1, HEADER_LAST>);
    explore(3, config(2, FENCE_FREE, WRAP), 2, pairs::<3, 2>, warp::<3, 2, 2, HEADER_LAST>);
}

#[test]
fn whole_words_in_one_look_header_first() {
    explore(3, config(1, FENCE_FREE, 0), 2, pairs::<3, 2>, warp::<3, 2, 1, HEADER_FIRST>);
}
