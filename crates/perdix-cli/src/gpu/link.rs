//! The bare link between CPU and GPU, without any protocol: what a ring is measured against.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use perdix_host::MemoryKind;
use perdix_host::cuda::{DeviceAttribute, DeviceBytes, Mapped, sys};

use super::rig::{Rig, Word, driver};
use crate::bench::{Percentiles, Spread};
use crate::error::Error;
use crate::report::per_second;

/// Bytes of a copy by the driver.
const COPY: usize = 256 << 20;

/// Bytes that a kernel writes, again and again.
const WRITTEN: usize = 32 << 20;

/// How often it does in one measurement.
const ROUNDS: u64 = 16;

const REPETITIONS: usize = 7;

/// How long either side of the ping-pong waits for the other.
const PATIENCE: Duration = Duration::from_secs(3);

/// How to measure the bare link of a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link<'r>(pub(crate) &'r Rig);

impl Link<'_> {
    /// The driver's copy from the device to pinned memory, in bytes per second.
    pub(crate) fn copy(self) -> Result<Spread, Error> {
        let from = DeviceBytes::new(&self.0.gpu, &vec![0x5a; COPY])?;
        let to = Mapped::new(&self.0.gpu, MemoryKind::Pinned, COPY)?;
        self.rates(COPY as u64, || {
            let _current = self.0.gpu.enter()?;
            let stream = std::ptr::null_mut();
            // SAFETY: both ranges are that long, and stay until the copy is waited for.
            let result =
                unsafe { sys::cuMemcpyDtoHAsync_v2(to.as_ptr().cast(), from.device_ptr(), COPY, stream) };
            driver("cuMemcpyDtoHAsync", result)
        })
    }

    /// Blocks and threads of each that write: a block for every multiprocessor.
    pub(crate) fn grid(self) -> Result<(u32, u32), Error> {
        let multiprocessors = self.0.gpu.attribute(DeviceAttribute::MultiprocessorCount)?;
        Ok((u32::try_from(multiprocessors).unwrap_or(1).max(1), 256))
    }

    /// A kernel's writes to the memory that rings lie in, in bytes per second.
    pub(crate) fn writes(self) -> Result<Spread, Error> {
        let memory = Mapped::new(&self.0.gpu, self.0.memory, WRITTEN)?;
        let (blocks, threads) = self.grid()?;
        self.rates(WRITTEN as u64 * ROUNDS, || {
            let launch = self.0.launch("bare_writes")?.grid(blocks).block(threads);
            let launch = launch.arg(memory.device_ptr()).arg(WRITTEN as u64 / 16).arg(ROUNDS);
            // SAFETY: these are the kernel's parameters; the memory is that long, and stays until the kernel is waited for.
            Ok(unsafe { launch.start_on(std::ptr::null_mut()) }?)
        })
    }

    /// Round trips of one word: the CPU stores to one, a kernel answers in another.
    pub(crate) fn ping_pong(self, count: usize) -> Result<Percentiles, Error> {
        const WARM_UP: usize = 2000;
        let (command, reply) = (Word::new(self.0)?, Word::new(self.0)?);
        let total = (WARM_UP + count) as u64;
        let launch = self.0.launch("bare_ping_pong")?.arg(command.address()).arg(reply.address());
        let launch = launch.arg(total).arg(PATIENCE.as_nanos() as u64);
        // SAFETY: these are the kernel's parameters; the words stay until it is waited for, below.
        unsafe { launch.start_on(std::ptr::null_mut()) }?;
        let mut times = Vec::with_capacity(count);
        let outcome = (1..=total).try_for_each(|turn| {
            let time = ping(&command, &reply, turn)?;
            if turn > WARM_UP as u64 {
                times.push(u32::try_from(time.as_nanos()).unwrap_or(u32::MAX));
            }
            Ok(())
        });
        // The kernel gives up by itself, so this returns.
        self.0.synchronize()?;
        outcome.map(|()| Percentiles::of(times))
    }

    /// Bytes per second of something that moves `bytes` of them before the device is idle again.
    fn rates(self, bytes: u64, mut start: impl FnMut() -> Result<(), Error>) -> Result<Spread, Error> {
        let mut once = || {
            let begun = Instant::now();
            let started = start();
            // Also after a failure: nothing may be freed before.
            self.0.synchronize()?;
            started.map(|()| per_second(bytes, begun.elapsed().as_secs_f64()))
        };
        // The first one pays for what comes into being on first use.
        once()?;
        let rates: Result<Vec<f64>, Error> = (0..REPETITIONS).map(|_| once()).collect();
        Ok(Spread::of(&rates?))
    }
}

fn ping(command: &Word, reply: &Word, turn: u64) -> Result<Duration, Error> {
    const LOOKS_PER_CLOCK: u32 = 1 << 16;
    let begun = Instant::now();
    command.get().store(turn, Ordering::Release);
    let mut looks = 0_u32;
    while reply.get().load(Ordering::Acquire) != turn {
        looks = looks.wrapping_add(1);
        if looks % LOOKS_PER_CLOCK == 0 && begun.elapsed() > PATIENCE {
            return Err(Error::Stalled { seconds: PATIENCE.as_secs() });
        }
    }
    Ok(begun.elapsed())
}
