//! `perdix bench` and `benchmark`: throughput and round trip.

#[cfg(feature = "cuda")]
mod gpu;
mod report;
mod round_trip;
mod stats;
mod throughput;

use std::time::Duration;

use clap::Args;
use perdix_host::{Buffer, CreateError, MemoryKind, Mode};
pub(crate) use round_trip::{Limit, round_trips};
pub(crate) use stats::{Percentiles, Spread};

use crate::args::{self, ModeArg, WaitArg, mode_name};
use crate::error::Error;
use crate::producer::{Choice, ProducerArgs};
use crate::progress::Progress;
use crate::report::To;
use crate::stop;
use report::{Report, RoundTripRow, ThroughputRow};
use throughput::{Method, throughput};

/// Measures throughput and round trip between two threads, or from a kernel to a thread, beside the bare link; every row is
/// repeated, and the report has the median.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Time for each row, in seconds
    #[arg(long, value_name = "N", default_value = "1", value_parser = args::seconds)]
    seconds: Duration,
    /// Bytes of each message, 0 to 240
    #[arg(long, value_name = "BYTES", default_value = "240", value_parser = args::size)]
    size: usize,
    /// Repetitions that the time of a row is divided into [default: 5; 3 with --producer gpu]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: Option<u32>,
    /// Slots of 256 bytes in each ring: a power of two [default: 4096; with --producer gpu each row's own]
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// Measure only this publication mode, not both
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// What a thread does while it waits [default: yield; spin with --producer gpu]
    #[arg(long, value_enum)]
    wait: Option<WaitArg>,
    #[command(flatten)]
    producer: ProducerArgs,
    /// Report one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

impl BenchArgs {
    fn ring(&self, mode: Mode) -> Result<Buffer, CreateError> {
        let builder = Buffer::builder().slots(self.slots()).mode(mode).wait(self.wait().into());
        builder.memory(MemoryKind::Heap).build()
    }

    fn slots(&self) -> usize {
        self.slots.unwrap_or(4096)
    }

    fn wait(&self) -> WaitArg {
        self.wait.unwrap_or(WaitArg::Yield)
    }

    fn repetitions(&self) -> u32 {
        self.repetitions.unwrap_or(5)
    }
}

/// Runs the command called `name`.
pub(crate) fn run(name: &'static str, args: &BenchArgs) -> Result<(), Error> {
    let choice = args.producer.choose()?;
    stop::exit_on_ctrl_c(name)?;
    match choice {
        Choice::Cpu => {
            let report = measure(name, args, &Progress::spinner(true))?;
            if args.json { To::Stdout.json(&report) } else { To::Stdout.print(&report.text()) }
        }
        #[cfg(feature = "cuda")]
        Choice::Gpu(device) => gpu::run(name, args, device),
    }
}

fn measure(name: &'static str, args: &BenchArgs, progress: &Progress) -> Result<Report, Error> {
    let each = args.seconds / args.repetitions();
    let mut report = Report::new(name, args);
    for mode in args::modes(args.mode) {
        for method in Method::ALL {
            progress.say(format!("throughput, {}, {}", method.name(), mode_name(mode)));
            let run = |_| throughput(args.ring(mode)?, method, args.size, each);
            let rates: Result<Vec<f64>, Error> = (0..args.repetitions()).map(run).collect();
            report.throughput.push(ThroughputRow::new(method, mode, args.size, Spread::of(&rates?)));
        }
        progress.say(format!("round trip, {}", mode_name(mode)));
        let mut samples = Vec::new();
        for _ in 0..args.repetitions() {
            let limit = Limit { count: usize::MAX, time: each };
            samples.extend(round_trips(args.ring(mode)?, args.ring(mode)?, args.size, limit)?);
        }
        report.round_trip.push(RoundTripRow::new(mode, Percentiles::of(samples)));
    }
    Ok(report)
}
