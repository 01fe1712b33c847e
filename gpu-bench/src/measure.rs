//! Measuring on a GPU (feature `cuda`).

mod arrival;
mod baselines;
mod events;
mod idle;
mod interference;
mod latency;
mod link;
mod machine;
mod rates;
mod rig;
mod shards;
mod there;

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use self::rig::Rig;
use crate::error::Error;
use crate::files;
use crate::plan::{Plan, Step, Where};
use crate::progress::Progress;
use crate::results::{Crossing, FORMAT, Failure, LinkRate, Memory, Rate, Results};

/// What to measure on.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The device's number.
    pub device: usize,
    /// The only kind of memory to measure; none for all that the device allows.
    pub memory: Option<Memory>,
    /// Where the results go, after every step.
    pub json: Option<PathBuf>,
    /// The command line, for the report.
    pub command: String,
}

/// Goes through the plan. A step that fails is named in the results, and the others are measured all the same.
///
/// # Errors
/// [`Error::Gpu`] if there is no usable device, [`Error::File`] if the results cannot be written.
pub fn measure(plan: &Plan, options: &Options) -> Result<Results, Error> {
    let begun = Instant::now();
    let rig = Rig::open(options.device, options.memory)?;
    rig.cores.pin_main().map_err(Error::Cores)?;
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let machine = machine::describe(&rig)?;
    let results =
        Results { format: FORMAT, started, command: options.command.clone(), machine, ..Results::default() };
    let mut session = Session { rig: &rig, plan, results };
    let progress = Progress::new(plan.steps.len());
    for step in &plan.steps {
        progress.begin(&step.name());
        let outcome = if begun.elapsed() < plan.limit {
            session.step(step)
        } else {
            session.fail(step, format!("left out: the run has taken {} s already", plan.limit.as_secs()))
        };
        progress.end(&step.name(), &outcome);
        session.results.seconds = begun.elapsed().as_secs_f64();
        if let Some(path) = &options.json {
            files::save(&session.results, path)?;
        }
    }
    session.results.complete = true;
    if let Some(path) = &options.json {
        files::save(&session.results, path)?;
    }
    Ok(session.results)
}

/// Results in the making.
struct Session<'r> {
    rig: &'r Rig,
    plan: &'r Plan,
    results: Results,
}

impl Session<'_> {
    /// Measures one step; says what came out in a few words.
    fn step(&mut self, step: &Step) -> String {
        if let Step::Writes(memory) | Step::Latency(memory) = step {
            if !self.rig.memories.contains(memory) {
                return format!("left out: {} memory is not measured", memory.name());
            }
        }
        match self.measure(step) {
            Ok(said) => said,
            Err(error) => self.fail(step, error.to_string()),
        }
    }

    fn fail(&mut self, step: &Step, error: String) -> String {
        let said = format!("FAILED: {error}");
        self.results.failures.push(Failure { step: step.name(), error });
        said
    }

    fn measure(&mut self, step: &Step) -> Result<String, Error> {
        let (rig, plan) = (self.rig, self.plan);
        match *step {
            Step::Copy => self.link(Crossing::DriverCopy, Memory::Pinned, link::copy(rig)?),
            Step::Writes(memory) => self.link(Crossing::Writes, memory, link::writes(rig, memory)?),
            Step::Latency(memory) => return Ok(self.latencies(step, memory)),
            Step::Rate(config, place) => {
                let memories = if place == Where::All {
                    &rig.memories[..]
                } else {
                    rig.memories.get(..1).unwrap_or_default()
                };
                let found = rates::rates(rig, &config, memories, plan.repetitions, plan.time)?;
                let rows = found.into_iter().map(|(memory, messages_per_second)| Rate {
                    config,
                    memory,
                    messages_per_second,
                });
                let rows: Vec<Rate> = rows.collect();
                let said: Vec<String> = rows
                    .iter()
                    .map(|row| {
                        format!("{:.2} M/s {}", row.messages_per_second.median / 1e6, row.memory.name())
                    })
                    .collect();
                self.results.rates.extend(rows);
                return Ok(said.join(", "));
            }
            Step::Arrival(delivery) => self.results.arrivals.push(arrival::arrival(rig, delivery)?),
            Step::Interference(mode) => {
                self.results.interference.push(interference::interference(rig, mode)?);
            }
            Step::Idle(wait) => self.results.idle.push(idle::idle(rig, wait, plan.idle)?),
            Step::Events(scene) => {
                let row = events::events(rig, scene)?;
                let said = format!("{:.1} ns for each event of a thread", row.nanoseconds.median);
                self.results.events.push(row);
                return Ok(said);
            }
        }
        Ok("measured".to_owned())
    }

    fn link(&mut self, crossing: Crossing, memory: Memory, bytes_per_second: crate::stats::Spread) {
        self.results.link.push(LinkRate { crossing, memory, bytes_per_second });
    }

    fn latencies(&mut self, step: &Step, memory: Memory) -> String {
        let (rows, failures, clock_step) = latency::latencies(self.rig, memory, self.plan.trips);
        if clock_step > 0 {
            self.results.machine.clock_step = clock_step;
        }
        let said: Vec<String> = rows
            .iter()
            .map(|row| {
                let mode = row.mode.map_or("", |mode| mode.name());
                format!("{:?} {mode} {:.2} µs", row.path, row.nanoseconds.p50.median / 1e3)
            })
            .chain(failures.iter().map(|(what, error)| format!("FAILED {what}: {error}")))
            .collect();
        self.results.latencies.extend(rows);
        let failures = failures.into_iter().map(|(what, error)| Failure {
            step: format!("{}: {what}", step.name()),
            error: error.to_string(),
        });
        self.results.failures.extend(failures);
        said.join(", ")
    }
}
