//! The figures as tables, for the terminal and for the HTML report.

use crate::results::{
    Config, Crossing, Delivery, EventCost, Idle, Interference, Latency, Path, Rate, Results,
};
use crate::stats::Spread;
use crate::targets::{Target, Wanted, targets};
use crate::units::{byte_rate, message_rate, milliseconds, nanoseconds};

/// A table with a title and a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The title.
    pub title: &'static str,
    /// What the figures mean, in a sentence or two.
    pub note: &'static str,
    /// The columns' names.
    pub head: Vec<&'static str>,
    /// The rows, with as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// The targets and whether they are met.
pub fn target_table(results: &Results) -> Table {
    Table {
        title: "Targets (H200, PCIe Gen5 x16)",
        note: "Ratios are to figures of the same run. Rings lie in pinned memory unless only managed memory was measured.",
        head: vec!["to reach", "target", "measured", "verdict", "how"],
        rows: targets(results).iter().map(target_row).collect(),
    }
}

fn target_row(target: &Target) -> Vec<String> {
    let wanted = match target.wanted {
        Wanted::AtMostNanoseconds(limit) => format!("<= {} µs", limit / 1e3),
        Wanted::AtMost(limit) => format!("<= {limit:.2} x"),
        Wanted::AtLeast(limit) => format!(">= {limit:.2} x"),
    };
    let measured = match (target.measured, target.wanted) {
        (None, _) => "-".to_owned(),
        (Some(value), Wanted::AtMostNanoseconds(_)) => format!("{:.3} µs", value / 1e3),
        (Some(value), _) => format!("{value:.3} x"),
    };
    vec![target.what.to_owned(), wanted, measured, target.verdict().name().to_owned(), target.how.clone()]
}

