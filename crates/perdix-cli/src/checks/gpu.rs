//! The five checks with kernels as producers.

mod backpressure;
mod latency;
mod single;
mod stress;
mod wrap;

use std::time::Duration;

use perdix_host::cuda::Launch;
use perdix_host::{Buffer, Snapshot};

use super::{CheckArgs, all_arrived, failed};
use crate::error::Error;
use crate::gpu::{GpuPattern, Rig};
use crate::receive::{PatternSink, receive};
use crate::stop::Stop;

/// Says what it saw, or what is wrong.
type Check = fn(&Rig, &CheckArgs) -> Result<String, Error>;

/// The checks of `transport_test`, under the names that they have with a thread as producer.
pub(super) const CHECKS: [(&str, Check); 5] = [
    ("single message", single::check),
    ("sustained stress", stress::check),
    ("latency", latency::check),
    ("backpressure", backpressure::check),
    ("wrap-around", wrap::check),
];

/// How long kernels wait for a free slot.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets one kernel send `count` messages through the ring, whose first message has the number `first`, and checks each on arrival.
///
/// # Safety
/// The kernel's parameters are a ring, a pattern, a count and a batch, and the launch keeps its contract.
unsafe fn exchange(
    mut buffer: Buffer,
    first: u64,
    pattern: GpuPattern,
    count: u64,
    launch: Launch<'_>,
    batch: u64,
) -> Result<Snapshot, Error> {
    let counters = buffer.counters();
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let launch = launch.arg(&producer).arg(pattern.0).arg(count).arg(batch);
    // SAFETY: the caller's contract.
    unsafe { launch.start() }?;
    let mut sink = PatternSink::new(pattern, first);
    receive(consumer, &mut sink, &Stop::default())?;
    all_arrived(count, sink.received(), counters.read())
}
