//! A side stopped for good after each single store of the protocol. A stopped producer: the consumer delivers every message whose
//! publication was stored, no other, and no wrong byte; then a new producer takes over, and the stream stays exact. A stopped
//! consumer: whoever continues from shared memory goes on where it had said it was.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;
mod crash_word;

use std::sync::atomic::Ordering;

use common::MODES;
use crash_word::{CrashWord, Memory, copy_backwards, take_log, with_stores};
use perdix_core::sentinel::{SENTINEL, STAND_IN};
use perdix_core::{Config, Consumer, Fault, Meta, Mode, Poll, Producer, Refused, Ring, Word};

/// What a slot brings the consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Message { kind: u16, flags: u8, bytes: Vec<u8> },
    Gap(u64),
}

/// What a producer or a consumer does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// `push` of so many bytes.
    Push(usize),
    InPlace(usize),
    /// Stages messages of these lengths and publishes them together.
    Batch(&'static [usize]),
    /// The same, but gives them up.
    GiveUp(&'static [usize]),
    Unordered(usize),
    Pairs(usize),
    /// `push_or_drop`.
    OrDrop(usize),
    Finish,
    Fail,
    /// The consumer takes up to so many items, and hands their slots back.
    Take(u64),
    /// The same without handing them back.
    Hold(u64),
    Leave,
    Rejoin,
}

impl Step {
    fn is_consumers(self) -> bool {
        matches!(self, Self::Take(_) | Self::Hold(_) | Self::Leave | Self::Rejoin)
    }
}

/// Which side is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Producer,
    Consumer,
}

/// A ring, its two halves, and what came out of it.
struct Rig {
    /// Kept as long as the ring.
    _memory: Memory,
    config: Config,
    ring: Ring<CrashWord>,
    producer: Producer<CrashWord>,
    consumer: Consumer<CrashWord>,
    /// Messages that were made, so that no two are alike.
    made: u64,
    came: Vec<Item>,
    ended: bool,
}

impl Rig {
    fn new(config: Config, from_core: bool) -> Self {
        let (memory, ring) = Memory::ring(config);
        // SAFETY: the ring's only producer, until it is replaced.
        let producer = unsafe { Producer::new(ring) };
        // SAFETY: as above.
        let consumer = unsafe { Consumer::new(ring) };
        let consumer = if from_core { consumer.for_cpu_producer() } else { consumer };
        Self { _memory: memory, config, ring, producer, consumer, made: 0, came: Vec::new(), ended: false }
    }

    /// The number of a scenario's first slot.
    fn first(&self) -> u64 {
        self.config.start.wrapping_add(self.config.capacity)
    }

