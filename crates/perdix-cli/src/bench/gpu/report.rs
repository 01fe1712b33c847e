//! The figures, as a table or as JSON.

use std::fmt::{self, Write as _};

use perdix_host::{Mode, SLOT_SIZE};
use serde::Serialize;

use super::rates::Row;
use crate::args::{WaitArg, mode_name, wait_name};
use crate::bench::BenchArgs;
use crate::bench::stats::{Percentiles, Spread};
use crate::error::Error;
use crate::gpu::Rig;
use crate::report::{byte_rate, message_rate, nanoseconds};

/// All figures; the field names in JSON are stable.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    command: &'static str,
    producer: &'static str,
    #[serde(flatten)]
    device: Device,
    message_bytes: usize,
    slot_bytes: usize,
    wait: &'static str,
    seconds_per_row: f64,
    repetitions: u32,
    pub(super) link: Link,
    latency: Vec<Latency>,
    rates: Vec<Rate>,
    pub(super) failures: Vec<Failure>,
}

/// What was measured on.
#[derive(Debug, Serialize)]
pub(super) struct Device {
    device: String,
    memory: String,
    memory_reason: String,
}

/// The bare link; what could not be measured is missing.
#[derive(Debug, Default, Serialize)]
pub(super) struct Link {
    /// The driver's copy from the device to pinned memory, in bytes per second.
    pub(super) copy: Option<Spread>,
    /// A kernel's writes to the rings' memory, in bytes per second.
    pub(super) writes: Option<Spread>,
    /// Round trips of one word.
    pub(super) ping_pong: Option<Percentiles>,
}

/// Latencies in one mode.
#[derive(Debug, Serialize)]
pub(super) struct Latency {
    mode: &'static str,
    round_trip: Percentiles,
    one_way: Percentiles,
    /// The median round trip, as a multiple of the bare one.
    round_trip_to_ping_pong: Option<f64>,
}

/// The rate of one granularity in one mode.
#[derive(Debug, Serialize)]
pub(super) struct Rate {
    #[serde(skip)]
    name: &'static str,
    granularity: &'static str,
    mode: &'static str,
    slots: usize,
    messages_per_second: Spread,
    /// By whole slots, which is what crosses the link.
    bytes_per_second: Spread,
    /// The median, as a multiple of the bare writes.
    to_bare_writes: Option<f64>,
}

/// A row without figures.
#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) row: String,
    pub(super) error: String,
}

impl Device {
    pub(super) fn of(rig: &Rig) -> Result<Self, Error> {
        let (major, minor) = rig.gpu.compute_capability()?;
        Ok(Self {
            device: format!("{}, compute capability {major}.{minor}", rig.name),
            memory: rig.memory.to_string(),
            memory_reason: rig.reason.clone(),
        })
    }
}

impl Latency {
    pub(super) fn new(mode: Mode, round_trip: Percentiles, one_way: Percentiles) -> Self {
        Self { mode: mode_name(mode), round_trip, one_way, round_trip_to_ping_pong: None }
    }
}

impl Rate {
    pub(super) fn new(row: &Row, mode: Mode, messages: Spread) -> Self {
        Self {
            name: row.name,
            granularity: row.key,
            mode: mode_name(mode),
            slots: row.slots,
            messages_per_second: messages,
            bytes_per_second: messages.times(SLOT_SIZE as f64),
            to_bare_writes: None,
        }
    }
}

