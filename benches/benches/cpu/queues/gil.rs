//! `gil`, a crate of fast queues.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::ops::Range;

use gil::spsc::{Receiver, Sender, channel};

use super::{CAPACITY, Halves, Queue, by_value, spin, sum};

by_value!(
    Copied,
    Sender<[u64; N]>,
    Receiver<[u64; N]>,
    channel(NonZeroUsize::new(CAPACITY).unwrap()),
    |tx, message| tx.try_send(*message).ok(),
    |rx| rx.try_recv()
);

/// `write_buffer` and `read_guard`, at most `M` messages at a time.
pub(crate) struct Buffers<const N: usize, const M: usize>(Halves<Sender<[u64; N]>, Receiver<[u64; N]>>);

impl<const N: usize, const M: usize> Queue<N> for Buffers<N, M> {
    type Tx<'a> = &'a mut Sender<[u64; N]>;
    type Rx<'a> = &'a mut Receiver<[u64; N]>;

    fn open() -> Self {
        Self(Halves::new(channel(NonZeroUsize::new(CAPACITY).unwrap())))
    }

    fn split(&mut self) -> (Self::Tx<'_>, Self::Rx<'_>) {
        self.0.split()
    }

    fn send(tx: &mut Self::Tx<'_>, mut numbers: Range<u64>, message: &mut [u64; N]) {
        while !numbers.is_empty() {
            let most = M.min((numbers.end - numbers.start) as usize);
            spin(|| (!tx.write_buffer().is_empty()).then_some(()));
            let slots = tx.write_buffer();
            let ready = most.min(slots.len());
            for (slot, number) in slots[..ready].iter_mut().zip(&mut numbers) {
                message[0] = number;
                slot.write(*black_box(&*message));
            }
            // SAFETY: these slots were written.
            unsafe { tx.commit(ready) };
        }
    }

    fn receive(rx: &mut Self::Rx<'_>, mut count: u64) -> u64 {
        let mut total = 0_u64;
        while count != 0 {
            let mut guard = rx.read_guard();
            let ready = guard.len().min(M).min(count as usize);
            for message in &guard.as_slice()[..ready] {
                total = total.wrapping_add(sum(message));
            }
            guard.advance(ready);
            count -= ready as u64;
            if ready == 0 {
                std::hint::spin_loop();
            }
        }
        total
    }
}
