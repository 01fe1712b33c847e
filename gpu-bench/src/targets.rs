//! What is to be reached, and whether it was.

use crate::results::{Config, Latency, Memory, Mode, Path, Rate, Results, Sender};

/// One thing to be reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What, in words.
    pub what: &'static str,
    /// Which way is better, and how far it is to go.
    pub wanted: Wanted,
    /// What was measured; none if something that it takes is missing.
    pub measured: Option<f64>,
    /// How the measured figure came about.
    pub how: String,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// At most so many nanoseconds.
    AtMostNanoseconds(f64),
    /// At most so many times something else.
    AtMost(f64),
    /// At least so many times something else.
    AtLeast(f64),
}

/// Whether it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was.
    Met,
    /// It was not.
    Missed,
    /// Nobody knows.
    NotMeasured,
}

impl Verdict {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Target {
    /// Whether it was reached.
    pub fn verdict(&self) -> Verdict {
        let met = |measured: f64| match self.wanted {
            Wanted::AtMostNanoseconds(limit) | Wanted::AtMost(limit) => measured <= limit,
            Wanted::AtLeast(limit) => measured >= limit,
        };
        match self.measured {
            None => Verdict::NotMeasured,
            Some(measured) if met(measured) => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }
}

/// All targets, for an H200 with PCIe Gen5 x16.
pub fn targets(results: &Results) -> Vec<Target> {
    let view = View { results, memory: results.reference() };
    vec![
        view.one_way("one way, 240 bytes, fence-free, p50", 950.0, |row| row.nanoseconds.p50.median),
        view.one_way("one way, 240 bytes, fence-free, p99", 1300.0, |row| row.nanoseconds.p99.median),
        view.round_trip(),
        view.share_of_writes("one ring, one consumer that reads all 256 bytes / bare writes", 0.55, |row| {
            is_one_ring(row) && row.config.slots > 4096
        }),
        view.share_of_writes("the same at 4096 slots / bare writes", 0.42, |row| {
            is_one_ring(row) && row.config.slots == 4096
        }),
        view.one_at_a_time(),
        view.share_of_writes("8 rings and consumers / bare writes", 0.90, |row| row.config.rings == 8),
        view.records(),
        view.unified(),
    ]
}

/// Whether a rate counts for the targets of one ring: whole messages, by a block or a grid.
fn is_one_ring(row: &Rate) -> bool {
    let Config { sender, rings, bytes, .. } = row.config;
    rings == 1 && bytes == 240 && matches!(sender, Sender::Block | Sender::Grid)
}

struct View<'r> {
    results: &'r Results,
    memory: Memory,
}

impl View<'_> {
    fn one_way(&self, what: &'static str, limit: f64, of: impl Fn(&Latency) -> f64) -> Target {
        let row = self.results.latency(Path::OneWay, Some(Mode::FenceFree), self.memory);
        let how = format!("{} memory, two clocks on one scale", self.memory.name());
        Target { what, wanted: Wanted::AtMostNanoseconds(limit), measured: row.map(of), how }
    }

    fn round_trip(&self) -> Target {
        let p50 = |path, mode| {
            self.results
                .latency(path, mode, self.memory)
                .map(|row| row.nanoseconds.p50.median)
                .filter(|p50| *p50 > 0.0)
        };
        let (ring, bare) = (p50(Path::RoundTrip, Some(Mode::FenceFree)), p50(Path::PingPong, None));
        let how = match (ring, bare) {
            (Some(ring), Some(bare)) => {
                format!("{:.2} µs, fence-free, against {:.2} µs", ring / 1e3, bare / 1e3)
            }
            _ => String::new(),
        };
        let what = "round trip p50 / bare 8-byte ping-pong p50";
        Target { what, wanted: Wanted::AtMost(1.05), measured: ratio(ring, bare), how }
    }

    fn share_of_writes(&self, what: &'static str, least: f64, passes: impl Fn(&Rate) -> bool) -> Target {
        let best = self.results.best(|row| row.memory == self.memory && passes(row));
        let measured = ratio(best.map(Rate::bytes_per_second), self.results.writes(self.memory));
        Target { what, wanted: Wanted::AtLeast(least), measured, how: best.map(describe).unwrap_or_default() }
    }

