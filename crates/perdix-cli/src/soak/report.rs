//! What a soak says at its end.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::tally::{Counts, Tally};
use super::watch::{Broken, Outcome};
use crate::error::Error;
use crate::report::{Table, To, byte_rate, grouped, message_rate, per_second};

/// The summary; the field names in JSON are stable.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    command: &'static str,
    version: &'static str,
    producer: &'static str,
    seed: u64,
    seconds: f64,
    interrupted: bool,
    violation: Option<Found>,
    #[serde(flatten)]
    tally: Tally,
}

/// The violation, and how to see it again.
#[derive(Clone, Debug, Serialize)]
struct Found {
    episode: u64,
    what: String,
    configuration: String,
    replay: String,
}

/// One line on how far it is.
pub(crate) fn line(duration: Duration, begun: Instant, tally: &Tally) -> String {
    let passed = Duration::from_secs(begun.elapsed().as_secs());
    format!(
        "{} of {}: {} episodes, {} messages verified, {} faults injected",
        humantime::format_duration(passed),
        humantime::format_duration(duration),
        grouped(tally.episodes),
        grouped(tally.messages),
        grouped(tally.all_faults())
    )
}

impl Report {
    pub(crate) fn new(seed: u64, producer: &'static str, outcome: Outcome) -> Self {
        let Outcome { tally, time, interrupted, broken } = outcome;
        let found = |Broken { episode, plan, violation }| Found {
            episode,
            what: violation.to_string(),
            configuration: plan,
            replay: format!(
                "perdix soak --producer {producer} --seed {seed} --episode {episode} --duration 1m"
            ),
        };
        let violation = broken.map(found);
        let (command, version, seconds) = ("soak", env!("CARGO_PKG_VERSION"), time.as_secs_f64());
        Self { command, version, producer, seed, seconds, interrupted, violation, tally }
    }

    /// Prints it as a table, as JSON, or the table and JSON to a file.
    pub(crate) fn print(&self, json: Option<&Path>) -> Result<(), Error> {
        match json {
            Some(path) if path == Path::new("-") => return To::Stdout.json(self),
            Some(path) => {
                let text = serde_json::to_string(self)? + "\n";
                let name = path.display().to_string();
                fs::write(path, text).map_err(|source| Error::Write { name, source })?;
            }
            None => {}
        }
        To::Stdout.print(&self.text())
    }

    /// Success only without a violation, and if the time was not cut short.
    pub(crate) fn verdict(&self) -> Result<(), Error> {
        match &self.violation {
            Some(Found { episode, what, configuration, replay }) => Err(Error::Soak {
                episode: *episode,
                what: what.clone(),
                configuration: configuration.clone(),
                replay: replay.clone(),
            }),
            None if self.interrupted => Err(Error::SoakInterrupted { episodes: self.tally.episodes }),
            None => Ok(()),
        }
    }

    fn text(&self) -> String {
        let Tally { episodes, messages, slots, bytes, restarts, full_waits, drops, gaps, .. } = self.tally;
        let mut table = Table::default()
            .row("producer", self.producer)
            .row("seed", self.seed)
            .row("time", humantime::format_duration(Duration::from_secs(self.seconds as u64)))
            .row("episodes", grouped(episodes))
            .row("messages verified", grouped(messages))
            .row(
                "slots",
                format_args!("{}, {}", grouped(slots), message_rate(per_second(slots, self.seconds))),
            )
            .row("bytes", format_args!("{}, {}", grouped(bytes), byte_rate(per_second(bytes, self.seconds))))
            .row("restarts", grouped(restarts))
            .row("full waits", grouped(full_waits))
            .row("drops", format_args!("{}, told by {} gaps", grouped(drops), grouped(gaps)));
        for (title, counts) in self.tally.groups() {
            table = table.row(title, listed(counts));
        }
        let verdict = if self.violation.is_some() { "VIOLATION" } else { "no violation" };
        table.row("verdict", verdict).text()
    }
}

/// Names with their counts, on one line.
fn listed(counts: &Counts) -> String {
    let all: Vec<_> = counts.iter().map(|(name, count)| format!("{name}: {}", grouped(*count))).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}
