//! How long a command to a kernel and its answer take. What is measured is reported, not judged: that depends on the machine.

use super::{CheckArgs, failed};
use crate::args::{mode_name, modes};
use crate::bench::Percentiles;
use crate::error::Error;
use crate::gpu::{Rig, Trip, one_way, trips};
use crate::report::{grouped, nanoseconds};

/// Bytes of the message: a small one, as commands and events are.
const SIZE: usize = 64;

/// Measures round trips, in each mode.
pub(super) fn check(rig: &Rig, args: &CheckArgs) -> Result<String, Error> {
    let mut figures = Vec::new();
    for mode in modes(None) {
        let trips = trips(rig, mode, SIZE, 1000, args.round_trips as usize)?;
        let times = Percentiles::of(trips.iter().map(Trip::round).collect());
        if times.samples == 0 {
            return Err(failed("no round trip was completed"));
        }
        let [_, p50, _, p99, _, max] = times.columns().map(nanoseconds);
        let there = nanoseconds(Percentiles::of(one_way(&trips)).p50_nanoseconds);
        let (mode, samples) = (mode_name(mode), grouped(times.samples as u64));
        figures.push(format!(
            "{mode} p50 {p50}, p99 {p99}, max {max} of {samples} round trips (GPU to CPU p50 {there})"
        ));
    }
    Ok(figures.join("; "))
}
