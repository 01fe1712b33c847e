//! The consumer of baseline (b): a plain tight loop.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use perdix_kernels::baseline::FIFO_LAP;

use super::{Received, wait};
use crate::error::Error;

/// Messages between two stores of the tail, at most; a quarter of a smaller FIFO.
const TAIL_EVERY: u64 = 256;

/// Receives `each` messages from each of `threads` threads that run [`baseline_fifo`](perdix_kernels::baseline_fifo) on a FIFO of
/// `entries` (a power of two). Checks that the two words of each belong together, and the sum of all.
///
/// # Errors
/// [`Error::Wrong`], [`Error::Stalled`].
pub fn receive(
    entries: &[[AtomicU64; 2]],
    tail: &AtomicU64,
    threads: u64,
    each: u64,
) -> Result<Received, Error> {
    let capacity = entries.len() as u64;
    let tail_every = TAIL_EVERY.min(capacity / 4).max(1);
    let count = threads * each;
    let (mut first, mut sum, mut wrong) = (None, 0_u64, 0_u64);
    for ticket in 0..count {
        let lap = if ticket & capacity == 0 { FIFO_LAP } else { 0 };
        let Some([low, high]) = entries.get((ticket & (capacity - 1)) as usize) else {
            return Err(Error::Wrong(format!("{capacity} entries are not a power of two")));
        };
        let [low, high] = wait(|| {
            // Each half is waited for by itself, so its order does not matter; what was written before a release store is seen.
            // pairs with the release store of the entry by the kernel
            let words = [low.load(Ordering::Acquire), high.load(Ordering::Acquire)];
            (words.iter().all(|word| word & FIFO_LAP == lap)).then_some(words)
        })?;
        first.get_or_insert_with(Instant::now);
        sum = sum.wrapping_add(low & !FIFO_LAP);
        // The second word is the first one's complement, but for the lap bit.
        wrong |= !(low ^ high) & !FIFO_LAP;
        if (ticket + 1) % tail_every == 0 {
            // pairs with the Acquire load of tail by the kernel
            tail.store(ticket + 1, Ordering::Release);
        }
    }
    let last = Instant::now();
    if wrong != 0 || sum != sent(threads, each) {
        return Err(Error::Wrong(format!(
            "the {count} messages of baseline (b) are not those that were sent"
        )));
    }
    Ok(Received { count, first: first.unwrap_or(last), last })
}

/// The sum of all messages: message `i` of thread `t` is `t << 32 | i`.
fn sent(threads: u64, each: u64) -> u64 {
    let sum_below = |n: u64| (u128::from(n) * u128::from(n.saturating_sub(1)) / 2) as u64;
    (sum_below(threads) << 32).wrapping_mul(each).wrapping_add(sum_below(each).wrapping_mul(threads))
}

#[cfg(test)]
mod tests {
    use perdix_gpu::emulation;
    use perdix_kernels::baseline::{FifoState, fifo_entry};

    use super::*;

    fn entries(count: usize) -> Vec<[AtomicU64; 2]> {
        (0..count).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect()
    }

    fn exchange(capacity: usize, threads: u32, each: u64, release: u64) -> Result<Received, Error> {
        let (entries, tail, state) = (entries(capacity), AtomicU64::new(0), FifoState::default());
        std::thread::scope(|scope| {
            let (front, tail, state) = (&entries[..], &tail, &state);
            let capacity = capacity as u64;
            // SAFETY: entries, tail and state stay until the scope has ended.
            let kernel = move || unsafe {
                perdix_kernels::baseline_fifo(
                    front.as_ptr(),
                    tail,
                    state,
                    capacity,
                    each,
                    release,
                    10_000_000_000,
                );
            };
            scope.spawn(move || assert!(emulation::launch(1, threads, kernel)));
            receive(front, tail, u64::from(threads), each)
        })
    }

    #[test]
    fn all_messages_come_through_many_laps() {
        for (capacity, threads, each, release) in [(8, 1, 1000, 0), (16, 8, 300, 1), (64, 64, 50, 0)] {
            let received = exchange(capacity, threads, each, release).unwrap();
            assert_eq!(received.count, u64::from(threads) * each);
        }
    }

    #[test]
    fn the_sum_is_that_of_all_messages() {
        let all = (0..7_u64).flat_map(|thread| (0..11_u64).map(move |i| thread << 32 | i));
        assert_eq!(sent(7, 11), all.sum::<u64>());
        assert_eq!(sent(0, 5), 0);
    }

    #[test]
    fn messages_that_were_not_sent_are_seen() {
        let fifo = entries(4);
        let put = |ticket: u64, words: [u64; 2]| {
            fifo[ticket as usize]
                .iter()
                .zip(words)
                .for_each(|(entry, word)| entry.store(word, Ordering::Relaxed));
        };
        let good = [fifo_entry(0, 0, 4), fifo_entry(1, 1, 4)];
        put(0, good[0]);
        put(1, good[1]);
        assert!(receive(&fifo, &AtomicU64::new(0), 1, 2).is_ok());
        put(1, fifo_entry(2, 1, 4));
        assert!(matches!(receive(&fifo, &AtomicU64::new(0), 1, 2), Err(Error::Wrong(_))), "a wrong message");
        put(1, [good[1][0], good[1][1] ^ 8]);
        assert!(matches!(receive(&fifo, &AtomicU64::new(0), 1, 2), Err(Error::Wrong(_))), "a torn message");
    }

    #[test]
    fn half_a_message_is_waited_for() {
        for late in [0, 1] {
            let fifo = entries(4);
            let words = fifo_entry(0, 0, 4);
            fifo[0][1 - late].store(words[1 - late], Ordering::Relaxed);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    fifo[0][late].store(words[late], Ordering::Release);
                });
                assert_eq!(receive(&fifo, &AtomicU64::new(0), 1, 1).unwrap().count, 1);
            });
        }
    }
}
