//! Fence-free publication against the worst link: the words of a device's messages arrive one by
//! one, in random order, several messages at once and the end of the stream among them. The
//! consumer must see a message when its last word is there, and not before. No order is kept at
//! all, not even that of the stores to one word: they may be different threads', and a late one
//! would hit the message of a later lap.
//!
//! Now and then a CPU takes over, and leaves words of messages that it gave up in the slots.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;
#[path = "common/messages.rs"]
mod messages;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use common::{Random, Region, halves, offset, take};
use messages::{Message, config, describes, in_place, message, stores};
use perdix_core::sentinel::SENTINEL;
use perdix_core::{Config, Consumer, Cursor, Mode, Poll, Producer, Ring, SLOT_SIZE};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Send(Message),
    /// A CPU gives some messages up, staged or only written, and sends one.
    SendFromCpu(Vec<(bool, Message)>, Message),
    /// So many stores arrive, in an order that follows from the seed.
    Deliver(usize, u64),
    Finish,
    Receive(u64),
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => message().prop_map(Step::Send),
        2 => (prop::collection::vec((any::<bool>(), message()), 0..4), message())
            .prop_map(|(given_up, message)| Step::SendFromCpu(given_up, message)),
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
    /// Whether the last message was a CPU's.
    from_cpu: bool,
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
            from_cpu: false,
        }
    }

    /// Sends what a device would store, if the tail leaves room.
    fn send(&mut self, message: Message) {
        let number = self.config.start.wrapping_add(self.sent);
        let tail = Cursor::from_word(self.region.word(offset::TAIL).load(Ordering::Relaxed));
        if self.finished || tail.distance_to(number) >= self.config.capacity {
            return;
        }
        self.hand_over();
        let index = number & (self.config.capacity - 1);
        let slot = offset::SLOTS + SLOT_SIZE * index as usize;
        for (word, value) in stores(number, &message) {
            self.in_flight.push(Store { message: Some(self.sent), offset: slot + 8 * word, value });
        }
        self.queue.push_back(message);
        self.sent += 1;
    }

    /// Sends as a CPU does, once all that a device has sent is there.
    fn send_from_cpu(&mut self, given_up: &[(bool, Message)], message: Message) {
        if self.finished || !self.in_flight.is_empty() {
            return;
        }
        // SAFETY: the device sends nothing meanwhile.
        let mut producer =
            unsafe { Producer::resume_at(self.ring, self.config.start.wrapping_add(self.sent)) };
        for (staged, message) in given_up {
            give_up(&mut producer, *staged, &message.bytes);
        }
        if producer.push(message.kind, message.flags, &message.bytes).is_ok() {
            self.queue.push_back(message);
            self.sent += 1;
        }
        self.from_cpu = true;
    }

    /// What a host does before a device may send: it clears the free slots, and only these.
    fn hand_over(&mut self) {
        if self.from_cpu {
            self.from_cpu = false;
            self.consumer.recycle();
            let head = self.config.start.wrapping_add(self.sent);
            // SAFETY: neither half is in use.
            unsafe { self.ring.clear_free(self.consumer.next(), head) };
        }
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

    /// Lets one store arrive, any of them.
    fn deliver_one(&mut self, which: usize) {
        let store = self.in_flight.swap_remove(which % self.in_flight.len());
        self.region.set(store.offset, store.value);
    }

    /// Looks for the next message, which must be there if and only if all of it has arrived.
    fn receive(&mut self) {
        let on_the_way = |message: Option<u64>| self.in_flight.iter().any(|store| store.message == message);
        match (self.consumer.look().unwrap(), self.queue.front()) {
            (Poll::Ready(meta), Some(message)) => {
                assert!(!on_the_way(Some(self.received)), "seen before it has arrived");
                assert!(describes(&self.ring, self.consumer.next(), meta, message));
                let bytes = in_place(&self.ring, self.consumer.next(), meta.len());
                assert_eq!(bytes, message.bytes);
                take(&mut self.consumer, 1);
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
            Step::SendFromCpu(given_up, message) => self.send_from_cpu(&given_up, message),
            Step::Deliver(count, seed) => self.deliver(count, seed),
            Step::Finish => self.finish(),
            Step::Receive(count) => (0..count).for_each(|_| self.receive()),
            Step::Settle => self.consumer.recycle(),
        }
    }

    /// Lets everything arrive and receives it.
    fn drain(&mut self) {
        self.finish();
        self.deliver(usize::MAX, 1);
        while self.received < self.sent {
            self.receive();
        }
        assert_eq!(self.consumer.look(), Ok(Poll::Ended));
        self.consumer.recycle();
        self.hand_over();
        // Every slot is as it was in the beginning, but for the sequence words.
        for slot in 0..self.config.capacity as usize {
            let word = |i: usize| self.region.word(offset::SLOTS + SLOT_SIZE * slot + 8 * i);
            assert!((1..32).all(|i| word(i).load(Ordering::Relaxed) == SENTINEL));
        }
    }
}

/// Writes a message into the next free slot, or stages it there, and gives it up.
fn give_up(producer: &mut Producer, staged: bool, bytes: &[u8]) {
    if staged {
        let _ = producer.stage(9, 9, bytes);
        return;
    }
    if let Ok(mut free) = producer.vacant() {
        free.write(bytes);
        // As by a panic that nobody expected: not even the slot is cleaned.
        std::mem::forget(free);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 8000 }))]

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

/// A CPU gives up a message of 240 bytes, and sends a shorter one from the same slot; in the next
/// lap a device sends 240 bytes. Whichever word comes last, the message is not there without it.
#[test]
fn words_left_behind_are_not_taken_for_arrived() {
    let long = Message { kind: 2, flags: 0, bytes: (0..240).collect() };
    let words = stores(1, &long);
    for (staged, len) in [(false, 0), (false, 9), (false, 16), (false, 100), (true, 0), (true, 100)] {
        for last in 0..words.len() {
            let (_region, ring) = Region::with_ring(Config { capacity: 1, mode: Mode::FenceFree, start: 0 });
            let (mut producer, mut consumer) = halves(ring);
            give_up(&mut producer, staged, &[7; 240]);
            if staged {
                producer.push(1, 0, &[8; 240][..len]).unwrap();
            } else {
                producer.vacant().unwrap().stage(1, 0, len);
                producer.publish();
            }
            take(&mut consumer, 1);
            consumer.recycle();
            // SAFETY: the slot is free, and this is the producer.
            let slot = unsafe { ring.slot(1) };
            let store = |(word, value): (usize, u64)| {
                let word = [&slot.seq, &slot.meta].into_iter().chain(&slot.payload).nth(word).unwrap();
                word.store(value, Ordering::Relaxed);
            };
            words.iter().enumerate().filter(|(i, _)| *i != last).for_each(|(_, word)| store(*word));
            assert_eq!(consumer.look(), Ok(Poll::Empty), "without word {last}, after {len} bytes");
            store(words[last]);
            let Ok(Poll::Ready(meta)) = consumer.look() else { panic!("not seen") };
            assert!(describes(&ring, 1, meta, &long));
            assert_eq!(in_place(&ring, 1, 240), long.bytes);
        }
    }
}
