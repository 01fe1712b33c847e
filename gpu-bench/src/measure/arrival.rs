//! When the data of a kernel that computes can be read: streamed, or copied at the end.

use std::time::{Duration, Instant};

use perdix_host::cuda::{DeviceBytes, sys};
use perdix_kernels::pattern::Pattern;

use super::rates::together;
use super::rig::{Rig, driver};
use crate::consume::PATIENCE;
use crate::consume::read::{first_word, is_wide, keep, sum, widely};
use crate::consume::ring::{Identities, receive};
use crate::error::Error;
use crate::results::{Arrival, Delivery, Memory, Mode};
use crate::stats::Spread;

/// Steps of the computation, with a part of the results after each.
const STEPS: u64 = 100;
const STEP: Duration = Duration::from_micros(100);
/// Messages after each step.
const EACH: u64 = 320;
const MESSAGE: usize = 240;
const THREADS: u32 = 256;
const SLOTS: usize = 4096;
const REPETITIONS: usize = 5;
const PATTERN: Pattern = Pattern { len: MESSAGE as u32, sentinels: 0 };

/// From the launch to the first message readable, and to the last one read.
type Times = (Duration, Duration);

/// Measures one way of delivery.
pub(super) fn arrival(rig: &Rig, delivery: Delivery) -> Result<Arrival, Error> {
    let once = || match delivery {
        Delivery::Streamed => streamed(rig),
        Delivery::CopiedAtEnd => copied(rig),
    };
    // The first one pays for what comes into being on first use.
    once()?;
    let times: Result<Vec<Times>, Error> = (0..REPETITIONS).map(|_| once()).collect();
    let times = times?;
    let spread = |of: fn(&Times) -> Duration| {
        Spread::of(&times.iter().map(|times| of(times).as_secs_f64() * 1e3).collect::<Vec<_>>())
    };
    Ok(Arrival {
        delivery,
        compute_milliseconds: STEP.as_secs_f64() * 1e3 * STEPS as f64,
        messages: STEPS * EACH,
        first: spread(|times| times.0),
        last: spread(|times| times.1),
    })
}

fn streamed(rig: &Rig) -> Result<Times, Error> {
    let mut buffer = rig.ring(rig.memory(), Mode::Fenced, SLOTS)?;
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let mut begun = Instant::now();
    let received = together(rig, vec![(consumer, Identities::of(1))], receive, || {
        begun = Instant::now();
        let launch = rig.launch("send_paced")?.block(THREADS).arg(&producer).arg(PATTERN);
        let launch = launch.arg(STEPS).arg(EACH).arg(STEP.as_nanos() as u64);
        // SAFETY: these are the kernel's parameters; it is one block, the ring's only producer.
        Ok(unsafe { launch.start() }?)
    })?;
    match received.first() {
        Some(all) if all.count == STEPS * EACH => Ok((all.first - begun, all.last - begun)),
        other => Err(Error::Wrong(format!("{other:?} arrived, not {} messages", STEPS * EACH))),
    }
}

fn copied(rig: &Rig) -> Result<Times, Error> {
    let bytes = (STEPS * EACH) as usize * MESSAGE;
    let from = DeviceBytes::new(&rig.gpu, &vec![0; bytes])?;
    let to = rig.mapped(Memory::Pinned, bytes)?;
    let (begun, started) = rig.on_consumer_core(|| {
        let begun = Instant::now();
        let launch = rig.launch("store_paced")?.block(THREADS).arg(from.device_ptr()).arg(PATTERN);
        let launch = launch.arg(STEPS).arg(EACH).arg(STEP.as_nanos() as u64);
        // SAFETY: these are the kernel's parameters, and the memory is that long; it stays until the copy is waited for.
        unsafe { launch.start_on(std::ptr::null_mut()) }?;
        let _current = rig.gpu.enter()?;
        // SAFETY: both ranges are that long, and stay until the copy is waited for.
        let result = unsafe {
            sys::cuMemcpyDtoHAsync_v2(to.as_ptr().cast(), from.device_ptr(), bytes, std::ptr::null_mut())
        };
        Ok((begun, driver("cuMemcpyDtoHAsync", result)))
    })?;
    // Also after a failure: nothing may be freed before.
    rig.synchronize()?;
    let first = begun.elapsed();
    started?;
    // SAFETY: the copy has been waited for; the memory is that long, initialised, and nobody writes it.
    let data = unsafe { std::slice::from_raw_parts(to.as_ptr(), bytes) };
    let wide = is_wide();
    for (number, message) in data.chunks_exact(MESSAGE).enumerate() {
        keep(widely(wide, || sum(message)));
        if first_word(message) != number as u64 {
            return Err(Error::Wrong(format!("message {number} was not copied: {message:x?}")));
        }
    }
    Ok((first, begun.elapsed()))
}
