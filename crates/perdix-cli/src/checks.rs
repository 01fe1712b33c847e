//! `transport_test`: five checks of the transport, a line each.

mod backpressure;
#[cfg(feature = "cuda")]
mod gpu;
mod latency;
mod single;
mod stress;
mod wrap;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use clap::Args;
use perdix_host::{Buffer, Snapshot};
use serde::Serialize;

use crate::error::Error;
#[cfg(feature = "cuda")]
use crate::gpu::Rig;
use crate::pattern::Pattern;
use crate::producer::{Choice, CpuProducer, ProducerArgs, Producing, Until};
use crate::receive::{PatternSink, receive};
use crate::report::To;
use crate::stop::{self, Stop};

/// Who produces, and how thoroughly to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    producer: ProducerArgs,
    /// Messages of the sustained stress, in each publication mode
    #[arg(long, value_name = "N", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) messages: u64,
    /// Round trips of the latency check, in each publication mode
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) round_trips: u32,
    /// Report one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

/// Says what it saw, or what is wrong.
type Check = fn(&CheckArgs) -> Result<String, Error>;

const CHECKS: [(&str, Check); 5] = [
    ("single message", single::check),
    ("sustained stress", stress::check),
    ("latency", latency::check),
    ("backpressure", backpressure::check),
    ("wrap-around", wrap::check),
];

/// One check's outcome; the field names in JSON are stable.
#[derive(Debug, Serialize)]
struct Outcome {
    name: &'static str,
    passed: bool,
    details: String,
    seconds: f64,
}

/// The report in JSON.
#[derive(Debug, Serialize)]
struct Report {
    command: &'static str,
    producer: &'static str,
    passed: usize,
    failed: usize,
    checks: Vec<Outcome>,
}

/// Runs the command.
pub(crate) fn run(args: &CheckArgs) -> Result<(), Error> {
    let choice = args.producer.choose()?;
    stop::exit_on_ctrl_c("transport_test")?;
    match choice {
        Choice::Cpu => report("cpu", args, CHECKS.map(|(name, check)| (name, move || check(args)))),
        #[cfg(feature = "cuda")]
        Choice::Gpu(device) => {
            let rig = &Rig::open(device)?;
            report("gpu", args, gpu::CHECKS.map(|(name, check)| (name, move || check(rig, args))))
        }
    }
}

/// Performs the checks and prints their lines, or the JSON report.
fn report<C>(producer: &'static str, args: &CheckArgs, all: [(&'static str, C); 5]) -> Result<(), Error>
where
    C: Fn() -> Result<String, Error>,
{
    let mut checks = Vec::new();
    for (name, check) in all {
        let outcome = perform(name, check);
        if !args.json {
            let verdict = if outcome.passed { "PASS" } else { "FAIL" };
            To::Stdout.print(&format!("{verdict} {name}: {}", outcome.details))?;
        }
        checks.push(outcome);
    }
    let (passed, total) = (checks.iter().filter(|check| check.passed).count(), checks.len());
    let failed = total - passed;
    if args.json {
        To::Stdout.json(&Report { command: "transport_test", producer, passed, failed, checks })?;
    } else {
        To::Stdout.print(&format!("{passed} passed, {failed} failed"))?;
    }
    if failed == 0 { Ok(()) } else { Err(Error::Checks { failed, total }) }
}

fn perform(name: &'static str, check: impl Fn() -> Result<String, Error>) -> Outcome {
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(check));
    let outcome = outcome.unwrap_or(Err(Error::Panicked { side: "checking" }));
    let seconds = start.elapsed().as_secs_f64();
    let (passed, details) = match outcome {
        Ok(details) => (true, details),
        Err(Error::ClosedPipe) => (false, "the output was closed".to_owned()),
        Err(error) => (false, error.to_string()),
    };
    Outcome { name, passed, details, seconds }
}

/// Sends `count` messages through the ring, whose first message has the number `first`, and checks each on arrival.
fn exchange(buffer: Buffer, first: u64, pattern: Pattern, count: u64) -> Result<Snapshot, Error> {
    let counters = buffer.counters();
    let (producer, consumer) = buffer.split();
    let mut sink = PatternSink::new(pattern, first);
    let never = Stop::default();
    thread::scope(|scope| {
        let send = || CpuProducer(producer).send_pattern(pattern.size, Until::Count(count), &never);
        let sending = scope.spawn(send);
        receive(consumer, &mut sink, &never)?;
        sending.join().map_err(|_| Error::Panicked { side: "producer" })?
    })?;
    all_arrived(count, sink.received(), counters.read())
}

/// Compares what was to be sent with what arrived and with the counters.
fn all_arrived(count: u64, received: u64, snapshot: Snapshot) -> Result<Snapshot, Error> {
    let counted = (received, snapshot.sent, snapshot.received, snapshot.dropped);
    if counted != (count, count, count, 0) {
        return Err(failed(format!(
            "{count} messages were to be sent, {} arrived; the counters say {} sent, {} received, {} dropped",
            counted.0, counted.1, counted.2, counted.3
        )));
    }
    Ok(snapshot)
}

/// A check's failure.
fn failed(what: impl Into<String>) -> Error {
    Error::Check(what.into())
}
