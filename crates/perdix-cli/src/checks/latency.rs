//! How long a message takes there and back. What is measured is reported, not judged: that depends on the machine.

use std::time::Duration;

use perdix_host::{Buffer, MemoryKind, WaitStrategy};

use super::{CheckArgs, failed};
use crate::args::{mode_name, modes};
use crate::bench::{Limit, Percentiles, round_trips};
use crate::error::Error;
use crate::report::{grouped, nanoseconds};

/// Bytes of the message: a small one, as commands and events are.
const SIZE: usize = 64;

/// On a machine that is busy otherwise, fewer round trips will do.
const LONGEST: Duration = Duration::from_secs(10);

/// Measures round trips over two rings, in each mode.
pub(super) fn check(args: &CheckArgs) -> Result<String, Error> {
    let limit = Limit { count: args.round_trips as usize, time: LONGEST };
    let mut figures = Vec::new();
    for mode in modes(None) {
        let ring = || {
            Buffer::builder().slots(64).mode(mode).wait(WaitStrategy::Yield).memory(MemoryKind::Heap).build()
        };
        let times = Percentiles::of(round_trips(ring()?, ring()?, SIZE, limit)?);
        if times.samples == 0 {
            return Err(failed("no round trip was completed"));
        }
        let [_, p50, _, p99, _, max] = times.columns().map(nanoseconds);
        let (mode, samples) = (mode_name(mode), grouped(times.samples as u64));
        figures.push(format!("{mode} p50 {p50}, p99 {p99}, max {max} of {samples} round trips"));
    }
    Ok(figures.join("; "))
}
