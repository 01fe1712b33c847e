//! The figures with kernels as producers, beside those of the bare link in the same run.

mod rates;
mod report;

use perdix_host::{Mode, WaitStrategy};

use self::rates::{ROWS, Row, rate};
use self::report::{Device, Failure, Latency, Link as LinkRow, Rate, Report};
use super::BenchArgs;
use super::stats::{Percentiles, Spread};
use crate::args::{WaitArg, mode_name, modes};
use crate::error::Error;
use crate::gpu::{Link, Rig, Trip, one_way, trips};
use crate::producer::DeviceChoice;
use crate::progress::Progress;
use crate::report::To;

/// Round trips of each latency row.
const TRIPS: usize = 20_000;
const WARM_UP: usize = 2000;

/// Bytes of a message that goes there and back.
const LATENCY_BYTES: usize = 240;

/// Runs the command called `name`. A row that fails is named in the report, and the others are measured all the same.
pub(super) fn run(name: &'static str, args: &BenchArgs, choice: DeviceChoice) -> Result<(), Error> {
    let report = {
        let progress = Progress::spinner(true);
        progress.say("compiling kernels".to_owned());
        let rig = Rig::open(choice)?;
        let report = Report::new(name, args, Device::of(&rig)?);
        Measurement { rig: &rig, args, progress: &progress, report }.all()
    };
    if args.json {
        To::Stdout.json(&report)?;
    } else {
        To::Stdout.print(&report.text())?;
    }
    match report.failures.len() {
        0 => Ok(()),
        failed => Err(Error::Rows { failed, total: report.rows() }),
    }
}

impl BenchArgs {
    fn gpu_wait(&self) -> WaitStrategy {
        self.wait.unwrap_or(WaitArg::Spin).into()
    }

    fn gpu_repetitions(&self) -> u32 {
        self.repetitions.unwrap_or(3)
    }
}

/// A report in the making.
struct Measurement<'r> {
    rig: &'r Rig,
    args: &'r BenchArgs,
    progress: &'r Progress,
    report: Report,
}

impl Measurement<'_> {
    fn all(mut self) -> Report {
        let link = Link(self.rig);
        let copy = self.attempt("driver copy".to_owned(), || link.copy());
        let writes = self.attempt("bare writes".to_owned(), || link.writes());
        let ping_pong = self.attempt("bare ping-pong".to_owned(), || link.ping_pong(TRIPS));
        self.report.link = LinkRow { copy, writes, ping_pong };
        for mode in modes(self.args.mode) {
            self.latency(mode);
        }
        for mode in modes(self.args.mode) {
            for row in ROWS {
                self.rate(row, mode);
            }
        }
        self.report
    }

    fn latency(&mut self, mode: Mode) {
        let rig = self.rig;
        let name = format!("round trip, {}", mode_name(mode));
        if let Some(trips) = self.attempt(name, || trips(rig, mode, LATENCY_BYTES, WARM_UP, TRIPS)) {
            let round = Percentiles::of(trips.iter().map(Trip::round).collect());
            self.report.latency(Latency::new(mode, round, Percentiles::of(one_way(&trips))));
        }
    }

    fn rate(&mut self, row: Row, mode: Mode) {
        let row = self.args.slots.map_or(row, |slots| row.with_slots(slots));
        let (rig, size, wait) = (self.rig, self.args.size, self.args.gpu_wait());
        let repetitions = self.args.gpu_repetitions();
        let time = self.args.seconds / repetitions;
        let measured = self.attempt(format!("{}, {}", row.name, mode_name(mode)), || {
            let ring = || rig.ring(row.ring(mode, wait));
            rate(rig, &row, size, repetitions, time, ring)
        });
        if let Some(rates) = measured {
            self.report.rate(Rate::new(&row, mode, Spread::of(&rates)));
        }
    }

    /// Measures one row; a failure goes into the report.
    fn attempt<T>(&mut self, name: String, measure: impl FnOnce() -> Result<T, Error>) -> Option<T> {
        self.progress.say(name.clone());
        match measure() {
            Ok(value) => Some(value),
            Err(error) => {
                self.report.failures.push(Failure { row: name, error: error.to_string() });
                None
            }
        }
    }
}
