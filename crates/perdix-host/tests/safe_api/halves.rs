//! The halves that random calls are made on, and random arguments.

use std::mem::forget;
use std::time::Duration;

use perdix_host::{Consumer, Message, MessageRef, OwnedMessage, Producer, Wait};

use crate::common::Random;
use crate::{SHORT, pick};

/// The halves of a ring, those that are left, and where the random arguments come from.
pub(crate) struct Halves<'a> {
    pub(crate) random: Random,
    pub(crate) producer: Option<Producer<'a>>,
    pub(crate) consumer: Option<Consumer<'a>>,
}

/// A call; it does nothing if its half is gone.
pub(crate) type Call = fn(&mut Halves<'_>);

impl<'a> Halves<'a> {
    pub(crate) fn new(seed: u64, producer: Option<Producer<'a>>, consumer: Option<Consumer<'a>>) -> Self {
        Self { random: Random(seed), producer, consumer }
    }

    pub(crate) fn tx(&mut self, call: impl FnOnce(&mut Producer<'a>, &mut Random)) {
        if let Some(producer) = &mut self.producer {
            call(producer, &mut self.random);
        }
    }

    pub(crate) fn rx(&mut self, call: impl FnOnce(&mut Consumer<'a>, &mut Random)) {
        if let Some(consumer) = &mut self.consumer {
            call(consumer, &mut self.random);
        }
    }

    /// Takes the producer away, seldom.
    pub(crate) fn end_tx(&mut self, call: impl FnOnce(Producer<'a>, &mut Random)) {
        if self.random.below(20) == 0 {
            if let Some(producer) = self.producer.take() {
                call(producer, &mut self.random);
            }
        }
    }

    /// Takes the consumer away, seldom.
    pub(crate) fn end_rx(&mut self, call: impl FnOnce(Consumer<'a>, &mut Random)) {
        if self.random.below(20) == 0 {
            if let Some(consumer) = self.consumer.take() {
                call(consumer, &mut self.random);
            }
        }
    }

    /// The next message in its three forms: where it lies, in a batch, copied.
    pub(crate) fn message(&mut self, call: impl FnOnce(&Message<'_>)) {
        self.rx(|rx, random| {
            if let Ok(message) = rx.try_next() {
                call(&message);
                if random.below(8) == 0 {
                    forget(message);
                }
            }
        });
    }

    pub(crate) fn reference(&mut self, call: impl FnMut(MessageRef<'_>)) {
        self.rx(|rx, random| {
            if let Ok(batch) = rx.batch(size(random), Wait::No) {
                batch.iter().for_each(call);
                if random.below(8) == 0 {
                    forget(batch);
                }
            }
        });
    }

    pub(crate) fn copy(&mut self, call: impl FnOnce(&OwnedMessage)) {
        self.rx(|rx, _| {
            if let Some(message) = rx.try_consume().map(|message| message.to_owned()) {
                call(&message);
            }
        });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Step(pub(crate) [u64; 2]);

perdix_host::messages! {
    #[derive(Debug)]
    pub(crate) enum Any<'m> {
        9 => Step(&Step),
    }
}

/// Any size: fitting, at the limit, beyond.
pub(crate) fn size(random: &mut Random) -> usize {
    let some = random.below(300) as usize;
    pick(random, &[0, 1, 3, 16, 32, 239, 240, 241, some, some, usize::MAX])
}

pub(crate) fn bytes(random: &mut Random) -> Vec<u8> {
    let len = size(random).min(2000);
    vec![random.next() as u8; len]
}

/// A wait that ends by itself.
pub(crate) fn wait(random: &mut Random) -> Wait {
    pick(random, &[Wait::No, Wait::For(Duration::ZERO), Wait::For(SHORT)])
}

pub(crate) fn kind(random: &mut Random) -> u16 {
    pick(random, &[0, 9, u16::MAX])
}

pub(crate) fn read(bytes: &[u8]) {
    std::hint::black_box(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
}
