//! Which plots there are.

use super::plot::{Axis, Line, Plot, Point, Scale};
use crate::results::{Config, Mode, Path, Rate, Results, SLOT_BYTES, Sender};

/// All plots that have something to show.
pub fn plots(results: &Results) -> Vec<Plot> {
    let all = [
        batch(results),
        ring_size(results),
        warps(results),
        blocks(results),
        rings(results),
        message_size(results),
        latency(results, Path::OneWay, "One way, GPU to CPU"),
        latency(results, Path::RoundTrip, "Round trip"),
        fifo(results),
    ];
    all.into_iter().filter(|plot| plot.lines.iter().any(|line| line.points.len() > 1)).collect()
}

const RATE: Axis = Axis { label: "messages per second (millions)", scale: Scale::FromZero, shown: short };

fn batch(results: &Results) -> Plot {
    let is = |config: &Config| {
        (config.sender, config.slots, config.bytes, config.rings) == (Sender::Warp, 4096, 240, 1)
    };
    Plot {
        title: "Rate over batch size",
        note: "One warp, messages of 240 bytes, 4096 slots. Fenced, a batch shares one fence.",
        x: counts("messages in one call"),
        y: RATE,
        lines: by_mode(results, is, |config| config.batch as f64),
        levels: Vec::new(),
    }
}

fn ring_size(results: &Results) -> Plot {
    let is = |config: &Config| {
        (config.sender, config.blocks, config.threads) == (Sender::Block, 1, 256) && whole(config)
    };
    Plot {
        title: "Rate over ring size",
        note: "One block of 8 warps, messages of 240 bytes, one consumer.",
        x: counts("slots of 256 bytes in the ring"),
        y: RATE,
        lines: by_mode(results, is, |config| config.slots as f64),
        levels: bare_writes(results),
    }
}

fn warps(results: &Results) -> Plot {
    let is = |config: &Config| {
        (config.sender, config.blocks, config.slots) == (Sender::Block, 1, 16_384) && whole(config)
    };
    Plot {
        title: "Rate over warps",
        note: "One block, messages of 240 bytes, 16384 slots, one consumer.",
        x: counts("warps of the block"),
        y: RATE,
        lines: by_mode(results, is, |config| f64::from(config.threads / 32)),
        levels: bare_writes(results),
    }
}

fn blocks(results: &Results) -> Plot {
    let is = |config: &Config| {
        (config.sender, config.threads, config.slots) == (Sender::Grid, 128, 16_384) && whole(config)
    };
    Plot {
        title: "Rate over blocks",
        note: "A grid of blocks of 4 warps, each warp sends by itself; 16384 slots, one consumer.",
        x: counts("blocks of 4 warps"),
        y: RATE,
        lines: by_mode(results, is, |config| f64::from(config.blocks)),
        levels: bare_writes(results),
    }
}