    /// Payload and kind of the next message, rich in words that the fence-free mode has to escape.
    fn make(&mut self, len: usize) -> (u16, Vec<u8>) {
        self.made += 1;
        let word = |i: u64| match (self.made + i) % 4 {
            0 => SENTINEL,
            1 => STAND_IN,
            _ => self.made << 32 | (i + 1),
        };
        let mut bytes: Vec<u8> = (0..30).flat_map(|i| word(i).to_le_bytes()).collect();
        bytes.truncate(len);
        (self.made as u16, bytes)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Push(len) => {
                let (kind, bytes) = self.make(len);
                accept(self.producer.push(kind, 1, &bytes));
            }
            Step::InPlace(len) => {
                let (kind, bytes) = self.make(len);
                if let Ok(number) = self.producer.vacant() {
                    // SAFETY: the slot is vacant.
                    unsafe { CrashWord::write_plain(&self.ring.slot(number).payload, &bytes) };
                    accept(self.producer.push_in_place(kind, 0, len));
                }
            }
            Step::Batch(lens) | Step::GiveUp(lens) => {
                for len in lens {
                    let (kind, bytes) = self.make(*len);
                    accept(self.producer.stage(kind, 0, &bytes));
                }
                if matches!(step, Step::Batch(_)) {
                    self.producer.publish();
                } else {
                    self.producer.abandon();
                }
            }
            Step::Unordered(len) | Step::Pairs(len) => {
                let (kind, mut bytes) = self.make(len);
                bytes.resize(240, 0);
                let word = |i: usize| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().unwrap());
                let pair = |i: usize| [word(2 * i), word(2 * i + 1)];
                accept(match step {
                    Step::Unordered(_) => self.producer.push_unordered(kind, 0, len, pair),
                    _ => self.producer.push_pairs(kind, 0, len, pair),
                });
            }
            Step::OrDrop(len) => {
                let (kind, bytes) = self.make(len);
                self.producer.push_or_drop(kind, 0, &bytes).unwrap();
            }
            Step::Finish => self.producer.finish(),
            Step::Fail => self.producer.fail(Fault::TimedOut),
            Step::Take(most) | Step::Hold(most) => {
                for _ in 0..most {
                    if !self.take_one() {
                        break;
                    }
                    if matches!(step, Step::Take(_)) {
                        self.consumer.settle();
                    }
                }
            }
            Step::Leave => self.consumer.leave(),
            Step::Rejoin => self.consumer.rejoin(),
        }
    }

    /// Takes the next item, if there is one.
    fn take_one(&mut self) -> bool {
        match self.consumer.poll().unwrap() {
            Poll::Ready(meta) => {
                // A second look must find the same.
                assert_eq!(self.consumer.poll(), Ok(Poll::Ready(meta)));
                let item = item(&self.consumer, meta);
                self.consumer.take(1, meta.len() as u64);
                self.came.push(item);
                true
            }
            Poll::Gap(dropped) => {
                assert_eq!(self.consumer.take_gap(), Some(dropped));
                self.came.push(Item::Gap(dropped));
                true
            }
            Poll::Ended => {
                self.ended = true;
                false
            }
            Poll::Empty => false,
        }
    }

    /// Takes all that is there.
    fn drain(&mut self) {
        while self.take_one() {
            self.consumer.settle();
        }
        self.consumer.settle();
    }

    /// A new producer goes on where the stopped one ended, as the host has it.
    fn take_over(&mut self) {
        self.consumer.settle();
        let (slots, told) = self.consumer.published();
        let head = self.consumer.next().wrapping_add(slots);
        self.ring.clear_free(self.consumer.next(), head);
        self.consumer.look_again();
        // SAFETY: the producer before is stopped and replaced.
        self.producer = unsafe { Producer::resume(self.ring, head) };
        let dropped = self.ring.control().producer.stats.dropped.load(Ordering::Relaxed);
        let told = self.consumer.dropped().wrapping_add(told);
        self.producer.set_gap(dropped, dropped.wrapping_sub(told));
        self.producer.reopen();
        self.consumer.rejoin();
    }

    /// Two rings full of messages, in every way, come out as they went in.
    fn goes_on(&mut self) {
        let unordered =
            if self.config.mode == Mode::FenceFree { Step::Unordered(240) } else { Step::Pairs(33) };
        self.came.clear();
        // What was dropped and not told of is told first.
        let _ = self.producer.ensure(1);
        self.drain();
        let first = self.made;
        let mut count = 0;
        let steps = [Step::Push(240), Step::InPlace(17), Step::Batch(&[0]), Step::Pairs(240), unordered];
        for step in steps.into_iter().cycle().take(2 * self.config.capacity as usize + 5) {
            self.step(step);
            count += 1;
            self.drain();
        }
        self.step(Step::Finish);
        self.drain();
        assert!(self.ended);
        let messages = self.came.iter().filter(|item| matches!(item, Item::Message { .. })).count();
        assert_eq!(messages, count);
        let kinds = self.came.iter().filter_map(|item| match item {
            Item::Message { kind, .. } => Some(u64::from(*kind)),
            Item::Gap(_) => None,
        });
        assert!(kinds.eq(first + 1..=first + count as u64));
        let made = std::mem::replace(&mut self.made, first);
        for step in steps.into_iter().cycle().take(count) {
            let len = match step {
                Step::Push(len) | Step::InPlace(len) | Step::Pairs(len) | Step::Unordered(len) => len,
                _ => 0,
            };
            let (kind, bytes) = self.make(len);
            let found = self.came.iter().any(
                |item| matches!(item, Item::Message { kind: k, bytes: b, .. } if *k == kind && *b == bytes),
            );
            assert!(found, "message {kind} after the take-over");
        }
        self.made = made;
    }
}

/// A full ring refuses, and that is part of some scenarios.
fn accept(result: Result<(), Refused>) {
    assert!(matches!(result, Ok(()) | Err(Refused::Full)), "{result:?}");
}

/// The message that a consumer has found next.
fn item(consumer: &Consumer<CrashWord>, meta: Meta) -> Item {
    let mut bytes = vec![0; meta.len()];
    assert_eq!(consumer.copy_next(meta, &mut bytes), meta.len());
    Item::Message { kind: meta.kind(), flags: meta.flags(), bytes }
}

/// Steps of both sides, on a ring of so many slots.
struct Scenario {
    name: &'static str,
    capacity: u64,
    steps: &'static [Step],
    /// Whether it is for fence-free rings only.
    fence_free_only: bool,
    /// Whether messages are dropped. How many a consumer was told of is nothing that its successor knows.
    drops: bool,
}

