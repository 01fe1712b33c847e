//! Fence-free publication against the worst link: the words of a device's messages arrive one by one, in random order,
//! several messages at once and the end of the stream among them. The consumer must see a message when its last
//! word is there, and not before. One order is kept, as every memory model does: that of one thread's stores to one word.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;
#[path = "common/messages.rs"]
mod messages;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{Random, Region, halves, offset};
use messages::{Message, config, describes, in_place, message};
use perdix_core::sentinel::{self, SENTINEL};
use perdix_core::{Config, Consumer, Cursor, Meta, Mode, Poll, Ring, SLOT_SIZE, Slot};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Send(Message),
    /// So many stores arrive, in an order that follows from the seed.
    Deliver(usize, u64),
    Finish,
    Receive(u64),
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => message().prop_map(Step::Send),
        8 => (0..80usize, any::<u64>()).prop_map(|(count, seed)| Step::Deliver(count, seed)),
        1 => Just(Step::Finish),
        8 => (0..10u64).prop_map(Step::Receive),
        5 => Just(Step::Settle),
    ]
}

/// One 8-byte store on its way.
struct Store {
    /// The message it belongs to, counted from the first; none for the end of the stream.
    message: Option<u64>,
    offset: usize,
    value: u64,
}

impl Store {
    /// Whether its arrival changes anything: a payload word that really is the sentinel looks the same before.
    fn matters(&self) -> bool {
        self.value != SENTINEL
    }
}

struct Link {
    config: Config,
    region: Region,
    ring: Ring,
    consumer: Consumer,
    /// Sent, not yet received.
    queue: VecDeque<Message>,
    in_flight: Vec<Store>,
    sent: u64,
    received: u64,
    finished: bool,
}

impl Link {
    fn new(config: Config) -> Self {
        let (region, ring) = Region::with_ring(config);
        let (_, consumer) = halves(ring);
        Self {
            config,
            region,
            ring,
            consumer,
            queue: VecDeque::new(),
            in_flight: Vec::new(),
            sent: 0,
            received: 0,
            finished: false,
        }
    }

    /// Sends what a device would store, if the tail leaves room.
    fn send(&mut self, message: Message) {
        let number = self.config.start.wrapping_add(self.sent);
        let tail = Cursor::from_word(self.region.word(offset::TAIL).load(Ordering::Relaxed));
        if self.finished || tail.distance_to(number) >= self.config.capacity {
            return;
        }
        let index = number & (self.config.capacity - 1);
        let slot = offset::SLOTS + SLOT_SIZE * index as usize;
        for (word, value) in stores(number, &message) {
            self.in_flight.push(Store { message: Some(self.sent), offset: slot + 8 * word, value });
        }
        self.queue.push_back(message);
        self.sent += 1;
    }

    fn finish(&mut self) {
        if !self.finished {
            self.finished = true;
            let end = Cursor::new(self.config.start.wrapping_add(self.sent), true);
            self.in_flight.push(Store { message: None, offset: offset::END, value: end.word() });
        }
    }

    fn deliver(&mut self, count: usize, seed: u64) {
        let mut random = Random::new(seed);
        for _ in 0..count.min(self.in_flight.len()) {
            self.deliver_one(random.next() as usize);
        }
    }

    /// Lets one store arrive: the first of those to the same word.
    fn deliver_one(&mut self, which: usize) {
        let offset = self.in_flight[which % self.in_flight.len()].offset;
        let first = self.in_flight.iter().position(|store| store.offset == offset).unwrap();
        let store = self.in_flight.remove(first);
        self.region.set(store.offset, store.value);
    }