/// A kind of sender: its name, and which configurations are of it.
type Kind = (&'static str, fn(&Config) -> bool);

fn rings(results: &Results) -> Plot {
    let kinds: [Kind; 3] = [
        ("rings apart", |config| {
            config.sender == Sender::Block && (config.threads, config.slots) == (256, 4096)
        }),
        ("sharded, blocks", |config| config.sender == Sender::ShardedBlocks),
        ("sharded, grid", |config| config.sender == Sender::ShardedGrid),
    ];
    let lines = kinds.into_iter().flat_map(|(name, is)| {
        let lines =
            by_mode(results, |config| config.bytes == 240 && is(config), |config| config.rings as f64);
        lines.into_iter().map(move |line| Line { name: format!("{name}, {}", line.name), ..line })
    });
    Plot {
        title: "Rate over rings",
        note: "A consumer thread for each ring. Apart: a launch of one block of 8 warps for each ring. Sharded: one launch, one handle; \
               the best of the shapes measured.",
        x: counts("rings and consumers"),
        y: RATE,
        lines: lines.collect(),
        levels: bare_writes(results),
    }
}

fn message_size(results: &Results) -> Plot {
    let is = |config: &Config| {
        (config.sender, config.blocks, config.threads, config.slots, config.rings)
            == (Sender::Block, 1, 256, 16_384, 1)
    };
    Plot {
        title: "Rate over message size",
        note: "One block of 8 warps, 16384 slots, one consumer. A message takes a whole slot, whatever its size.",
        x: counts("bytes of a message"),
        y: RATE,
        lines: by_mode(results, is, |config| f64::from(config.bytes)),
        levels: bare_writes(results),
    }
}

fn latency(results: &Results, path: Path, title: &'static str) -> Plot {
    let bare = (path == Path::RoundTrip).then_some(Path::PingPong);
    let rows = results.latencies.iter().filter(|row| row.path == path || Some(row.path) == bare);
    let lines = rows.map(|row| {
        let mode = row.mode.map_or("bare 8-byte ping-pong", |mode| mode.name());
        let point =
            |(time, share): &(u32, f64)| Point { x: f64::from(*time) / 1e3, y: share * 100.0, range: None };
        let points = row.slower_than.iter().map(point).collect();
        Line { name: format!("{mode}, {}", row.memory.name()), points, dots: false }
    });
    Plot {
        title,
        note: "How many of the messages take longer: further to the left and steeper is better.",
        x: Axis { label: "time (µs)", scale: Scale::LogTimes, shown: short },
        y: Axis { label: "messages that take longer (%)", scale: Scale::LogDecades, shown: short },
        lines: lines.collect(),
        levels: Vec::new(),
    }
}

fn fifo(results: &Results) -> Plot {
    let mut kinds: Vec<(Sender, usize)> = Vec::new();
    let baseline = |row: &&Rate| matches!(row.config.sender, Sender::FifoRelease | Sender::FifoRelaxed);
    for row in results.rates.iter().filter(baseline) {
        let kind = (row.config.sender, row.config.slots);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let lines = kinds.into_iter().map(|(sender, slots)| {
        let store = if sender == Sender::FifoRelease { "release" } else { "relaxed" };
        let is = |row: &Rate| row.config.sender == sender && row.config.slots == slots;
        Line {
            name: format!("{store}, {slots} entries"),
            points: points(results, is, |config| f64::from(config.threads)),
            dots: true,
        }
    });
    let packed = results.best(|row| row.config.sender.sends_records() && row.config.bytes == 16);
    let level =
        packed.map(|row| ("16-byte records, packed".to_owned(), row.messages_per_second.median / 1e6));
    Plot {
        title: "Baseline (b): a 16-byte FIFO",
        note: "One block of so many threads, each message a 16-byte store; the dashed line is Perdix's packed records.",
        x: counts("threads that send"),
        y: RATE,
        lines: lines.collect(),
        levels: level.into_iter().collect(),
    }
}

fn whole(config: &Config) -> bool {
    (config.bytes, config.rings) == (240, 1)
}

fn counts(label: &'static str) -> Axis {
    Axis { label, scale: Scale::LogOfValues, shown: |value| format!("{value:.0}") }
}

/// As few digits as the value needs.
fn short(value: f64) -> String {
    // A position is not exact: 0.1 must not become 0.1000000001.
    format!("{}", (value * 1e6).round() / 1e6)
}

/// Messages per second that bare writes of whole slots would be.
fn bare_writes(results: &Results) -> Vec<(String, f64)> {
    let rate = results.writes(results.reference()).map(|bytes| bytes / f64::from(SLOT_BYTES) / 1e6);
    rate.into_iter().map(|rate| ("bare writes of 256 bytes".to_owned(), rate)).collect()
}

/// A line for each mode, in the memory that targets are about.
fn by_mode(results: &Results, is: impl Fn(&Config) -> bool, x: impl Fn(&Config) -> f64) -> Vec<Line> {
    let memory = results.reference();
    let lines = Mode::ALL.into_iter().map(|mode| {
        let is = |row: &Rate| row.config.mode == Some(mode) && row.memory == memory && is(&row.config);
        Line { name: mode.name().to_owned(), points: points(results, is, &x), dots: true }
    });
    lines.filter(|line| !line.points.is_empty()).collect()
}

/// The best rate for each `x`, in the order of these.
fn points(results: &Results, is: impl Fn(&Rate) -> bool, x: impl Fn(&Config) -> f64) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for row in results.rates.iter().filter(|row| is(row)) {
        let rate = row.messages_per_second.times(1e-6);
        let point = Point { x: x(&row.config), y: rate.median, range: Some((rate.min, rate.max)) };
        match points.iter_mut().find(|known| known.x == point.x) {
            Some(known) if known.y < point.y => *known = point,
            Some(_) => {}
            None => points.push(point),
        }
    }
    points.sort_by(|one, other| one.x.total_cmp(&other.x));
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0.1 + 1e-10, 2.0, 0.05, 100.000_000_1].map(short), ["0.1", "2", "0.05", "100"]);
    }
}
