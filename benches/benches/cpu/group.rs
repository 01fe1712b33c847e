//! Contestants that run in turn.

use std::cell::RefCell;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};

use crate::measure::pin;
use crate::report::{Report, Row, Table, Target};

/// What a group measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Messages per second.
    Rate,
    /// The median time of a message there and back.
    RoundTrip,
}

impl Unit {
    /// Messages in a slice: a few milliseconds, so that all contestants of a turn meet the same weather.
    fn slice(self) -> u64 {
        match self {
            Self::Rate => 100_000,
            Self::RoundTrip => 8_000,
        }
    }
}

/// A queue, used in a certain way.
pub(crate) struct Contestant {
    name: &'static str,
    run: fn(u64) -> Duration,
}

impl Contestant {
    /// `run` says how long so many messages take.
    pub(crate) fn new(name: &'static str, run: fn(u64) -> Duration) -> Self {
        Self { name, run }
    }
}

/// Contestants to be compared; Perdix comes first.
pub(crate) struct Group {
    name: String,
    unit: Unit,
    slice: u64,
    baseline: &'static str,
    contestants: Vec<Contestant>,
    target: Option<Target>,
}

impl Group {
    /// Ratios are to the contestant named `baseline`.
    pub(crate) fn new(name: String, unit: Unit, baseline: &'static str) -> Self {
        Self { name, unit, slice: unit.slice(), baseline, contestants: Vec::new(), target: None }
    }

    pub(crate) fn contestant(mut self, contestant: Contestant) -> Self {
        self.contestants.push(contestant);
        self
    }

    /// Messages in a slice, where the usual number takes too short a time.
    pub(crate) fn slice(mut self, messages: u64) -> Self {
        self.slice = messages;
        self
    }

    /// What the first contestant is to reach.
    pub(crate) fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// Measures, and prints the table unless the filter has left nothing of the group.
    pub(crate) fn run(self, criterion: &mut Criterion, report: &mut Report) {
        pin(1);
        let slice = self.slice;
        let turns = RefCell::new(Vec::new());
        let mut group = criterion.benchmark_group(&self.name);
        group.sampling_mode(SamplingMode::Flat).sample_size(10).nresamples(2000);
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(2000));
        group.throughput(Throughput::Elements(slice));
        for (own, contestant) in self.contestants.iter().enumerate() {
            group.bench_function(contestant.name, |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut total = Duration::ZERO;
                    for _ in 0..iterations {
                        let times = self.turn(slice, turns.borrow().len());
                        total += times[own];
                        turns.borrow_mut().push(times);
                    }
                    total
                });
            });
        }
        group.finish();
        let turns = turns.into_inner();
        if !turns.is_empty() {
            report.add(self.table(slice, &turns), self.target);
        }
    }

    /// Every contestant once, beginning with another each time.
    fn turn(&self, slice: u64, number: usize) -> Vec<Duration> {
        let count = self.contestants.len();
        let mut times = vec![Duration::ZERO; count];
        for contestant in (0..count).map(|ahead| (number + ahead) % count) {
            times[contestant] = (self.contestants[contestant].run)(slice);
        }
        times
    }

    fn table(&self, slice: u64, turns: &[Vec<Duration>]) -> Table {
        let base = self.contestants.iter().position(|contestant| contestant.name == self.baseline).unwrap();
        let rows = self.contestants.iter().enumerate().map(|(i, contestant)| {
            let (own, base): (Vec<_>, Vec<_>) =
                turns.iter().map(|times| (times[i].as_secs_f64(), times[base].as_secs_f64())).unzip();
            let (value, ratio): (Vec<_>, Vec<_>) = match self.unit {
                Unit::Rate => {
                    own.iter().zip(&base).map(|(own, base)| (slice as f64 / own / 1e6, base / own)).unzip()
                }
                Unit::RoundTrip => {
                    own.iter().zip(&base).map(|(own, base)| (own / slice as f64 * 1e9, own / base)).unzip()
                }
            };
            Row { contestant: contestant.name, value: median(value), ratio: median(ratio) }
        });
        Table {
            group: self.name.clone(),
            unit: self.unit,
            baseline: self.baseline,
            turns: turns.len(),
            rows: rows.collect(),
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