impl Report {
    /// A report without figures yet.
    pub(super) fn new(command: &'static str, args: &BenchArgs, device: Device) -> Self {
        Self {
            command,
            producer: "gpu",
            device,
            message_bytes: args.size,
            slot_bytes: SLOT_SIZE,
            wait: wait_name(args.wait.unwrap_or(WaitArg::Spin)),
            seconds_per_row: args.seconds.as_secs_f64(),
            repetitions: args.gpu_repetitions(),
            link: Link::default(),
            latency: Vec::new(),
            rates: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Adds latencies, and their ratio to the bare link, which comes first.
    pub(super) fn latency(&mut self, mut latency: Latency) {
        let bare = self.link.ping_pong.map(|times| times.p50_nanoseconds as f64);
        latency.round_trip_to_ping_pong = ratio(latency.round_trip.p50_nanoseconds as f64, bare);
        self.latency.push(latency);
    }

    /// Adds a rate, and its ratio to the bare link, which comes first.
    pub(super) fn rate(&mut self, mut rate: Rate) {
        rate.to_bare_writes = ratio(rate.bytes_per_second.median, self.link.writes.map(|rate| rate.median));
        self.rates.push(rate);
    }

    /// Rows, measured or not.
    pub(super) fn rows(&self) -> usize {
        let Link { copy, writes, ping_pong } = &self.link;
        let link =
            [copy.is_some(), writes.is_some(), ping_pong.is_some()].into_iter().filter(|is| *is).count();
        link + self.latency.len() + self.rates.len() + self.failures.len()
    }

    /// The table.
    pub(super) fn text(&self) -> String {
        let Self { message_bytes, wait, repetitions, seconds_per_row, .. } = self;
        let Device { device, memory, memory_reason } = &self.device;
        let mut text = format!(
            "{device}; rings in {memory} memory ({memory_reason})\n\
             messages of {message_bytes} bytes, the consumer reads all of them, wait {wait}, {repetitions} repetition(s) \
             in about {seconds_per_row} s per row\n\n"
        );
        // Writing to a String cannot fail.
        let _ = self.write_link(&mut text);
        let _ = self.write_latency(&mut text);
        let _ = self.write_rates(&mut text);
        for Failure { row, error } in &self.failures {
            let _ = writeln!(text, "FAILED {row}: {error}");
        }
        text.trim_end().to_owned()
    }

    fn write_link(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "{:36} {:>10} {:>10} {:>10}", "bare link", "median", "min", "max")?;
        let rates = [
            ("driver copy, device to pinned memory", self.link.copy),
            ("kernel writes to the rings' memory", self.link.writes),
        ];
        for (name, rate) in rates {
            if let Some(Spread { median, min, max }) = rate {
                let [median, min, max] = [median, min, max].map(byte_rate);
                writeln!(text, "{name:36} {median:>10} {min:>10} {max:>10}")?;
            }
        }
        if let Some(times) = &self.link.ping_pong {
            let [min, p50, p99] = shown(times);
            writeln!(text, "{:36} p50 {p50}, p99 {p99}, min {min}", "ping-pong of one 8-byte word")?;
        }
        writeln!(text)
    }

    fn write_latency(&self, text: &mut String) -> fmt::Result {
        let head = format!("latency, {} bytes", super::LATENCY_BYTES);
        let [min, p50, p99] = ["min", "p50", "p99"];
        writeln!(text, "{head:23} {:11} {min:>9} {p50:>9} {p99:>9}  x ping-pong p50", "mode")?;
        for Latency { mode, round_trip, one_way, round_trip_to_ping_pong } in &self.latency {
            for (name, times) in [("round trip", round_trip), ("one way, GPU to CPU *", one_way)] {
                let [min, p50, p99] = shown(times);
                write!(text, "{name:23} {mode:11} {min:>9} {p50:>9} {p99:>9}")?;
                match round_trip_to_ping_pong {
                    Some(ratio) if name == "round trip" => writeln!(text, "  {ratio:.2}")?,
                    _ => writeln!(text)?,
                }
            }
        }
        writeln!(
            text,
            "* by the GPU's and the CPU's clock, put on one scale by assuming that the fastest leg each way takes equally \
             long\n"
        )
    }

    fn write_rates(&self, text: &mut String) -> fmt::Result {
        let [median, min, max] = ["median", "min", "max"];
        write!(text, "{:23} {:11} {:>6} ", "rate", "mode", "slots")?;
        writeln!(text, "{median:>9} {min:>9} {max:>9} {:>10}  x bare writes", "256 B each")?;
        for row in &self.rates {
            let Spread { median, min, max } = row.messages_per_second;
            let [median, min, max] = [median, min, max].map(message_rate);
            let bytes = byte_rate(row.bytes_per_second.median);
            let (name, mode, slots) = (row.name, row.mode, row.slots);
            write!(text, "{name:23} {mode:11} {slots:>6} {median:>9} {min:>9} {max:>9} {bytes:>10}")?;
            match row.to_bare_writes {
                Some(ratio) => writeln!(text, "  {ratio:.3}")?,
                None => writeln!(text)?,
            }
        }
        writeln!(text)
    }
}

/// The shortest, the median and the 99th percentile.
fn shown(times: &Percentiles) -> [String; 3] {
    [times.min_nanoseconds, times.p50_nanoseconds, times.p99_nanoseconds].map(nanoseconds)
}

fn ratio(value: f64, to: Option<f64>) -> Option<f64> {
    to.filter(|to| *to > 0.0).map(|to| value / to)
}
