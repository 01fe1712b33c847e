//! `ringbuf`.

use std::hint::black_box;
use std::ops::Range;

use ringbuf::traits::{Consumer, Observer, Producer, Split};
use ringbuf::{HeapCons, HeapProd, HeapRb};

use super::{CAPACITY, Halves, Queue, by_value, spin, sum};

by_value!(
    Copied,
    HeapProd<[u64; N]>,
    HeapCons<[u64; N]>,
    HeapRb::new(CAPACITY).split(),
    |tx, message| tx.try_push(*message).ok(),
    |rx| rx.try_pop()
);

const BATCH: u64 = 32;

/// `push_iter`, and reading slices in place.
pub(crate) struct Slices<const N: usize>(Halves<HeapProd<[u64; N]>, HeapCons<[u64; N]>>);

impl<const N: usize> Queue<N> for Slices<N> {
    type Tx<'a> = &'a mut HeapProd<[u64; N]>;
    type Rx<'a> = &'a mut HeapCons<[u64; N]>;

    fn open() -> Self {
        Self(Halves::new(HeapRb::new(CAPACITY).split()))
    }

    fn split(&mut self) -> (Self::Tx<'_>, Self::Rx<'_>) {
        self.0.split()
    }

    fn send(tx: &mut Self::Tx<'_>, mut numbers: Range<u64>, message: &mut [u64; N]) {
        while !numbers.is_empty() {
            let end = numbers.end.min(numbers.start + BATCH);
            let sent = tx.push_iter((numbers.start..end).map(|number| {
                message[0] = number;
                *black_box(&*message)
            }));
            numbers.start += sent as u64;
            if sent == 0 {
                std::hint::spin_loop();
            }
        }
    }

    fn receive(rx: &mut Self::Rx<'_>, mut count: u64) -> u64 {
        let mut total = 0_u64;
        while count != 0 {
            spin(|| (!rx.is_empty()).then_some(()));
            let (first, second) = rx.as_slices();
            let most = BATCH.min(count) as usize;
            let mut taken = 0;
            for message in first.iter().chain(second).take(most) {
                total = total.wrapping_add(sum(message));
                taken += 1;
            }
            rx.skip(taken);
            count -= taken as u64;
        }
        total
    }
}