use Step::*;

const SCENARIOS: [Scenario; 11] = [
    Scenario {
        name: "push and in place",
        capacity: 4,
        steps: &[Push(240), Push(0), InPlace(24), Take(2), Push(1), InPlace(240), Push(17)],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "staged batches",
        capacity: 4,
        steps: &[Batch(&[240, 0, 9]), Take(3), Batch(&[8, 240, 16, 5]), Take(1), Batch(&[100])],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "given up, then others",
        capacity: 2,
        steps: &[
            GiveUp(&[240, 240]),
            Push(10),
            GiveUp(&[200]),
            Batch(&[30]),
            Take(2),
            GiveUp(&[9]),
            Pairs(16),
        ],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "pairs",
        capacity: 2,
        steps: &[Pairs(240), Pairs(0), Take(1), Pairs(31), Take(2), Pairs(16), Pairs(240)],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "no fence",
        capacity: 2,
        steps: &[Unordered(240), Unordered(0), Take(2), Unordered(8), Take(1), Unordered(239), Unordered(64)],
        fence_free_only: true,
        drops: false,
    },
    Scenario {
        name: "drops and gaps",
        capacity: 2,
        steps: &[
            OrDrop(8),
            OrDrop(8),
            OrDrop(8),
            OrDrop(8),
            Take(1),
            OrDrop(8),
            Take(1),
            OrDrop(8),
            OrDrop(9),
            Take(2),
            Push(240),
            OrDrop(3),
        ],
        fence_free_only: false,
        drops: true,
    },
    Scenario {
        name: "drops in one slot",
        capacity: 1,
        steps: &[OrDrop(8), OrDrop(8), Take(1), OrDrop(8), OrDrop(8), Take(1), Push(3), OrDrop(1)],
        fence_free_only: false,
        drops: true,
    },
    Scenario {
        name: "messages held, then handed back together",
        capacity: 8,
        steps: &[Batch(&[240, 0, 9, 33, 240]), Hold(3), Push(7), Take(1), Hold(1), Push(240), Take(9)],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "a consumer that leaves and comes back",
        capacity: 4,
        steps: &[Push(64), Push(240), Hold(1), Leave, Rejoin, Take(1), Push(9), Leave],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "the end",
        capacity: 4,
        steps: &[Push(3), Push(240), Take(1), OrDrop(9), Finish],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "the end of a failure, and a drop untold",
        capacity: 1,
        steps: &[Push(240), OrDrop(9), OrDrop(9), Fail],
        fence_free_only: false,
        drops: true,
    },
];

/// Slots per lap ahead of a scenario, so that it meets used slots and wrapping numbers.
fn configs(scenario: &Scenario) -> Vec<Config> {
    let modes = MODES.into_iter().filter(|mode| !scenario.fence_free_only || *mode == Mode::FenceFree);
    let starts = [0, u64::MAX - 2, (1 << 63) - 2];
    modes.flat_map(|mode| starts.map(|start| Config { capacity: scenario.capacity, mode, start })).collect()
}

/// Runs a scenario on a fresh rig whose `side` may make `stores` stores; the rig, and whether it came to the end.
fn run(scenario: &Scenario, config: Config, side: Side, from_core: bool, stores: u64) -> (Rig, bool) {
    let mut rig = Rig::new(config, from_core);
    // A lap of long messages, so that slots are not fresh.
    for _ in 0..config.capacity {
        rig.step(Push(240));
        rig.drain();
    }
    rig.came.clear();
    take_log();
    let mut left = stores;
    for step in scenario.steps {
        let counted = step.is_consumers() == (side == Side::Consumer);
        if !counted {
            rig.step(*step);
        } else if !with_stores(&mut left, || rig.step(*step)) {
            return (rig, false);
        }
    }
    (rig, true)
}

/// For each slot's item, in order, which of the producer's stores published it; and which one ended the stream.
fn publications(rig: &Rig, log: &[(usize, u64)]) -> (Vec<u64>, Option<u64>) {
    let control = rig.ring.control();
    let (mut all, mut end) = (Vec::new(), None);
    for (index, (address, value)) in (1..).zip(log) {
        if *address == control.producer.end.address() && *value != 0 {
            end = Some(index);
        }
        let slots = (0..rig.config.capacity).map(|slot| rig.ring.slot(slot));
        let Some(slot) = slots.into_iter().find(|slot| slot.seq.address() == *address) else { continue };
        assert_eq!(*value, rig.first().wrapping_add(all.len() as u64 + 1), "numbers in a row");
        // Where words go in any order the header comes last, and its second word publishes; else the sequence word does.
        let next = log.get(index as usize).map(|(address, _)| *address);
        all.push(if next == Some(slot.meta.address()) { index + 1 } else { index });
    }
    (all, end)
}

