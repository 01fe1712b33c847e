//! `perdix soak`: random episodes, everything checked, until the time is over.

mod checker;
mod episode;
#[cfg(test)]
mod flaw;
mod pace;
mod plan;
mod receiver;
mod report;
mod script;
mod sender;
mod shards;
mod tally;
mod violation;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use perdix_host::MemoryKind;

use crate::error::Error;
use crate::producer::{Choice, ProducerArgs};
use crate::progress::Progress;
use crate::stop::Stop;
pub(crate) use episode::Failed;
#[cfg(feature = "cuda")]
pub(crate) use episode::{merge, run as run_threads};
#[cfg(feature = "cuda")]
pub(crate) use pace::Rhythm;
pub(crate) use plan::Plan;
use report::Report;
#[cfg(feature = "cuda")]
pub(crate) use script::mix;
pub(crate) use tally::Tally;
#[cfg(feature = "cuda")]
pub(crate) use tally::{Counts, bump};
#[cfg(feature = "cuda")]
pub(crate) use violation::Violation;

/// Runs random episodes until the time is over, and checks every message of each: order, completeness, content, counts.
///
/// Each episode has a configuration of its own: ring size, mode, memory, wait strategies, calls, message lengths, rates, pauses,
/// restarts and faults. All of it follows from the seed and the episode's number; the timing does not. The first violation ends
/// the run with a non-zero status and says how to replay its episode.
#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// How long, as in 20s, 15m or 1h
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    duration: Duration,
    /// Of all random choices [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Run this episode alone, again and again
    #[arg(long, value_name = "N")]
    episode: Option<u64>,
    /// Stop after so many episodes, if the time is not over before
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    episodes: Option<u64>,
    #[command(flatten)]
    producer: ProducerArgs,
    /// Write the summary as one JSON object to this file; - for standard output, instead of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &SoakArgs) -> Result<(), Error> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    match args.producer.choose()? {
        Choice::Cpu => soak(args, seed, "cpu", Threads { seed }),
        #[cfg(feature = "cuda")]
        Choice::Gpu(choice) => soak(args, seed, "gpu", crate::gpu::SoakStage::open(choice, seed)?),
    }
}

/// Where episodes run.
pub(crate) trait Stage: Send + 'static {
    /// The configuration of an episode.
    type Plan: std::fmt::Debug + Send;

    /// The plan of episode `number`.
    fn plan(&self, number: u64) -> Self::Plan;

    /// Runs an episode.
    fn run(&self, plan: &Self::Plan) -> Result<Tally, Failed>;
}

/// Episodes from thread to thread, in heap memory.
struct Threads {
    seed: u64,
}

impl Stage for Threads {
    type Plan = Plan;

    fn plan(&self, number: u64) -> Plan {
        Plan::new(self.seed, number, &[MemoryKind::Heap])
    }

    fn run(&self, plan: &Plan) -> Result<Tally, Failed> {
        episode::run(plan, || Ok(plan.ring().build()?))
    }
}

fn soak(args: &SoakArgs, seed: u64, producer: &'static str, stage: impl Stage) -> Result<(), Error> {
    let stop = Stop::on_ctrl_c()?;
    let progress = Progress::spinner(true);
    let limits = watch::Limits { duration: args.duration, only: args.episode, most: args.episodes };
    let outcome = watch::run(stage, limits, &stop, |tally, begun| {
        progress.say(report::line(args.duration, begun, tally));
    });
    drop(progress);
    let report = Report::new(seed, producer, outcome?);
    report.print(args.json.as_deref())?;
    report.verdict()
}

/// Parses a time in words.
fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("no time at all; give a longer one, such as 20s or 15m".to_owned()),
        Err(error) => Err(format!("{error}; give a time such as 20s, 15m or 1h")),
    }
}
