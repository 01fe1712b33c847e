//! A consumer that pauses: the kernel has to notice, and nothing may be lost or overwritten.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use perdix_host::{Buffer, Mode, PAYLOAD_SIZE};

use super::{CheckArgs, PATIENCE, failed};
use crate::args::modes;
use crate::checks::all_arrived;
use crate::checks::backpressure::Slow;
use crate::error::Error;
use crate::gpu::{GpuPattern, Rig, Word};
use crate::receive::{PatternSink, receive};
use crate::stop::Stop;

const SLOTS: u64 = 8;
const MESSAGES: u64 = 1000;

/// How long the consumer sleeps while the ring is full.
const PAUSE: Duration = Duration::from_millis(100);

/// Lets kernels fill a ring whose consumer pauses, then go on with pauses.
pub(super) fn check(rig: &Rig, _: &CheckArgs) -> Result<String, Error> {
    let mut waits = 0;
    for mode in modes(None) {
        waits += pausing_consumer(rig, mode)?;
    }
    Ok(format!(
        "full after exactly {SLOTS} messages in {SLOTS} slots, {waits} times full in all, {MESSAGES} messages unchanged in each \
         mode while the consumer slept now and then"
    ))
}

fn pausing_consumer(rig: &Rig, mode: Mode) -> Result<u64, Error> {
    let pattern = GpuPattern::new(PAYLOAD_SIZE);
    let mut buffer = rig.ring(Buffer::builder().slots(SLOTS as usize).mode(mode))?;
    let counters = buffer.counters();
    let accepted = Word::new(rig)?;
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let launch = rig.launch("try_until_full")?.block(32);
    let launch = launch.arg(&producer).arg(pattern.0).arg(accepted.address());
    // SAFETY: these are the kernel's parameters; it is one warp, and the word stays until it has ended.
    unsafe { launch.start() }?;
    if let Err(error) = producer.wait(PATIENCE) {
        accepted.leak();
        return Err(error.into());
    }
    producer.is_running()?;
    match accepted.get().load(Ordering::Acquire) {
        SLOTS => {}
        other => return Err(failed(format!("{SLOTS} slots took {other} messages while nobody read"))),
    }
    let launch = rig.launch("continue_block")?.block(64);
    let launch = launch.arg(&producer).arg(pattern.0).arg(SLOTS).arg(MESSAGES - SLOTS).arg(1_u64);
    // SAFETY: these are the kernel's parameters, and it is one block.
    unsafe { launch.start() }?;
    thread::sleep(PAUSE);
    if !producer.is_running()? {
        return Err(failed("the kernel ended although the ring was full and nobody read"));
    }
    let mut sink = Slow(PatternSink::new(pattern, 0));
    receive(consumer, &mut sink, &Stop::default())?;
    let counters = all_arrived(MESSAGES, sink.0.received(), counters.read())?;
    if counters.full < 2 {
        return Err(failed(format!("the counters do not show the full ring: {counters:?}")));
    }
    Ok(counters.full)
}
