//! Perdix, waiting as it does unless told otherwise, or spinning.

use std::hint::black_box;
use std::ops::Range;

use perdix_host::{Buffer, Consumer, Mode, Producer, Wait, WaitStrategy};

use super::{CAPACITY, Queue, sum};

/// `produce` and `consume`.
pub(crate) struct Copied(Buffer);

/// The same, spinning.
pub(crate) struct CopiedSpinning(Buffer);

/// The same in a fence-free ring.
pub(crate) struct CopiedFenceFree(Buffer);

/// `reserve`, `commit` and `consume`.
pub(crate) struct InPlace(Buffer);

/// `batch` on both sides.
pub(crate) struct Batches(Buffer);

/// Typed records, many to a slot.
pub(crate) struct Records(Buffer);

const BATCH: usize = 32;

fn buffer(mode: Mode, wait: WaitStrategy) -> Buffer {
    Buffer::builder().slots(CAPACITY).mode(mode).wait(wait).build().unwrap()
}

fn read_each(consumer: &mut Consumer<'_>, count: u64) -> u64 {
    (0..count).fold(0, |total: u64, _| {
        let message = consumer.consume().unwrap();
        total.wrapping_add(sum(bytemuck::cast_slice(&message)))
    })
}

/// A queue of messages that are copied in one by one.
macro_rules! copied {
    ($queue:ident, $mode:expr, $wait:expr) => {
        impl<const N: usize> Queue<N> for $queue {
            type Tx<'a> = Producer<'a>;
            type Rx<'a> = Consumer<'a>;

            fn open() -> Self {
                Self(buffer($mode, $wait))
            }

            fn split(&mut self) -> (Producer<'_>, Consumer<'_>) {
                self.0.split_mut()
            }

            fn send(tx: &mut Producer<'_>, numbers: Range<u64>, message: &mut [u64; N]) {
                for number in numbers {
                    message[0] = number;
                    tx.produce(bytemuck::cast_slice(black_box(message.as_slice()))).unwrap();
                }
            }

            fn receive(rx: &mut Consumer<'_>, count: u64) -> u64 {
                read_each(rx, count)
            }
        }
    };
}

copied!(Copied, Mode::Fenced, WaitStrategy::default());
copied!(CopiedSpinning, Mode::Fenced, WaitStrategy::Spin);
copied!(CopiedFenceFree, Mode::FenceFree, WaitStrategy::default());

impl<const N: usize> Queue<N> for InPlace {
    type Tx<'a> = Producer<'a>;
    type Rx<'a> = Consumer<'a>;

    fn open() -> Self {
        Self(buffer(Mode::Fenced, WaitStrategy::default()))
    }

    fn split(&mut self) -> (Producer<'_>, Consumer<'_>) {
        self.0.split_mut()
    }

    fn send(tx: &mut Producer<'_>, numbers: Range<u64>, message: &mut [u64; N]) {
        for number in numbers {
            message[0] = number;
            let mut grant = tx.reserve(8 * N, Wait::Forever).unwrap();
            grant.copy_from_slice(bytemuck::cast_slice(black_box(message.as_slice())));
            grant.commit();
        }
    }

    fn receive(rx: &mut Consumer<'_>, count: u64) -> u64 {
        read_each(rx, count)
    }
}

impl<const N: usize> Queue<N> for Batches {
    type Tx<'a> = Producer<'a>;
    type Rx<'a> = Consumer<'a>;

    fn open() -> Self {
        Self(buffer(Mode::Fenced, WaitStrategy::default()))
    }

    fn split(&mut self) -> (Producer<'_>, Consumer<'_>) {
        self.0.split_mut()
    }

    fn send(tx: &mut Producer<'_>, mut numbers: Range<u64>, message: &mut [u64; N]) {
        while !numbers.is_empty() {
            let left = numbers.end - numbers.start;
            let mut batch = tx.batch(BATCH.min(left as usize), Wait::Forever).unwrap();
            for number in numbers.by_ref().take(batch.room()) {
                message[0] = number;
                batch.push(bytemuck::cast_slice(black_box(message.as_slice()))).unwrap();
            }
            batch.commit();
        }
    }

    fn receive(rx: &mut Consumer<'_>, mut count: u64) -> u64 {
        let mut total = 0_u64;
        while count != 0 {
            let batch = rx.batch(BATCH.min(count as usize), Wait::Forever).unwrap();
            for message in batch.iter() {
                total = total.wrapping_add(sum(bytemuck::cast_slice(message.bytes())));
            }
            count -= batch.len() as u64;
        }
        total
    }
}

impl Queue<1> for Records {
    type Tx<'a> = Producer<'a>;
    type Rx<'a> = Consumer<'a>;

    fn open() -> Self {
        Self(buffer(Mode::Fenced, WaitStrategy::default()))
    }

    fn split(&mut self) -> (Producer<'_>, Consumer<'_>) {
        self.0.split_mut()
    }

    fn send(tx: &mut Producer<'_>, numbers: Range<u64>, _message: &mut [u64; 1]) {
        let mut records = tx.records::<u64>(0);
        for number in numbers {
            records.push(black_box(number)).unwrap();
        }
    }

    fn receive(rx: &mut Consumer<'_>, mut count: u64) -> u64 {
        let mut total = 0_u64;
        while count != 0 {
            let batch = rx.records::<u64>(0, Wait::Forever).unwrap();
            for records in batch.slices() {
                total = total.wrapping_add(sum(records));
                count -= records.len() as u64;
            }
        }
        total
    }
}