/// All that a scenario brings out when nothing goes wrong.
fn all_items(scenario: &Scenario, config: Config, from_core: bool) -> Vec<Item> {
    let (mut rig, done) = run(scenario, config, Side::Producer, from_core, u64::MAX);
    assert!(done, "{}", scenario.name);
    rig.drain();
    rig.came
}

fn told(items: &[Item]) -> u64 {
    items.iter().map(|item| if let Item::Gap(dropped) = item { *dropped } else { 0 }).sum()
}

/// Stops the producer of a scenario after each of its stores; how many points that were.
fn stop_producer(scenario: &Scenario, config: Config, from_core: bool) -> u64 {
    let all = all_items(scenario, config, from_core);
    let (whole, _) = run(scenario, config, Side::Producer, from_core, u64::MAX);
    let log = take_log();
    let (published, end) = publications(&whole, &log);
    for stores in 0..=log.len() as u64 {
        for takes_over_first in [false, true] {
            let context = format!("{} {config:?}, stopped after {stores} stores", scenario.name);
            let (mut rig, done) = run(scenario, config, Side::Producer, from_core, stores);
            assert_eq!(done, stores == log.len() as u64, "{context}");
            let mut expected = published.iter().filter(|at| **at <= stores).count();
            if takes_over_first {
                rig.take_over();
            } else if end.is_some_and(|end| end <= stores) {
                // The end tells of drops that no notice had room for.
                expected = all.len();
            }
            rig.drain();
            assert_eq!(rig.came, all[..expected], "{context}");
            if !takes_over_first {
                assert_eq!(rig.ended, end.is_some_and(|end| end <= stores), "{context}");
                rig.take_over();
            }
            rig.ended = false;
            let before = told(&rig.came);
            rig.goes_on();
            let dropped = rig.ring.control().producer.stats.dropped.load(Ordering::Relaxed);
            assert_eq!(before + told(&rig.came), dropped, "{context}");
        }
    }
    log.len() as u64 + 1
}

/// Stops the consumer of a scenario after each of its stores; how many points that were.
fn stop_consumer(scenario: &Scenario, config: Config, from_core: bool) -> u64 {
    let all = all_items(scenario, config, from_core);
    let (_, done) = run(scenario, config, Side::Consumer, from_core, u64::MAX);
    assert!(done, "{}", scenario.name);
    let points = take_log().len() as u64;
    for stores in 0..=points {
        let context = format!("{} {config:?}, consumer stopped after {stores} stores", scenario.name);
        let (mut rig, _) = run(scenario, config, Side::Consumer, from_core, stores);
        let taken = rig.came.len();
        assert_eq!(rig.came, all[..taken], "{context}");
        // Somebody else continues from what the shared memory says.
        // SAFETY: the consumer before is stopped and replaced.
        let successor = unsafe { Consumer::resume(rig.ring) }.unwrap();
        let passed = successor.next().wrapping_sub(rig.first()) as usize;
        let published = rig.producer.head().wrapping_sub(rig.first()) as usize;
        assert!(passed <= taken && taken <= published, "{context}");
        rig.consumer = if from_core { successor.for_cpu_producer() } else { successor };
        rig.consumer.rejoin();
        rig.came.clear();
        rig.drain();
        let came = passed + rig.came.len();
        // What was taken and not handed back comes again, and all the rest.
        assert_eq!(rig.came, all[passed..came], "{context}");
        assert_eq!(came, published, "{context}");
        rig.producer.reopen();
        rig.ended = false;
        rig.goes_on();
    }
    points + 1
}

#[test]
fn a_stopped_producer_leaves_exactly_what_it_published() {
    let mut points = 0;
    for scenario in &SCENARIOS {
        for config in configs(scenario) {
            for (backwards, from_core) in [(false, true), (true, false)] {
                copy_backwards(backwards);
                points += stop_producer(scenario, config, from_core);
            }
        }
    }
    println!("{points} crash points of producers");
    assert!(points > 10_000, "{points}");
}

#[test]
fn whoever_follows_a_stopped_consumer_gets_all_that_it_had_not() {
    let mut points = 0;
    for scenario in SCENARIOS.iter().filter(|scenario| !scenario.drops) {
        for config in configs(scenario) {
            for from_core in [false, true] {
                points += stop_consumer(scenario, config, from_core);
            }
        }
    }
    println!("{points} crash points of consumers");
    assert!(points > 2_000, "{points}");
}
