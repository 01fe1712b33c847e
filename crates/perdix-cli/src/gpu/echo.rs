//! Messages there and back: the CPU gives a command, a kernel answers it with a message.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use perdix_host::{Buffer, Consumer, Mode, WaitStrategy};

use super::rig::{Rig, Word};
use crate::error::Error;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many that the producer's look across the link for free slots does not show before the 99.9th percentile.
const SLOTS: usize = 4096;

/// Trips whose clocks are compared at once: about 3 ms, in which they drift by less than they resolve.
const WINDOW: usize = 1000;

/// One round trip, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trip {
    /// When the command was given, by the CPU's clock.
    given: i64,
    /// When the kernel saw it, by the GPU's clock.
    seen: i64,
    /// When the message was there, by the CPU's clock.
    back: i64,
}

impl Trip {
    /// How long the trip took.
    pub(crate) fn round(&self) -> u32 {
        nanoseconds(self.back - self.given)
    }
}

/// Lets one warp answer `warm_up + count` commands with a message of `len` bytes (at least 16) each, every byte of which is
/// checked, and returns the last `count` trips.
pub(crate) fn trips(
    rig: &Rig,
    mode: Mode,
    len: usize,
    warm_up: usize,
    count: usize,
) -> Result<Vec<Trip>, Error> {
    let mut buffer = rig.ring(Buffer::builder().slots(SLOTS).mode(mode).wait(WaitStrategy::Spin))?;
    let command = Word::new(rig)?;
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let total = (warm_up + count) as u64;
    let launch = rig.launch("echo")?.block(32);
    let launch = launch.arg(&producer).arg(command.address());
    let launch = launch.arg(total).arg(len as u64).arg(PATIENCE.as_nanos() as u64);
    // SAFETY: these are the kernel's parameters; it is one warp, the ring's only producer, and the word stays until it has ended.
    unsafe { launch.start() }?;
    let outcome = exchange(consumer, &command, len, warm_up, total);
    // The kernel gives up by itself if a command has not come.
    match producer.wait(2 * PATIENCE) {
        Ok(()) => outcome,
        Err(error) => {
            command.leak();
            Err(outcome.err().unwrap_or(error.into()))
        }
    }
}

/// Owns the consumer, so that the kernel notices when this fails.
fn exchange(
    mut consumer: Consumer<'_>,
    command: &Word,
    len: usize,
    warm_up: usize,
    total: u64,
) -> Result<Vec<Trip>, Error> {
    let mut trips = Vec::with_capacity((total as usize).saturating_sub(warm_up));
    let start = Instant::now();
    let clock = || start.elapsed().as_nanos() as i64;
    for turn in 1..=total {
        let given = clock();
        command.get().store(turn, Ordering::Release);
        let message = consumer.next(PATIENCE)?;
        let back = clock();
        let seen = check(&message, turn, len)?;
        drop(message);
        if turn > warm_up as u64 {
            trips.push(Trip { given, seen, back });
        }
        // The next command must not come at the same point of the kernel's polls every time.
        for _ in 0..turn * 7 % 23 {
            std::hint::spin_loop();
        }
    }
    Ok(trips)
}

/// Checks the answer to command `turn`, and returns the GPU's time in it.
fn check(bytes: &[u8], turn: u64, len: usize) -> Result<i64, Error> {
    let mut time = 0;
    let mut right = bytes.len() == len;
    for (index, chunk) in bytes.chunks(8).enumerate() {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        let word = u64::from_le_bytes(word);
        // The last word may be cut off.
        let mask = if chunk.len() == 8 { u64::MAX } else { (1 << (8 * chunk.len())) - 1 };
        match index {
            0 => time = word,
            1 => right &= word == turn & mask,
            odd if odd % 2 == 1 => right &= word == (odd as u64 / 2) & mask,
            _ => right &= word == turn & mask,
        }
    }
    if right && time != 0 {
        return Ok(time as i64);
    }
    Err(Error::Check(format!("the answer to command {turn} is not what the kernel sent: {bytes:?}")))
}

/// How long the messages were under way from GPU to CPU. The two clocks are put on one scale by assuming that the fastest leg each
/// way takes equally long, anew in every window of 1000 trips.
pub(crate) fn one_way(trips: &[Trip]) -> Vec<u32> {
    trips.chunks(WINDOW).flat_map(one_window).collect()
}

fn one_window(trips: &[Trip]) -> Vec<u32> {
    let there = trips.iter().map(|trip| trip.seen - trip.given).min().unwrap_or(0);
    let back = trips.iter().map(|trip| trip.back - trip.seen).min().unwrap_or(0);
    let fastest = (there + back) / 2;
    trips.iter().map(|trip| nanoseconds(trip.back - trip.seen - back + fastest)).collect()
}

fn nanoseconds(time: i64) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_times_do_not_depend_on_the_clocks_offset() {
        for offset in [0, 1_700_000_000_000_000_000, -5000] {
            let trip = |at: i64, there: i64, back: i64| Trip {
                given: at,
                seen: at + there + offset,
                back: at + there + back,
            };
            let trips = [trip(0, 900, 1100), trip(5000, 1000, 900), trip(9000, 950, 1300)];
            assert_eq!(one_way(&trips), [1100, 900, 1300]);
            assert_eq!(trips.map(|trip| trip.round()), [2000, 1900, 2250]);
        }
        assert!(one_way(&[]).is_empty());
    }

    #[test]
    fn a_wrong_answer_is_seen() {
        let words = |turn: u64| -> Vec<u8> {
            let pair = |piece: u64| if piece == 0 { [77, turn] } else { [turn, piece] };
            (0..15).flat_map(pair).flat_map(u64::to_le_bytes).collect()
        };
        let mut bytes = words(5);
        assert!(matches!(check(&bytes, 5, 240), Ok(77)));
        assert!(matches!(check(&bytes[..77], 5, 77), Ok(77)));
        assert!(check(&bytes, 6, 240).is_err() && check(&bytes, 5, 239).is_err());
        for at in 8..240 {
            bytes[at] ^= 1;
            assert!(check(&bytes, 5, 240).is_err(), "{at}");
            bytes[at] ^= 1;
        }
    }
}
