//! CPU to CPU: Perdix beside its rivals, two pinned threads, every payload byte written and read.
//!
//! A machine that drifts makes separate runs incomparable, so the contestants of a group always run in turn, in slices of some
//! milliseconds; what counts is the median of the ratios within one turn. Each group ends with its table, the whole run with
//! the table of targets, both in Markdown and as `target/perdix-bench/cpu.json`.
//!
//! ```sh
//! cargo bench --package perdix-benches             # all, about 3 minutes
//! cargo bench --package perdix-benches -- batches  # groups and contestants whose name has `batches` in it
//! ```
#![allow(missing_docs, clippy::unwrap_used)] // a benchmark, not a library: a failure may stop it

mod group;
mod measure;
mod queues;
mod report;

use criterion::Criterion;
use group::{Contestant, Group, Unit};
use measure::{round_trips, stream};
use queues::{channels, gil, heapless, nexus, perdix, ringbuf, rtrb};
use report::{Report, Target};

/// Words of the longest message: 240 bytes.
const LONGEST: usize = 30;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut report = Report::default();
    one_by_one::<LONGEST>()
        .target(Target::at_least("one by one, copied", 1.3))
        .run(&mut criterion, &mut report);
    in_place().target(Target::at_least("in place", 1.15)).run(&mut criterion, &mut report);
    batches().target(Target::at_least("batches of 32", 1.15)).run(&mut criterion, &mut report);
    round_trip().target(Target::at_most("round trip, p50", 0.75)).run(&mut criterion, &mut report);
    records()
        .target(Target::at_least("8-byte messages packed as records", 2.0))
        .run(&mut criterion, &mut report);
    one_by_one::<8>().run(&mut criterion, &mut report);
    one_by_one::<1>().run(&mut criterion, &mut report);
    criterion.final_summary();
    report.finish();
}

fn one_by_one<const N: usize>() -> Group {
    Group::new(format!("{}-byte messages one by one", 8 * N), Unit::Rate, "rtrb push/pop")
        .contestant(Contestant::new("Perdix", stream::<N, perdix::Copied>))
        .contestant(Contestant::new("Perdix, spinning", stream::<N, perdix::CopiedSpinning>))
        .contestant(Contestant::new("Perdix, fence-free", stream::<N, perdix::CopiedFenceFree>))
        .contestant(Contestant::new("rtrb push/pop", stream::<N, rtrb::Copied<N>>))
        .contestant(Contestant::new("ringbuf", stream::<N, ringbuf::Copied<N>>))
        .contestant(Contestant::new("gil", stream::<N, gil::Copied<N>>))
        .contestant(Contestant::new("nexus-queue", stream::<N, nexus::Copied<N>>))
        .contestant(Contestant::new("heapless spsc", stream::<N, heapless::Copied<N>>))
        .contestant(Contestant::new("crossbeam ArrayQueue", stream::<N, channels::Array<N>>))
        .contestant(Contestant::new("crossbeam channel", stream::<N, channels::Channel<N>>))
}

fn in_place() -> Group {
    Group::new("240-byte messages in place".into(), Unit::Rate, "rtrb chunk(1)")
        .contestant(Contestant::new("Perdix reserve/commit", stream::<LONGEST, perdix::InPlace>))
        .contestant(Contestant::new("rtrb chunk(1)", stream::<LONGEST, rtrb::Chunks<LONGEST, 1>>))
        .contestant(Contestant::new("gil buffer of 1", stream::<LONGEST, gil::Buffers<LONGEST, 1>>))
}

fn batches() -> Group {
    Group::new("240-byte messages in batches of 32".into(), Unit::Rate, "rtrb slices of 32")
        .contestant(Contestant::new("Perdix batch", stream::<LONGEST, perdix::Batches>))
        .contestant(Contestant::new("rtrb slices of 32", stream::<LONGEST, rtrb::Chunks<LONGEST, 32>>))
        .contestant(Contestant::new("gil buffer of 32", stream::<LONGEST, gil::Buffers<LONGEST, 32>>))
        .contestant(Contestant::new("ringbuf slices of 32", stream::<LONGEST, ringbuf::Slices<LONGEST>>))
}

fn records() -> Group {
    Group::new("8-byte records".into(), Unit::Rate, "rtrb push/pop, u64")
        .slice(1_000_000)
        .contestant(Contestant::new("Perdix records", stream::<1, perdix::Records>))
        .contestant(Contestant::new("rtrb push/pop, u64", stream::<1, rtrb::Copied<1>>))
        .contestant(Contestant::new("rtrb slices of 32, u64", stream::<1, rtrb::Chunks<1, 32>>))
}

fn round_trip() -> Group {
    Group::new("240-byte round trip".into(), Unit::RoundTrip, "rtrb push/pop")
        .contestant(Contestant::new("Perdix", round_trips::<LONGEST, perdix::Copied>))
        .contestant(Contestant::new("Perdix, spinning", round_trips::<LONGEST, perdix::CopiedSpinning>))
        .contestant(Contestant::new("Perdix, fence-free", round_trips::<LONGEST, perdix::CopiedFenceFree>))
        .contestant(Contestant::new("rtrb push/pop", round_trips::<LONGEST, rtrb::Copied<LONGEST>>))
        .contestant(Contestant::new("rtrb chunk(1)", round_trips::<LONGEST, rtrb::Chunks<LONGEST, 1>>))
        .contestant(Contestant::new("ringbuf", round_trips::<LONGEST, ringbuf::Copied<LONGEST>>))
        .contestant(Contestant::new("gil", round_trips::<LONGEST, gil::Copied<LONGEST>>))
        .contestant(Contestant::new("nexus-queue", round_trips::<LONGEST, nexus::Copied<LONGEST>>))
        .contestant(Contestant::new("heapless spsc", round_trips::<LONGEST, heapless::Copied<LONGEST>>))
        .contestant(Contestant::new("crossbeam ArrayQueue", round_trips::<LONGEST, channels::Array<LONGEST>>))
        .contestant(Contestant::new("crossbeam channel", round_trips::<LONGEST, channels::Channel<LONGEST>>))
}
