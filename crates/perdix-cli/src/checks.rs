//! `transport_test`: five checks of the transport, a line each.

mod backpressure;
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
use crate::pattern::Pattern;
use crate::producer::{CpuProducer, Producing, Until};
use crate::receive::{PatternSink, receive};
use crate::report::To;
use crate::stop::{self, Stop};

/// How thoroughly to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Messages of the sustained stress, in each publication mode
    #[arg(long, value_name = "N", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
    /// Round trips of the latency check, in each publication mode
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    round_trips: u32,
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
    passed: usize,
    failed: usize,
    checks: Vec<Outcome>,
}

/// Runs the command.
pub(crate) fn run(args: &CheckArgs) -> Result<(), Error> {
    stop::exit_on_ctrl_c("transport_test")?;
    let mut checks = Vec::new();
    for (name, check) in CHECKS {
        let outcome = perform(name, check, args);
        if !args.json {
            let verdict = if outcome.passed { "PASS" } else { "FAIL" };
            To::Stdout.print(&format!("{verdict} {name}: {}", outcome.details))?;
        }
        checks.push(outcome);
    }
    let (passed, total) = (checks.iter().filter(|check| check.passed).count(), checks.len());
    let failed = total - passed;
    if args.json {
        To::Stdout.json(&Report { command: "transport_test", passed, failed, checks })?;
    } else {
        To::Stdout.print(&format!("{passed} passed, {failed} failed"))?;
    }
    if failed == 0 { Ok(()) } else { Err(Error::Checks { failed, total }) }
}

fn perform(name: &'static str, check: Check, args: &CheckArgs) -> Outcome {
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| check(args)));
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
        let send = || CpuProducer(producer).send_pattern(pattern, Until::Count(count), &never);
        let sending = scope.spawn(send);
        receive(consumer, &mut sink, &never)?;
        sending.join().map_err(|_| Error::Panicked { side: "producer" })?
    })?;
    let snapshot = counters.read();
    let counted = (sink.received(), snapshot.sent, snapshot.received, snapshot.dropped);
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