/// All other tables that have rows.
pub fn tables(results: &Results) -> Vec<Table> {
    let all = [
        link(results),
        latencies(results),
        rates(results),
        baselines(results),
        arrivals(results),
        interference(results),
        idle(results),
        events(results),
        failures(results),
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn link(results: &Results) -> Table {
    let row = |row: &crate::results::LinkRate| {
        let what = match row.crossing {
            Crossing::DriverCopy => "driver copy, device to host",
            Crossing::Writes => "zero-copy writes of a kernel",
        };
        let mut cells = vec![what.to_owned(), row.memory.name().to_owned()];
        cells.extend(spread(row.bytes_per_second, byte_rate));
        cells
    };
    Table {
        title: "The bare link",
        note: "No protocol at all: what the link carries. Ratios below are to the writes to the same kind of memory.",
        head: vec!["what", "memory", "median", "min", "max"],
        rows: results.link.iter().map(row).collect(),
    }
}

fn latencies(results: &Results) -> Table {
    let row = |row: &Latency| {
        let what = match row.path {
            Path::PingPong => "bare ping-pong, 8-byte flags",
            Path::RoundTrip => "round trip through a ring",
            Path::OneWay => "one way, GPU to CPU",
            Path::ToGpu => "CPU to GPU through a ring, a word back",
            Path::Call => "request and response, a ring each way",
        };
        let bare = results.latency(Path::PingPong, None, row.memory).map(|bare| bare.nanoseconds.p50.median);
        let times = &row.nanoseconds;
        let to_bare = match (row.path, bare) {
            (Path::RoundTrip | Path::ToGpu | Path::Call, Some(bare)) if bare > 0.0 => {
                format!("{:.3}", times.p50.median / bare)
            }
            _ => String::new(),
        };
        let mode = row.mode.map_or("", |mode| mode.name());
        let mut cells =
            vec![what.to_owned(), mode.to_owned(), row.memory.name().to_owned(), row.bytes.to_string()];
        let percentiles = [times.min, times.p50, times.p99, times.p999];
        cells.extend(percentiles.map(|spread| nanoseconds(spread.median)));
        cells.push(format!("{} - {}", nanoseconds(times.p50.min), nanoseconds(times.p50.max)));
        cells.push(to_bare);
        cells
    };
    Table {
        title: "Latency",
        note: "Medians over repetitions. One way: the GPU's clock is put on the CPU's scale by assuming that the fastest leg each \
               way takes equally long; read it beside the round trip.",
        head: vec![
            "what",
            "mode",
            "memory",
            "bytes",
            "min",
            "p50",
            "p99",
            "p99.9",
            "p50 of repetitions",
            "x ping-pong",
        ],
        rows: results.latencies.iter().map(row).collect(),
    }
}

fn rates(results: &Results) -> Table {
    let row = |row: &Rate| {
        let Config { sender, mode, batch, slots, rings, bytes, .. } = row.config;
        let mut cells = vec![
            sender.name().to_owned(),
            row.config.shape(),
            mode.map_or("", |mode| mode.name()).to_owned(),
            row.memory.name().to_owned(),
            batch.to_string(),
            slots.to_string(),
            rings.to_string(),
            bytes.to_string(),
        ];
        cells.extend(spread(row.messages_per_second, message_rate));
        let bytes = row.bytes_per_second();
        cells.push(byte_rate(bytes));
        cells.push(
            results.writes(row.memory).map_or(String::new(), |writes| format!("{:.3}", bytes / writes)),
        );
        cells
    };
    Table {
        title: "Rates of rings",
        note: "The consumers read every byte, on one pinned thread per ring, and check that no message is missing. On the link a \
               message takes its slot, 256 bytes.",
        head: vec![
            "sender",
            "shape",
            "mode",
            "memory",
            "batch",
            "slots",
            "rings",
            "bytes",
            "median",
            "min",
            "max",
            "on the link",
            "x bare writes",
        ],
        rows: results.rates.iter().filter(|row| !row.config.sender.is_baseline()).map(row).collect(),
    }
}

fn baselines(results: &Results) -> Table {
    let row = |row: &Rate| {
        let Config { sender, slots, .. } = row.config;
        let mut cells = vec![
            sender.name().to_owned(),
            row.config.shape(),
            row.memory.name().to_owned(),
            slots.to_string(),
        ];
        cells.extend(spread(row.messages_per_second, message_rate));
        cells
    };
    Table {
        title: "Rates of the baselines",
        note: "Without Perdix, written for this comparison: (a) payload of 240 bytes, then a release store of a flag; (b) 16-byte \
               messages, ticket in device memory, one 16-byte store with a lap bit, tail in host memory.",
        head: vec!["baseline", "sent by", "memory", "slots", "median", "min", "max"],
        rows: results.rates.iter().filter(|row| row.config.sender.is_baseline()).map(row).collect(),
    }
}

fn arrivals(results: &Results) -> Table {
    let rows = results.arrivals.iter().map(|row| {
        let how = match row.delivery {
            Delivery::Streamed => "streamed through a ring",
            Delivery::CopiedAtEnd => "(c) copied by the driver at the kernel's end",
        };
        let mut cells =
            vec![how.to_owned(), milliseconds(row.compute_milliseconds), row.messages.to_string()];
        cells.extend(spread(row.first, milliseconds));
        cells.push(milliseconds(row.last.median));
        cells
    });
    Table {
        title: "Time to the data of a kernel that computes",
        note: "From the launch until the first message can be read, and until the last one has been read.",
        head: vec!["how", "computes for", "messages", "first, median", "min", "max", "last, median"],
        rows: rows.collect(),
    }
}

fn interference(results: &Results) -> Table {
    let row = |row: &Interference| {
        let kept = |alone: Spread, beside: Spread| {
            format!("{:.3}", beside.median / alone.median.max(f64::MIN_POSITIVE))
        };
        vec![
            row.mode.name().to_owned(),
            byte_rate(row.load_alone.median),
            byte_rate(row.load_beside.median),
            kept(row.load_alone, row.load_beside),
            message_rate(row.ring_alone.median),
            message_rate(row.ring_beside.median),
            kept(row.ring_alone, row.ring_beside),
        ]
    };
    Table {
        title: "Beside a kernel that reads and writes device memory at full rate",
        note: "Bytes read and written by the other kernel, and messages through the ring: each alone, and both at once.",
        head: vec![
            "mode",
            "memory alone",
            "beside the ring",
            "kept",
            "ring alone",
            "beside the load",
            "kept",
        ],
        rows: results.interference.iter().map(row).collect(),
    }
}

fn idle(results: &Results) -> Table {
    let row = |row: &Idle| {
        let first = row.first_message;
        let mut cells =
            vec![row.wait.clone(), format!("{} s", row.seconds), format!("{:.2} %", row.cpu_share * 100.0)];
        cells.extend([first.median, first.min, first.max].map(nanoseconds));
        cells
    };
    Table {
        title: "An idle consumer",
        note: "Processor time of a consumer that waits on an empty ring, and the time from the command to the arrival of the first \
               message after a pause (a whole round trip).",
        head: vec!["wait", "waited", "processor time", "first message", "min", "max"],
        rows: results.idle.iter().map(row).collect(),
    }
}

fn events(results: &Results) -> Table {
    let row = |row: &EventCost| {
        let mut cells = vec![
            row.logging.clone(),
            format!("{} x {} threads", row.blocks, row.threads),
            row.mode.name().to_owned(),
        ];
        cells.extend(spread(row.nanoseconds, |value| format!("{value:.1} ns")));
        cells.push(row.read_per_second.map_or(String::new(), |rate| message_rate(rate.median)));
        cells
    };
    Table {
        title: "Events",
        note: "What an event of two arguments costs the thread that logs it, by the GPU's clock, and how many one reader decodes.",
        head: vec!["how", "who", "mode", "of a thread, median", "min", "max", "read"],
        rows: results.events.iter().map(row).collect(),
    }
}

fn failures(results: &Results) -> Table {
    Table {
        title: "Not measured",
        note: "These steps failed; the others are not affected.",
        head: vec!["step", "why"],
        rows: results.failures.iter().map(|row| vec![row.step.clone(), row.error.clone()]).collect(),
    }
}

fn spread(spread: Spread, shown: impl Fn(f64) -> String) -> [String; 3] {
    [spread.median, spread.min, spread.max].map(shown)
}
