//! `heapless::spsc`, whose halves borrow the queue.

use std::hint::black_box;
use std::ops::Range;

use heapless::spsc::{Consumer, Producer, Queue as Ring};

use super::{CAPACITY, Queue, spin, sum};

/// It leaves one slot empty.
pub(crate) struct Copied<const N: usize>(Box<Ring<[u64; N], CAPACITY>>);

impl<const N: usize> Queue<N> for Copied<N> {
    type Tx<'a> = Producer<'a, [u64; N]>;
    type Rx<'a> = Consumer<'a, [u64; N]>;

    fn open() -> Self {
        Self(Box::new(Ring::new()))
    }

    fn split(&mut self) -> (Self::Tx<'_>, Self::Rx<'_>) {
        self.0.split()
    }

    fn send(tx: &mut Self::Tx<'_>, numbers: Range<u64>, message: &mut [u64; N]) {
        for number in numbers {
            message[0] = number;
            let message = black_box(&*message);
            spin(|| tx.enqueue(*message).ok());
        }
    }

    fn receive(rx: &mut Self::Rx<'_>, count: u64) -> u64 {
        (0..count).fold(0, |total: u64, _| total.wrapping_add(sum(&spin(|| rx.dequeue()))))
    }
}
