//! A ring whose sides can be stopped, and what they do.

use perdix_core::sentinel::{ESCAPED, SENTINEL};
use perdix_core::{Config, Consumer, Fault, Mode, Poll, Producer, Ready, Refused, Ring};

use crate::crash_word::{CrashWord, Memory};

/// What a slot brings the consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Message { kind: u16, flags: u8, bytes: Vec<u8> },
    Gap(u64),
}

/// What a producer or a consumer does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
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
    pub(crate) fn is_consumers(self) -> bool {
        matches!(self, Self::Take(_) | Self::Hold(_) | Self::Leave | Self::Rejoin)
    }
}

/// A ring, its two halves, and what came out of it.
pub(crate) struct Rig {
    /// Kept as long as the ring.
    _memory: Memory,
    pub(crate) config: Config,
    pub(crate) ring: Ring<CrashWord>,
    pub(crate) producer: Producer<CrashWord>,
    pub(crate) consumer: Consumer<CrashWord>,
    /// Messages that were made, so that no two are alike.
    made: u64,
    pub(crate) came: Vec<Item>,
    pub(crate) ended: bool,
}

impl Rig {
    pub(crate) fn new(config: Config, from_core: bool) -> Self {
        let (memory, ring) = Memory::ring(config);
        // SAFETY: the ring's only producer, until it is replaced.
        let producer = unsafe { Producer::new(ring) };
        // SAFETY: as above.
        let consumer = unsafe { Consumer::new(ring) };
        let consumer = if from_core { consumer.for_cpu_producer() } else { consumer };
        Self { _memory: memory, config, ring, producer, consumer, made: 0, came: Vec::new(), ended: false }
    }

    /// The number of a scenario's first slot.
    pub(crate) fn first(&self) -> u64 {
        self.config.start.wrapping_add(self.config.capacity)
    }

    /// Payload and kind of the next message, rich in words that the fence-free mode has to escape.
    fn make(&mut self, len: usize) -> (u16, Vec<u8>) {
        self.made += 1;
        let word = |i: u64| match (self.made + i) % 4 {
            0 => SENTINEL,
            1 => ESCAPED,
            _ => self.made << 32 | (i + 1),
        };
        let mut bytes: Vec<u8> = (0..30).flat_map(|i| word(i).to_le_bytes()).collect();
        bytes.truncate(len);
        (self.made as u16, bytes)
    }

    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Step::Push(len) => {
                let (kind, bytes) = self.make(len);
                accept(self.producer.push(kind, 1, &bytes));
            }
            Step::InPlace(len) => {
                let (kind, bytes) = self.make(len);
                if let Ok(mut free) = self.producer.vacant() {
                    free.write(&bytes);
                    free.publish(kind, 0, len);
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
                    Step::Unordered(_) => self.producer.push_chunks(kind, 0, len, pair),
                    _ => self.producer.push_chunks(kind, 0, len, pair),
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
                        self.consumer.recycle();
                    }
                }
            }
            Step::Leave => self.consumer.disconnect(),
            Step::Rejoin => self.consumer.reconnect(),
        }
    }

    /// Takes the next item, if there is one.
    fn take_one(&mut self) -> bool {
        match self.consumer.look().unwrap() {
            Poll::Ready(meta) => {
                // A second look must find the same.
                assert_eq!(self.consumer.look(), Ok(Poll::Ready(meta)));
                let Ok(Poll::Ready(message)) = self.consumer.poll() else { panic!("it was there") };
                self.came.push(item(message));
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
    pub(crate) fn drain(&mut self) {
        while self.take_one() {
            self.consumer.recycle();
        }
        self.consumer.recycle();
    }

    /// A new producer goes on where the stopped one ended, as the host has it.
    pub(crate) fn take_over(&mut self) {
        self.consumer.recycle();
        let (slots, told) = self.consumer.published();
        let head = self.consumer.next().wrapping_add(slots);
        // SAFETY: neither half is in use.
        unsafe { self.ring.clear_free(self.consumer.next(), head) };
        self.consumer.forget_acquired();
        // SAFETY: the producer before is stopped and replaced.
        self.producer = unsafe { Producer::resume_at(self.ring, head) };
        let dropped = self.ring.producer_stats().dropped;
        let told = self.consumer.dropped().wrapping_add(told);
        self.producer.set_dropped(dropped, dropped.wrapping_sub(told));
        self.producer.reopen();
        self.consumer.reconnect();
    }

    /// Two rings full of messages, in every way, come out as they went in.
    pub(crate) fn goes_on(&mut self) {
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

/// Takes a message.
fn item(message: Ready<'_, CrashWord>) -> Item {
    let meta = message.meta();
    let mut bytes = vec![0; meta.len()];
    assert_eq!(message.copy_to(&mut bytes), meta.len());
    message.take();
    Item::Message { kind: meta.kind(), flags: meta.flags(), bytes }
}
