//! The figures, as a table or as JSON.

use std::fmt::Write as _;

use perdix_host::Mode;
use serde::Serialize;

use super::BenchArgs;
use super::stats::{Percentiles, Spread};
use super::throughput::Method;
use crate::args::{mode_name, wait_name};
use crate::report::{byte_rate, message_rate, nanoseconds};

/// All figures; the field names in JSON are stable.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    command: &'static str,
    producer: &'static str,
    message_bytes: usize,
    slots: usize,
    wait: &'static str,
    seconds_per_row: f64,
    repetitions: u32,
    pub(super) throughput: Vec<ThroughputRow>,
    pub(super) round_trip: Vec<RoundTripRow>,
}

/// One way of producing and consuming in one mode.
#[derive(Debug, Serialize)]
pub(super) struct ThroughputRow {
    #[serde(skip)]
    name: &'static str,
    method: &'static str,
    mode: &'static str,
    messages_per_second: Spread,
    bytes_per_second: Spread,
}

/// The round trip in one mode.
#[derive(Debug, Serialize)]
pub(super) struct RoundTripRow {
    mode: &'static str,
    #[serde(flatten)]
    times: Percentiles,
}

impl ThroughputRow {
    pub(super) fn new(method: Method, mode: Mode, size: usize, messages: Spread) -> Self {
        Self {
            name: method.name(),
            method: method.key(),
            mode: mode_name(mode),
            messages_per_second: messages,
            bytes_per_second: messages.times(size as f64),
        }
    }
}

impl RoundTripRow {
    pub(super) fn new(mode: Mode, times: Percentiles) -> Self {
        Self { mode: mode_name(mode), times }
    }
}

impl Report {
    /// A report without figures yet.
    pub(super) fn new(command: &'static str, args: &BenchArgs) -> Self {
        Self {
            command,
            producer: "cpu",
            message_bytes: args.size,
            slots: args.slots(),
            wait: wait_name(args.wait()),
            seconds_per_row: args.seconds.as_secs_f64(),
            repetitions: args.repetitions(),
            throughput: Vec::new(),
            round_trip: Vec::new(),
        }
    }

    /// The table.
    pub(super) fn text(&self) -> String {
        let Self { message_bytes, slots, wait, repetitions, seconds_per_row, .. } = self;
        let mut text = format!(
            "messages of {message_bytes} bytes, rings of {slots} slots, wait {wait}, {repetitions} repetition(s) in \
             {seconds_per_row} s per row\n\n"
        );
        // Writing to a String cannot fail.
        let _ = self.write_throughput(&mut text);
        let _ = self.write_round_trip(&mut text);
        text.trim_end().to_owned()
    }

    fn write_throughput(&self, text: &mut String) -> std::fmt::Result {
        let heads = ["mode", "median", "min", "max", "bytes"];
        let [mode, median, min, max, bytes] = heads;
        writeln!(text, "{:14} {mode:11} {median:>10} {min:>10} {max:>10} {bytes:>10}", "throughput")?;
        for row in &self.throughput {
            let rate = row.messages_per_second;
            let [median, min, max] = [rate.median, rate.min, rate.max].map(message_rate);
            let bytes = byte_rate(row.bytes_per_second.median);
            let (name, mode) = (row.name, row.mode);
            writeln!(text, "{name:14} {mode:11} {median:>10} {min:>10} {max:>10} {bytes:>10}")?;
        }
        writeln!(text)
    }

    fn write_round_trip(&self, text: &mut String) -> std::fmt::Result {
        write!(text, "{:14} {:11}", "round trip", "mode")?;
        for head in ["min", "p50", "p90", "p99", "p99.9", "max"] {
            write!(text, " {head:>10}")?;
        }
        writeln!(text)?;
        for RoundTripRow { mode, times } in &self.round_trip {
            write!(text, "{:14} {mode:11}", "two rings")?;
            for time in times.columns() {
                write!(text, " {:>10}", nanoseconds(time))?;
            }
            writeln!(text)?;
        }
        Ok(())
    }
}
