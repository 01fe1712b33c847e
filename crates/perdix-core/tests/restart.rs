//! A consumer that dies is succeeded by another: proves, for a death after every single store that
//! a consumer makes, that no message is lost, that none comes again beyond what the documentation
//! says, and that every slot is fit for its next message.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;
mod crash_word;

use std::cell::Cell;
use std::sync::atomic::Ordering;

use common::MODES;
use crash_word::{CrashWord, Memory, with_stores};
use perdix_core::sentinel::SENTINEL;
use perdix_core::{AttachError, Config, Consumer, Mode, Poll, Producer, Ring, Word};

/// Message `id`: 0 to 240 bytes, every third word a sentinel.
fn message(id: u64) -> Vec<u8> {
    let words = (0..30).map(|at| if (id + at) % 3 == 0 { SENTINEL } else { id << 8 | at });
    words.flat_map(u64::to_le_bytes).take([240, 16, 0, 100][id as usize % 4]).collect()
}

/// What stands in a slot: message number so and so, or the notice that so many were dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Message(u64),
    Gap(u64),
}

/// A producer that remembers what it sent.
struct Sender {
    core: Producer<CrashWord>,
    /// One for each slot sent.
    log: Vec<Item>,
    next_id: u64,
    /// Dropped and not told yet.
    pending: u64,
}

impl Sender {
    /// Sends until the ring is full, and drops `drops` messages then.
    fn fill(&mut self, drops: u64) {
        let mut dropped = 0;
        while dropped < drops.max(1) {
            let bytes = message(self.next_id);
            let head = self.core.head();
            let sent = match drops {
                0 => self.core.push(self.next_id as u16, 0, &bytes).is_ok(),
                _ => self.core.push_or_drop(self.next_id as u16, 0, &bytes).unwrap(),
            };
            if !sent {
                dropped += 1;
                self.pending += u64::from(drops != 0);
            }
            if self.core.head().wrapping_sub(head) != u64::from(sent) {
                self.log.push(Item::Gap(std::mem::take(&mut self.pending)));
            }
            if sent {
                self.log.push(Item::Message(self.next_id));
            }
            self.next_id += u64::from(sent || drops != 0);
        }
    }

    fn sent(&self) -> u64 {
        self.log.len() as u64
    }

    /// Dropped messages that were told of before slot `number`.
    fn reported_before(&self, number: u64) -> u64 {
        let count = |item: &Item| if let Item::Gap(count) = item { *count } else { 0 };
        self.log[..number as usize].iter().map(count).sum()
    }
}

/// How far a consumer came: slots handed back, and slots that it was about to hand back.
#[derive(Default)]
struct Way {
    done: Cell<u64>,
    held: Cell<u64>,
}

/// Takes what is there, up to about `most`, in steps of one to three messages, and checks it.
fn consume(consumer: &mut Consumer<CrashWord>, log: &[Item], start: u64, most: u64, way: &Way) {
    let until = way.done.get().saturating_add(most);
    let recycled = |count: u64| {
        way.done.set(way.done.get() + count);
        way.held.set(0);
    };
    loop {
        // Opens all that are there.
        consumer.available(u64::MAX);
        let at = consumer.next().wrapping_sub(start);
        match consumer.poll().unwrap() {
            Poll::Ready(message_there) => {
                let meta = message_there.meta();
                let mut bytes = vec![0; meta.len()];
                message_there.copy_to(&mut bytes);
                let Item::Message(id) = log[at as usize] else { panic!("{meta:?} instead of a gap") };
                assert_eq!((meta.kind(), bytes), (id as u16, message(id)), "message {id}");
                message_there.take();
                way.held.set(way.held.get() + 1);
                if way.held.get() > at % 3 {
                    consumer.recycle();
                    recycled(way.held.get());
                }
            }
            Poll::Gap(count) => {
                assert_eq!(log[at as usize], Item::Gap(count));
                consumer.recycle();
                recycled(way.held.get());
                // Now that all is recycled: this publishes the tail.
                assert_eq!(consumer.look(), Ok(Poll::Gap(count)));
                way.held.set(1);
                assert_eq!(consumer.take_gap(), Some(count));
                consumer.recycle();
                recycled(1);
            }
            Poll::Empty | Poll::Ended => {
                consumer.recycle();
                return recycled(way.held.get());
            }
        }
        if way.done.get() >= until {
            return consumer.publish_tail();
        }
    }
}

