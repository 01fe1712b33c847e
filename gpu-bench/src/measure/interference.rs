//! A ring beside a kernel that reads and writes device memory at full rate.

use std::thread;
use std::time::{Duration, Instant};

use perdix_host::cuda::{DeviceBytes, sys};

use super::rates::start;
use super::rig::{Rig, driver};
use crate::consume::PATIENCE;
use crate::consume::ring::{Identities, Meter, receive};
use crate::error::Error;
use crate::results::{Config, Interference, Mode, Sender};
use crate::stats::Spread;

/// Bytes that the load reads, and as many that it writes, again and again: more than the device's caches hold.
const LOADED: usize = 128 << 20;
/// How long the load runs, and in which part of that time messages are counted.
const LOAD: Duration = Duration::from_millis(120);
const MARGIN: Duration = Duration::from_millis(20);
/// Blocks of the load for each multiprocessor: they leave room for the ring's.
const BLOCKS: u32 = 4;
const THREADS: u32 = 256;
const REPETITIONS: usize = 3;

/// The ring's messages: more than can be sent meanwhile; the consumer ends the stream. Should it not, the kernel ends in a few seconds.
const MESSAGES: u64 = 1 << 27;

/// Measures both alone and both at once.
pub(super) fn interference(rig: &Rig, mode: Mode) -> Result<Interference, Error> {
    let load = Load::new(rig)?;
    let mut found = [const { Vec::new() }; 4];
    // The first one pays for what comes into being on first use.
    load.run()?;
    for _ in 0..REPETITIONS {
        let load_alone = load.run()?;
        let (_, ring_alone) = beside(rig, mode, || {
            thread::sleep(LOAD);
            Ok(())
        })?;
        let (load_beside, ring_beside) = beside(rig, mode, || load.run())?;
        for (all, one) in found.iter_mut().zip([load_alone, load_beside, ring_alone, ring_beside]) {
            all.push(one);
        }
    }
    let [load_alone, load_beside, ring_alone, ring_beside] = found.map(|all| Spread::of(&all));
    Ok(Interference { mode, load_alone, load_beside, ring_alone, ring_beside })
}

/// Lets a ring run, does something beside it that takes as long as [`LOAD`], and returns messages per second meanwhile.
fn beside<R: Send>(
    rig: &Rig,
    mode: Mode,
    other: impl FnOnce() -> Result<R, Error> + Send,
) -> Result<(R, f64), Error> {
    let config = Config {
        sender: Sender::Block,
        mode: Some(mode),
        blocks: 1,
        threads: 256,
        batch: 65_536,
        slots: 16_384,
        rings: 1,
        bytes: 240,
    };
    let mut buffer = rig.ring(rig.memory(), mode, config.slots)?;
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let meter = Meter::default();
    thread::scope(|scope| {
        let meter = &meter;
        let receiving = scope.spawn(move || {
            rig.cores.pin_consumer(0).map_err(Error::Cores)?;
            receive(consumer, Identities::of(1), meter)
        });
        let outcome = start(rig, &config, &producer, MESSAGES).and_then(|()| {
            await_first(meter)?;
            let other = scope.spawn(other);
            thread::sleep(MARGIN);
            let (begun, before) = (Instant::now(), meter.count());
            thread::sleep(LOAD - 2 * MARGIN);
            let (took, after) = (begun.elapsed(), meter.count());
            let other = other.join().map_err(|_| Error::Panicked)??;
            Ok((other, (after - before) as f64 / took.as_secs_f64()))
        });
        meter.stop();
        // The consumer leaves, and the kernel ends when it notices.
        let received = receiving.join().map_err(|_| Error::Panicked)?;
        let found = outcome?;
        received?;
        Ok(found)
    })
}

fn await_first(meter: &Meter) -> Result<(), Error> {
    let begun = Instant::now();
    while meter.count() == 0 {
        if begun.elapsed() > PATIENCE {
            return Err(Error::Stalled(PATIENCE));
        }
        thread::yield_now();
    }
    Ok(())
}

/// The kernel that reads and writes device memory.
struct Load<'r> {
    rig: &'r Rig,
    from: DeviceBytes,
    to: DeviceBytes,
    /// The kernel's count. It lives as long as the others: freeing memory would wait for the ring's kernel.
    moved: DeviceBytes,
}

impl<'r> Load<'r> {
    fn new(rig: &'r Rig) -> Result<Self, Error> {
        let bytes = vec![0x5a; LOADED];
        let [from, to] = [DeviceBytes::new(&rig.gpu, &bytes)?, DeviceBytes::new(&rig.gpu, &bytes)?];
        let moved = DeviceBytes::new(&rig.gpu, &[0; 8])?;
        Ok(Self { rig, from, to, moved })
    }

    /// Runs it and returns the bytes per second that it read and wrote.
    fn run(&self) -> Result<f64, Error> {
        self.moved.write_at(0, &[0; 8])?;
        let blocks = self.rig.multiprocessors()? * BLOCKS;
        let launch = self.rig.launch("load_memory")?.grid(blocks).block(THREADS);
        let launch = launch.arg(self.from.device_ptr()).arg(self.to.device_ptr()).arg((LOADED / 16) as u64);
        let launch = launch.arg(LOAD.as_nanos() as u64).arg(self.moved.device_ptr());
        // SAFETY: these are the kernel's parameters; the driver frees device memory only when no kernel uses it.
        unsafe { launch.start_on(std::ptr::null_mut()) }?;
        let current = self.rig.gpu.enter()?;
        // This waits for the kernel in the default stream, and not for the ring's.
        // SAFETY: the default stream always lives, and a context is current.
        driver("cuStreamSynchronize", unsafe { sys::cuStreamSynchronize(std::ptr::null_mut()) })?;
        drop(current);
        let mut bytes = [0; 8];
        self.moved.read(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes) as f64 / LOAD.as_secs_f64())
    }
}
