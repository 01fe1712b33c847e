//! The bare link between CPU and GPU, without any protocol.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use perdix_host::cuda::{DeviceBytes, sys};

use super::rig::{Rig, Word, driver};
use crate::error::Error;
use crate::results::Memory;
use crate::stats::Spread;

/// Bytes of a copy by the driver.
const COPY: usize = 256 << 20;

/// Bytes that a kernel writes, again and again.
const WRITTEN: usize = 32 << 20;

/// How often it does in one measurement.
const ROUNDS: u64 = 16;

const REPETITIONS: usize = 7;

/// Blocks' threads.
const THREADS: u32 = 256;

/// How long either side of the ping-pong waits for the other.
const PATIENCE: Duration = Duration::from_secs(3);

/// The driver's copy from the device to pinned memory, in bytes per second.
pub(super) fn copy(rig: &Rig) -> Result<Spread, Error> {
    let from = DeviceBytes::new(&rig.gpu, &vec![0x5a; COPY])?;
    let to = rig.mapped(Memory::Pinned, COPY)?;
    rates(rig, COPY as u64, || {
        let _current = rig.gpu.enter()?;
        let stream = std::ptr::null_mut();
        // SAFETY: both ranges are that long, and stay until the copy is waited for.
        let result =
            unsafe { sys::cuMemcpyDtoHAsync_v2(to.as_ptr().cast(), from.device_ptr(), COPY, stream) };
        driver("cuMemcpyDtoHAsync", result)
    })
}

/// A kernel's writes to memory that both sides see, in bytes per second.
pub(super) fn writes(rig: &Rig, memory: Memory) -> Result<Spread, Error> {
    let written = rig.mapped(memory, WRITTEN)?;
    let blocks = rig.multiprocessors()?;
    rates(rig, WRITTEN as u64 * ROUNDS, || {
        let launch = rig.launch("bare_writes")?.grid(blocks).block(THREADS);
        let launch = launch.arg(written.device_ptr()).arg(WRITTEN as u64 / 16).arg(ROUNDS);
        // SAFETY: these are the kernel's parameters; the memory is that long, and stays until the kernel is waited for.
        Ok(unsafe { launch.start_on(std::ptr::null_mut()) }?)
    })
}

/// Bytes per second of something that moves `bytes` of them before the device is idle again.
fn rates(rig: &Rig, bytes: u64, mut start: impl FnMut() -> Result<(), Error>) -> Result<Spread, Error> {
    let mut once = || {
        let begun = Instant::now();
        let started = start();
        // Also after a failure: nothing may be freed before.
        rig.synchronize()?;
        started.map(|()| bytes as f64 / begun.elapsed().as_secs_f64().max(f64::MIN_POSITIVE))
    };
    // The first one pays for what comes into being on first use.
    once()?;
    let rates: Result<Vec<f64>, Error> = (0..REPETITIONS).map(|_| once()).collect();
    Ok(Spread::of(&rates?))
}

/// Round trips of one word, in nanoseconds: the CPU stores to one, a kernel answers in another.
pub(super) fn ping_pong(rig: &Rig, memory: Memory, warm_up: usize, count: usize) -> Result<Vec<u32>, Error> {
    let (command, reply) = (Word::new(rig, memory)?, Word::new(rig, memory)?);
    let total = (warm_up + count) as u64;
    let launch = rig.launch("bare_ping_pong")?.arg(command.address()).arg(reply.address());
    // The kernel's limit is for all trips together.
    let launch = launch.arg(total).arg(PATIENCE.as_nanos() as u64);
    // SAFETY: these are the kernel's parameters; the words stay until it is waited for, below.
    unsafe { launch.start_on(std::ptr::null_mut()) }?;
    let outcome = rig.on_consumer_core(|| {
        let mut times = Vec::with_capacity(count);
        for turn in 1..=total {
            let time = ping(&command, &reply, turn)?;
            if turn > warm_up as u64 {
                times.push(u32::try_from(time.as_nanos()).unwrap_or(u32::MAX));
            }
            shift_phase(turn);
        }
        Ok(times)
    });
    // The kernel gives up by itself, so this returns.
    rig.synchronize()?;
    outcome
}

/// Waits a moment that differs from trip to trip: the next command must not come at the same point of the kernel's polls every
/// time, or the bare link and a ring meet different points.
pub(super) fn shift_phase(turn: u64) {
    for _ in 0..turn * 7 % 23 {
        std::hint::spin_loop();
    }
}

fn ping(command: &Word, reply: &Word, turn: u64) -> Result<Duration, Error> {
    const LOOKS_PER_CLOCK: u32 = 1 << 16;
    let (command, reply) = (command.get(), reply.get());
    let begun = Instant::now();
    command.store(turn, Ordering::Release);
    let mut looks = 0_u32;
    while reply.load(Ordering::Acquire) != turn {
        looks = looks.wrapping_add(1);
        if looks % LOOKS_PER_CLOCK == 0 && begun.elapsed() > PATIENCE {
            return Err(Error::Stalled(PATIENCE));
        }
    }
    Ok(begun.elapsed())
}