/// Whether the slots behind the last `free` messages before `next` hold nothing but sentinels,
/// where that matters.
fn is_armed(ring: &Ring<CrashWord>, next: u64, free: u64) -> bool {
    ring.mode() == Mode::Fenced
        || (1..=free).all(|back| {
            // SAFETY: nobody uses the ring now.
            let slot = unsafe { ring.slot(ring.config().start.wrapping_add(next).wrapping_sub(back)) };
            let mut words = [&slot.meta].into_iter().chain(&slot.payload);
            words.all(|word| word.load(Ordering::Relaxed) == SENTINEL)
        })
}

/// One death after `lives` stores; whether the consumer came that far at all.
fn dies(config: Config, tail_every: u64, drops: u64, lives: u64) -> bool {
    let (_memory, ring) = Memory::ring(config);
    // SAFETY: the ring's only producer.
    let core = unsafe { Producer::new(ring) };
    let mut sender = Sender { core, log: Vec::new(), next_id: 0, pending: 0 };
    let way = Way::default();
    // SAFETY: the ring's only consumer, until it dies.
    let mut first = unsafe { Consumer::new(ring) }.with_tail_every(tail_every);
    let mut left = lives;
    // Several times a part of it, so that several gaps lie in the ring, and then all.
    let died = ![3, 3, 3, u64::MAX, u64::MAX].into_iter().all(|most| {
        sender.fill(drops);
        with_stores(&mut left, || consume(&mut first, &sender.log, config.start, most, &way))
    });

    // SAFETY: the one before is used no more.
    let mut second = unsafe { Consumer::recover(ring) }.unwrap().with_tail_every(tail_every);
    let next = second.next().wrapping_sub(config.start);
    let (done, held) = (way.done.get(), way.held.get());
    match config.mode {
        Mode::Fenced => assert!(
            next <= done + held && done - next.min(done) < tail_every,
            "{next} after {done} and {held}"
        ),
        Mode::FenceFree => assert!(next == done || next == done + held, "{next} after {done} and {held}"),
    }
    assert_eq!(second.dropped(), sender.reported_before(next), "what was told before message {next}");
    second.reconnect();
    let free = config.capacity - (sender.sent() - next);
    assert!(is_armed(&ring, next, free), "all free slots are re-armed");
    // Everything comes, for more than a lap, and the ring is as good as new.
    let way = Way { done: Cell::new(next), held: Cell::new(0) };
    for _ in 0..4 {
        sender.fill(drops);
        consume(&mut second, &sender.log, config.start, u64::MAX, &way);
        assert_eq!(way.done.get(), sender.sent(), "all that was sent comes");
        assert_eq!(second.dropped(), sender.reported_before(sender.sent()));
    }
    let sent = sender.sent();
    assert!(is_armed(&ring, sent, config.capacity));
    sender.core.finish();
    let end = if sender.pending == 0 { Poll::Ended } else { Poll::Gap(sender.pending) };
    assert_eq!(second.look(), Ok(end));
    // Whoever comes last hears the rest, and whoever comes after it does not.
    for expected in [Some(sender.pending).filter(|rest| *rest != 0), None] {
        // SAFETY: the one before is used no more.
        let mut last = unsafe { Consumer::recover(ring) }.unwrap();
        assert_eq!(last.take_gap(), expected);
        last.publish_tail();
    }
    died
}

#[test]
fn a_successor_goes_on_after_a_death_at_any_store() {
    let mut deaths = 0;
    for mode in MODES {
        for start in [0, u64::MAX - 6, (1 << 63) - 3] {
            for (capacity, tail_every, drops) in
                [(4, 1, 0), (4, 3, 2), (8, 5, 0), (8, 5, 3), (8, 8, 1), (1, 1, 0), (1, 1, 1)]
            {
                let config = Config { capacity, mode, start };
                deaths += (0..).take_while(|lives| dies(config, tail_every, drops, *lives)).count();
            }
        }
    }
    assert!(deaths > 1000, "{deaths} deaths");
}

#[test]
fn a_successor_believes_no_impossible_position() {
    let (region, ring) = common::Region::with_ring(Config { capacity: 8, mode: Mode::FenceFree, start: 3 });
    for ahead in [9, 1 << 40, u64::MAX] {
        region.set(256 + 200, 3_u64.wrapping_add(ahead));
        // SAFETY: the ring has no other consumer.
        let error = unsafe { Consumer::recover(ring) }.unwrap_err();
        assert_eq!(error, AttachError::Position { tail: 3, ahead });
        assert!(error.to_string().contains("corrupt"), "{error}");
    }
    region.set(256 + 200, 11);
    // SAFETY: the ring has no other consumer.
    assert_eq!(unsafe { Consumer::recover(ring) }.unwrap().next(), 11);
}
