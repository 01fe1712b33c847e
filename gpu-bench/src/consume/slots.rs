//! The consumer of baseline (a).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use perdix_kernels::baseline::FlagSlot;

use super::read::{is_wide, keep, sum, widely};
use super::{Received, wait};
use crate::error::Error;

/// Messages between two stores of the tail.
const TAIL_EVERY: u64 = 256;

/// Receives messages 0 to `count` that [`baseline_slots`](perdix_kernels::baseline_slots) sends through `capacity` slots (a power of
/// two), reads all 256 bytes of each slot and checks the message's number.
///
/// # Errors
/// [`Error::Wrong`], [`Error::Stalled`].
///
/// # Safety
/// There are that many slots, which stay and which nobody but that kernel writes.
pub unsafe fn receive(
    slots: *const FlagSlot,
    capacity: u64,
    tail: &AtomicU64,
    count: u64,
) -> Result<Received, Error> {
    let wide = is_wide();
    let mut first = None;
    for number in 0..count {
        let slot = slots.wrapping_add((number & (capacity - 1)) as usize);
        // SAFETY: one of the slots; its flag is an atomic.
        let flag = unsafe { &(*slot).flag };
        // pairs with the Release store of the flag by the kernel
        wait(|| (flag.load(Ordering::Acquire) == number + 1).then_some(()))?;
        first.get_or_insert_with(Instant::now);
        // SAFETY: one of the slots; no reference is made.
        let payload = unsafe { &raw const (*slot).payload };
        // SAFETY: the flag said that the kernel has written the payload, and it writes no more before the tail has passed.
        let payload = unsafe { std::slice::from_raw_parts(payload.cast::<u8>(), 240) };
        // SAFETY: as above.
        let len = unsafe { (*slot).len };
        keep(widely(wide, || sum(payload)));
        if payload.first_chunk() != Some(&number.to_le_bytes()) || len != 240 {
            return Err(Error::Wrong(format!("message {number} of baseline (a) is {payload:x?}")));
        }
        if (number + 1) % TAIL_EVERY == 0 {
            // pairs with the Acquire load of tail by the kernel
            tail.store(number + 1, Ordering::Release);
        }
    }
    let last = Instant::now();
    Ok(Received { count, first: first.unwrap_or(last), last })
}

#[cfg(test)]
mod tests {
    use std::cell::UnsafeCell;

    use perdix_gpu::emulation;

    use super::*;

    fn slots(capacity: usize) -> Vec<UnsafeCell<FlagSlot>> {
        let empty = || FlagSlot { flag: AtomicU64::new(0), len: 0, payload: [0; 15] };
        (0..capacity).map(|_| UnsafeCell::new(empty())).collect()
    }

    #[test]
    fn all_messages_come_through_many_laps() {
        let (capacity, count, tail) = (512, 5000, AtomicU64::new(0));
        let slots = slots(capacity);
        // An address: pointers do not go to other threads.
        let address = slots.as_ptr() as usize;
        std::thread::scope(|scope| {
            let tail = &tail;
            // SAFETY: slots and tail stay until the scope has ended; one thread.
            let kernel = move || unsafe {
                perdix_kernels::baseline_slots(
                    address as *mut FlagSlot,
                    tail,
                    capacity as u64,
                    count,
                    10_000_000_000,
                );
            };
            scope.spawn(move || assert!(emulation::launch(1, 1, kernel)));
            // SAFETY: the slots stay, and the kernel alone writes them.
            let received = unsafe { receive(address as *const FlagSlot, capacity as u64, tail, count) };
            assert_eq!(received.unwrap().count, count);
        });
    }

    #[test]
    fn a_message_that_was_not_sent_is_seen() {
        let mut slots = slots(2);
        for (n, slot) in slots.iter_mut().enumerate() {
            let payload = [n as u128; 15];
            *slot.get_mut() = FlagSlot { flag: AtomicU64::new(n as u64 + 1), len: 240, payload };
        }
        let take = |slots: &[UnsafeCell<FlagSlot>]| {
            let (front, tail) = (slots.as_ptr().cast::<FlagSlot>(), AtomicU64::new(0));
            // SAFETY: the two slots stay, and nobody writes them.
            unsafe { receive(front, 2, &tail, 2) }
        };
        assert_eq!(take(&slots).unwrap().count, 2);
        slots[1].get_mut().payload[0] = 7;
        assert!(matches!(take(&slots), Err(Error::Wrong(_))));
        slots[1].get_mut().payload[0] = 1;
        slots[1].get_mut().len = 239;
        assert!(matches!(take(&slots), Err(Error::Wrong(_))));
    }
}