    fn one_at_a_time(&self) -> Target {
        let bare = self.results.best(|row| row.config.sender == Sender::BaselineSlots).map(median);
        let warp = |mode| {
            self.results.best(|row| {
                let Config { sender, batch, slots, rings, bytes, .. } = row.config;
                row.memory == self.memory
                    && row.config.mode == Some(mode)
                    && (sender, batch, slots, rings, bytes) == (Sender::Warp, 1, 4096, 1, 240)
            })
        };
        let measured = |mode| ratio(warp(mode).map(median), bare);
        let how = Mode::ALL
            .into_iter()
            .filter_map(|mode| {
                Some(format!("{} {:.2} x ({} M/s)", mode.name(), measured(mode)?, millions(warp(mode)?)))
            })
            .collect::<Vec<_>>()
            .join(", ");
        Target {
            what: "one warp, one message at a time / one thread with a release store",
            wanted: Wanted::AtLeast(5.0),
            measured: Mode::ALL.into_iter().filter_map(measured).reduce(f64::max),
            how,
        }
    }

    fn records(&self) -> Target {
        let fifo = |sender| self.results.best(|row| row.config.sender == sender);
        let packed = self.results.best(|row| {
            row.memory == self.memory && row.config.sender.sends_records() && row.config.bytes == 16
        });
        let (release, relaxed) = (fifo(Sender::FifoRelease), fifo(Sender::FifoRelaxed));
        let mut how = [("packed", packed), ("FIFO", release)]
            .into_iter()
            .filter_map(|(name, row)| Some(format!("{name}: {}", describe(row?))))
            .collect::<Vec<_>>();
        if let Some(share) = ratio(packed.map(median), relaxed.map(median)) {
            how.push(format!("{share:.2} x the FIFO with relaxed stores and a lap bit in both words"));
        }
        let what = "16-byte records packed into slots / 16-byte FIFO (release stores) at its best";
        let measured = ratio(packed.map(median), release.map(median));
        Target { what, wanted: Wanted::AtLeast(4.0), measured, how: how.join("; ") }
    }

    /// Every rate that was measured in both kinds of memory gives a ratio; the median of these counts.
    fn unified(&self) -> Target {
        let managed = |config: Config| {
            self.results.rates.iter().find(|row| row.memory == Memory::Managed && row.config == config)
        };
        let pinned = self.results.rates.iter().filter(|row| row.memory == Memory::Pinned);
        let mut ratios: Vec<(f64, &Rate)> = pinned
            .filter_map(|row| Some((ratio(managed(row.config).map(median), Some(median(row)))?, row)))
            .collect();
        ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
        let how = match ratios.first() {
            Some((least, row)) => {
                format!("median of {} pairs; the least is {least:.2}: {}", ratios.len(), describe(row))
            }
            None => String::new(),
        };
        let what = "rates in managed memory / in pinned memory";
        let measured = ratios.get(ratios.len() / 2).map(|(ratio, _)| *ratio);
        Target { what, wanted: Wanted::AtLeast(0.95), measured, how }
    }
}

fn median(row: &Rate) -> f64 {
    row.messages_per_second.median
}

fn millions(row: &Rate) -> String {
    format!("{:.2}", median(row) / 1e6)
}

/// A configuration in words, with its rate.
pub fn describe(row: &Rate) -> String {
    let Config { mode, slots, rings, .. } = row.config;
    let mode = mode.map(|mode| format!("{}, ", mode.name())).unwrap_or_default();
    let rings = if rings == 1 { String::new() } else { format!("{rings} rings, ") };
    let unit = if row.config.link_bytes() == 16.0 { "entries" } else { "slots" };
    let (sender, shape) = (row.config.sender.name(), row.config.shape());
    format!("{rings}{sender}, {shape}, {mode}{slots} {unit}: {} M/s", millions(row))
}

fn ratio(value: Option<f64>, to: Option<f64>) -> Option<f64> {
    Some(value? / to.filter(|to| *to > 0.0)?)
}
