//! Latencies: a bare ping-pong, and messages there and back through a ring, in turns.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use perdix_host::Consumer;

use super::rig::{Rig, Word};
use super::{link, there};
use crate::clock::{Trip, one_way};
use crate::error::Error;
use crate::results::{Latency, Memory, Mode, Path};
use crate::stats::{Percentiles, slower_than};

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many that the producer's look across the link for free slots does not show before the 99.9th percentile.
const SLOTS: usize = 4096;

/// Bytes of a message.
const BYTES: usize = 240;

const WARM_UP: usize = 2000;
const REPETITIONS: usize = 5;

/// What was found for one kind of trip.
type Found<T> = Result<Vec<Vec<T>>, Error>;

/// All latencies in one kind of memory, a failure for each that could not be measured, and the step of the GPU's clock.
pub(super) fn latencies(
    rig: &Rig,
    memory: Memory,
    count: usize,
) -> (Vec<Latency>, Vec<(String, Error)>, u32) {
    let mut bare: Found<u32> = Ok(Vec::new());
    let mut rings: [Found<Trip>; 2] = [Ok(Vec::new()), Ok(Vec::new())];
    let mut to_gpu: [Found<u32>; 2] = [Ok(Vec::new()), Ok(Vec::new())];
    let mut calls: [Found<u32>; 2] = [Ok(Vec::new()), Ok(Vec::new())];
    for _ in 0..REPETITIONS {
        add(&mut bare, || link::ping_pong(rig, memory, WARM_UP, count));
        for (found, mode) in rings.iter_mut().zip(Mode::ALL) {
            add(found, || trips(rig, memory, mode, count));
        }
        for (found, mode) in to_gpu.iter_mut().zip(Mode::ALL) {
            add(found, || there::to_gpu(rig, memory, mode, WARM_UP, count));
        }
        for (found, mode) in calls.iter_mut().zip(Mode::ALL) {
            add(found, || there::calls(rig, memory, mode, WARM_UP, count));
        }
    }
    let (mut rows, mut failures, mut step) = (Vec::new(), Vec::new(), 0);
    let mut row = |path, mode, bytes: usize, times: &[Vec<u32>]| {
        let bytes = bytes as u32;
        let nanoseconds = Percentiles::of(times);
        let slower_than = slower_than(times.iter().flatten().copied());
        rows.push(Latency { path, mode, memory, bytes, trips: count, nanoseconds, slower_than });
    };
    match bare {
        Ok(times) => row(Path::PingPong, None, 8, &times),
        Err(error) => failures.push(("bare ping-pong".to_owned(), error)),
    }
    for (found, mode) in rings.into_iter().zip(Mode::ALL) {
        match found {
            Ok(all) => {
                let times = |of: &dyn Fn(&[Trip]) -> Vec<u32>| -> Vec<Vec<u32>> {
                    all.iter().map(|trips| of(trips)).collect()
                };
                row(
                    Path::RoundTrip,
                    Some(mode),
                    BYTES,
                    &times(&|trips| trips.iter().map(Trip::round).collect()),
                );
                row(Path::OneWay, Some(mode), BYTES, &times(&one_way));
                step = all
                    .iter()
                    .flatten()
                    .fold(step, |step, trip| common_divisor(step, trip.seen.unsigned_abs()));
            }
            Err(error) => failures.push((format!("round trip, {}", mode.name()), error)),
        }
    }
    for (path, name, all) in
        [(Path::ToGpu, "CPU to GPU", to_gpu), (Path::Call, "request and response", calls)]
    {
        for (found, mode) in all.into_iter().zip(Mode::ALL) {
            match found {
                Ok(times) => row(path, Some(mode), BYTES, &times),
                Err(error) => failures.push((format!("{name}, {}", mode.name()), error)),
            }
        }
    }
    (rows, failures, u32::try_from(step).unwrap_or(0))
}

/// Adds a repetition, unless one has failed.
fn add<T>(found: &mut Found<T>, measure: impl FnOnce() -> Result<Vec<T>, Error>) {
    if let Ok(repetitions) = found {
        match measure() {
            Ok(times) => repetitions.push(times),
            Err(error) => *found = Err(error),
        }
    }
}

/// All times are multiples of the clock's step.
fn common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// Lets one warp answer commands with a message each, every byte of which is checked, and returns the last `count` trips.
fn trips(rig: &Rig, memory: Memory, mode: Mode, count: usize) -> Result<Vec<Trip>, Error> {
    let mut buffer = rig.ring(memory, mode, SLOTS)?;
    let command = Word::new(rig, memory)?;
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let total = (WARM_UP + count) as u64;
    let launch = rig.launch("echo")?.block(32).arg(&producer).arg(command.address());
    let launch = launch.arg(total).arg(BYTES as u64).arg(PATIENCE.as_nanos() as u64);
    // SAFETY: these are the kernel's parameters; it is one warp, the ring's only producer, and the word stays until it has ended.
    unsafe { launch.start() }?;
    let outcome = rig.on_consumer_core(|| exchange(consumer, &command, total));
    // The kernel gives up by itself if a command has not come, so this returns.
    rig.synchronize()?;
    outcome
}

/// Owns the consumer, so that the kernel notices when this fails.
fn exchange(mut consumer: Consumer<'_>, command: &Word, total: u64) -> Result<Vec<Trip>, Error> {
    let mut trips = Vec::with_capacity(total as usize);
    let start = Instant::now();
    let clock = || start.elapsed().as_nanos() as i64;
    for turn in 1..=total {
        let given = clock();
        command.get().store(turn, Ordering::Release);
        let message = consumer.next(PATIENCE)?;
        let back = clock();
        let seen = seen(&message, turn)?;
        drop(message);
        if turn > WARM_UP as u64 {
            trips.push(Trip { given, seen, back });
        }
        link::shift_phase(turn);
    }
    Ok(trips)
}

/// Checks the answer to command `turn`, and returns the GPU's time in it.
fn seen(bytes: &[u8], turn: u64) -> Result<i64, Error> {
    let words = bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    let right = words.clone().skip(1).enumerate().all(|(index, word)| match index + 1 {
        1 => word == turn,
        odd if odd % 2 == 1 => word == odd as u64 / 2,
        _ => word == turn,
    });
    match words.clone().next() {
        Some(time) if right && time != 0 && bytes.len() == BYTES => Ok(time as i64),
        _ => {
            Err(Error::Wrong(format!("the answer to command {turn} is not what the kernel sent: {bytes:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_is_seen() {
        let pair = |piece: u64| if piece == 0 { [77, 5] } else { [5, piece] };
        let mut bytes: Vec<u8> = (0..15).flat_map(pair).flat_map(u64::to_le_bytes).collect();
        assert!(matches!(seen(&bytes, 5), Ok(77)));
        assert!(seen(&bytes, 6).is_err() && seen(&bytes[..232], 5).is_err());
        for at in 8..240 {
            bytes[at] ^= 1;
            assert!(seen(&bytes, 5).is_err(), "{at}");
            bytes[at] ^= 1;
        }
    }

    #[test]
    fn the_step_divides_all_times() {
        assert_eq!([96, 64, 32 * 31].into_iter().fold(0, common_divisor), 32);
    }
}
