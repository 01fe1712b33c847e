//! A ring's figures as short texts.

use std::time::Duration;

use perdix_host::process::Holder;

use super::model::{Live, Model, Quiet, Ring};
use crate::report::grouped;

/// The columns' names; those of rates need two looks.
pub(super) const COLUMNS: [&str; 12] = [
    "RING", "PRODUCER", "CONSUMER", "MODE", "SLOTS", "FILL", "IN/s", "OUT/s", "OUT B/s", "FULL", "DROPPED",
    "QUIET",
];

/// Those that one look fills.
const OF_ONE_LOOK: [usize; 8] = [0, 1, 2, 3, 4, 5, 9, 10];

/// What stands where a figure cannot be known.
const UNKNOWN: &str = "-";

/// What is said when there is nothing to watch.
pub(super) fn nothing(directory: &str) -> String {
    format!("no rings in {directory}")
}

/// The cells of a ring, in the order of [`COLUMNS`].
pub(super) fn cells(ring: &Ring) -> [String; COLUMNS.len()] {
    let mut cells: [String; COLUMNS.len()] = Default::default();
    cells[0].clone_from(&ring.name);
    let live = match &ring.live {
        Ok(live) => live,
        Err(why) => {
            cells[1] = format!("unreadable: {why}");
            return cells;
        }
    };
    let known = |figure: Option<u64>| figure.map_or(UNKNOWN.into(), grouped);
    let rate = |figure: Option<f64>| figure.map_or(UNKNOWN.into(), |rate| grouped(rate.round() as u64));
    let (state, rates) = (&live.state, live.rates.as_ref());
    cells[1] = producer(live);
    cells[2] = holder(state.consumer);
    cells[3] = state.mode.to_string();
    cells[4] = grouped(state.capacity);
    cells[5] = live.fill.map_or(UNKNOWN.into(), |fill| format!("{} %", fill * 100 / state.capacity.max(1)));
    cells[6] = rate(rates.and_then(|rates| rates.sent));
    cells[7] = rate(rates.map(|rates| rates.received));
    cells[8] = rate(rates.map(|rates| rates.received_bytes));
    cells[9] = known(live.produced.map(|counters| counters.full));
    cells[10] = known(live.produced.map(|counters| counters.dropped));
    cells[11] = quiet(live.quiet);
    cells
}

/// One line for each ring, for scripts and people: what one look tells.
pub(super) fn table(model: &Model) -> String {
    if model.rings.is_empty() {
        return nothing(&model.directory);
    }
    let all: Vec<_> = model.rings.iter().map(cells).collect();
    let width = |column: usize| {
        let widths = all.iter().map(|row| row[column].chars().count());
        widths.chain([COLUMNS[column].len()]).max().unwrap_or(0)
    };
    let widths = OF_ONE_LOOK.map(width);
    let line = |row: &dyn Fn(usize) -> String| {
        let cells = OF_ONE_LOOK.iter().zip(widths).map(|(column, width)| format!("{:width$}", row(*column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(&|column| COLUMNS[column].to_owned());
    let rings = all.iter().map(|row| line(&|column| row[column].clone()));
    [head].into_iter().chain(rings).collect::<Vec<_>>().join("\n")
}

/// All that is known of a ring, in sentences.
pub(super) fn details(ring: &Ring) -> String {
    let open = if ring.in_use { "" } else { "; nobody has it open" };
    let Ok(Live { state, produced, fill, .. }) = &ring.live else {
        return format!("{} bytes{open}", grouped(ring.bytes));
    };
    let counters = &state.counters;
    let sent = match produced {
        Some(now) => format!(
            "sent {} ({} bytes), full {} times, dropped {}, lost {}; fill {}, {} at most, of {} slots",
            grouped(now.sent),
            grouped(now.sent_bytes),
            grouped(now.full),
            grouped(now.dropped),
            grouped(now.lost),
            grouped(fill.unwrap_or(0)),
            grouped(now.highest_fill),
            grouped(now.capacity),
        ),
        None => "kernels produce, and count when they pause or finish".into(),
    };
    let end = match (state.ended, state.fault) {
        (false, _) => "stream open".into(),
        (true, None) => "stream ended".into(),
        (true, Some(fault)) => format!("stream broke off: {fault}"),
    };
    format!(
        "{sent}\nreceived {} ({} bytes)\n{end}; {} bytes of memory{open}",
        grouped(counters.received),
        grouped(counters.received_bytes),
        grouped(ring.bytes),
    )
}

fn producer(live: &Live) -> String {
    let state = &live.state;
    let kernels = if state.device { " gpu" } else { "" };
    match state.producer {
        Holder::None => UNKNOWN.into(),
        Holder::Here(process) => format!("{process}{kernels}"),
        Holder::Gone(process) if state.fault.is_some() => format!("{process}{kernels} failed"),
        Holder::Gone(process) if state.ended => format!("{process}{kernels} ended"),
        Holder::Gone(process) => format!("{process}{kernels} died"),
    }
}

fn holder(holder: Holder) -> String {
    match holder {
        Holder::None => UNKNOWN.into(),
        Holder::Here(process) => process.to_string(),
        Holder::Gone(process) => format!("{process} gone"),
    }
}

fn quiet(quiet: Quiet) -> String {
    match quiet {
        Quiet::For(time) => short(time),
        Quiet::AtLeast(time) => format!("> {}", short(time)),
        Quiet::Always => "always".into(),
    }
}

fn short(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds @ 100..6000 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