    /// Looks for the next message, which must be there if and only if all of it has arrived.
    fn receive(&mut self) {
        let on_the_way = |message: Option<u64>| {
            self.in_flight.iter().any(|store| store.message == message && store.matters())
        };
        match (self.consumer.poll().unwrap(), self.queue.front()) {
            (Poll::Ready(meta), Some(message)) => {
                assert!(!on_the_way(Some(self.received)), "seen before it has arrived");
                assert!(describes(&self.ring, self.consumer.next(), meta, message));
                let bytes = in_place(&self.ring, self.consumer.next(), meta.len());
                assert_eq!(bytes, message.bytes);
                self.consumer.take(1, meta.len() as u64);
                self.queue.pop_front();
                self.received += 1;
            }
            (Poll::Empty, Some(_)) => assert!(on_the_way(Some(self.received)), "not seen"),
            (Poll::Empty, None) => assert!(!self.finished || on_the_way(None)),
            (Poll::Ended, None) => assert!(self.finished && !on_the_way(None)),
            (found, expected) => panic!("found {found:?}, expected {expected:?}"),
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Send(message) => self.send(message),
            Step::Deliver(count, seed) => self.deliver(count, seed),
            Step::Finish => self.finish(),
            Step::Receive(count) => (0..count).for_each(|_| self.receive()),
            Step::Settle => self.consumer.settle(),
        }
    }

    /// Lets everything arrive and receives it.
    fn drain(&mut self) {
        self.finish();
        self.deliver(usize::MAX, 1);
        while self.received < self.sent {
            self.receive();
        }
        assert_eq!(self.consumer.poll(), Ok(Poll::Ended));
        self.consumer.settle();
        // Every slot is as it was in the beginning, but for the sequence words.
        for slot in 0..self.config.capacity as usize {
            let word = |i: usize| self.region.word(offset::SLOTS + SLOT_SIZE * slot + 8 * i);
            assert!((1..32).all(|i| word(i).load(Ordering::Relaxed) == SENTINEL));
        }
    }
}

/// The stores of a message, as words of its slot: what the product's code does to a slot of our own.
fn stores(number: u64, message: &Message) -> Vec<(usize, u64)> {
    const MARK: u64 = 0x5e1f_5e1f_5e1f_5e1f;
    let word = || AtomicU64::new(MARK);
    let slot = Slot { seq: word(), meta: word(), payload: std::array::from_fn(|_| word()) };
    let meta = Meta::new(message.bytes.len(), message.flags, message.kind);
    let words: Vec<u64> = message.bytes.chunks(8).map(word_of).collect();
    sentinel::publish_unordered(&slot, number, meta, &words);
    let slot = [&slot.seq, &slot.meta].into_iter().chain(&slot.payload);
    let values = slot.map(|word| word.load(Ordering::Relaxed)).enumerate();
    let stores: Vec<_> = values.filter(|(_, value)| *value != MARK).collect();
    assert_eq!(stores.len(), 2 + 2 * message.bytes.len().div_ceil(16), "header, and whole pairs of payload");
    stores
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 5000 }))]

    #[test]
    fn a_message_is_seen_when_its_last_word_arrives(
        config in config(&[Mode::FenceFree]),
        tail_every in 0..70u64,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut link = Link::new(config);
        link.consumer = halves(link.ring).1.with_tail_every(tail_every);
        steps.into_iter().for_each(|step| link.run(step));
        link.drain();
    }
}

/// Every order of the words of one short message, at every point of it.
#[test]
fn every_order_of_a_short_message() {
    let words = [SENTINEL, 7].map(u64::to_le_bytes).concat();
    for len in [0, 5, 8, 16] {
        let message = Message { kind: 3, flags: 0, bytes: words[..len].to_vec() };
        let count = stores(0, &message).len();
        for order in 0..count.pow(count as u32) {
            let mut link = Link::new(Config { capacity: 1, mode: Mode::FenceFree, start: 0 });
            link.send(message.clone());
            for step in 0..count {
                link.receive();
                link.deliver_one(order / count.pow(step as u32));
            }
            link.receive();
            assert_eq!(link.received, 1);
            assert!(link.in_flight.is_empty());
        }
    }
}
