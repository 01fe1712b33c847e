//! `rtrb`.

use std::hint::black_box;
use std::ops::Range;

use rtrb::{Consumer, Producer, RingBuffer};

use super::{CAPACITY, Halves, Queue, by_value, spin, sum};

by_value!(
    Copied,
    Producer<[u64; N]>,
    Consumer<[u64; N]>,
    RingBuffer::new(CAPACITY),
    |tx, message| tx.push(*message).ok(),
    |rx| rx.pop().ok()
);

/// Written and read in place, by chunks of at most `M` messages.
pub(crate) struct Chunks<const N: usize, const M: usize>(Halves<Producer<[u64; N]>, Consumer<[u64; N]>>);

impl<const N: usize, const M: usize> Queue<N> for Chunks<N, M> {
    type Tx<'a> = &'a mut Producer<[u64; N]>;
    type Rx<'a> = &'a mut Consumer<[u64; N]>;

    fn open() -> Self {
        Self(Halves::new(RingBuffer::new(CAPACITY)))
    }

    fn split(&mut self) -> (Self::Tx<'_>, Self::Rx<'_>) {
        self.0.split()
    }

    fn send(tx: &mut Self::Tx<'_>, mut numbers: Range<u64>, message: &mut [u64; N]) {
        while !numbers.is_empty() {
            let most = M.min((numbers.end - numbers.start) as usize);
            // A whole chunk, as it comes fastest: asking for what is free now would read the other side's index.
            while tx.write_chunk_uninit(most).is_err() {
                std::hint::spin_loop();
            }
            let mut chunk = tx.write_chunk_uninit(most).unwrap();
            let (first, second) = chunk.as_mut_slices();
            for (slot, number) in first.iter_mut().chain(second).zip(&mut numbers) {
                message[0] = number;
                slot.write(*black_box(&*message));
            }
            // SAFETY: every slot of the chunk was written.
            unsafe { chunk.commit_all() };
        }
    }

    fn receive(rx: &mut Self::Rx<'_>, mut count: u64) -> u64 {
        let mut total = 0_u64;
        while count != 0 {
            let most = M.min(count as usize);
            // As many as are there, if the whole chunk is not: a message must not wait for the next ones.
            let ready = if rx.cached_slots() >= most {
                most
            } else {
                spin(|| Some(rx.slots()).filter(|&n| n != 0)).min(most)
            };
            let chunk = rx.read_chunk(ready).unwrap();
            let (first, second) = chunk.as_slices();
            for message in first.iter().chain(second) {
                total = total.wrapping_add(sum(message));
            }
            chunk.commit_all();
            count -= ready as u64;
        }
        total
    }
}
