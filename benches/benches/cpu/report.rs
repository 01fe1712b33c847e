//! The tables, in Markdown and JSON.

use std::fmt::{self, Display};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::group::Unit;

/// What the groups of this run gave.
#[derive(Default)]
pub(crate) struct Report {
    tables: Vec<(Table, Option<Target>)>,
}

/// One group's figures.
pub(crate) struct Table {
    pub(crate) group: String,
    pub(crate) unit: Unit,
    pub(crate) baseline: &'static str,
    pub(crate) turns: usize,
    pub(crate) rows: Vec<Row>,
}

/// Medians of one contestant.
pub(crate) struct Row {
    pub(crate) contestant: &'static str,
    /// Million messages per second, or nanoseconds there and back.
    pub(crate) value: f64,
    /// Of the rate, or of the time, to the baseline's.
    pub(crate) ratio: f64,
}

/// The ratio that the first contestant of a group is to reach.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    row: &'static str,
    limit: f64,
    most: bool,
}

impl Target {
    pub(crate) fn at_least(row: &'static str, limit: f64) -> Self {
        Self { row, limit, most: false }
    }

    pub(crate) fn at_most(row: &'static str, limit: f64) -> Self {
        Self { row, limit, most: true }
    }

    fn met(self, ratio: f64) -> bool {
        if self.most { ratio <= self.limit } else { ratio >= self.limit }
    }
}

impl Report {
    /// Prints a group's table, and keeps it.
    pub(crate) fn add(&mut self, table: Table, target: Option<Target>) {
        println!("\n{table}");
        self.tables.push((table, target));
    }

    /// Prints the table of targets and writes the JSON.
    pub(crate) fn finish(&self) {
        if self.tables.is_empty() {
            return;
        }
        println!("{self}");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/perdix-bench");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("cpu.json");
        fs::write(&file, format!("{:#}\n", self.json())).unwrap();
        println!("written to {}", file.canonicalize().unwrap().display());
    }

    fn json(&self) -> Value {
        let tables = self.tables.iter().map(|(table, target)| {
            let rows = table
                .rows
                .iter()
                .map(|row| json!({ "contestant": row.contestant, "value": row.value, "ratio": row.ratio }));
            json!({
                "group": table.group,
                "unit": table.unit.name(),
                "baseline": table.baseline,
                "turns": table.turns,
                "target": target.map(|target| target.to_string()),
                "rows": rows.collect::<Vec<_>>(),
            })
        });
        json!({ "machine": machine(), "groups": tables.collect::<Vec<_>>() })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", machine())?;
        writeln!(f, "| 240-byte messages, unless said otherwise | Perdix | baseline | ratio | target |")?;
        writeln!(f, "|---|---|---|---|---|")?;
        for (table, target) in &self.tables {
            let Some(target) = target else { continue };
            let (own, unit) = (&table.rows[0], table.unit);
            let base = table.rows.iter().find(|row| row.contestant == table.baseline).unwrap();
            let met = if target.met(own.ratio) { "met" } else { "missed" };
            writeln!(
                f,
                "| {} | {} | {} {} | {:.2} | {target}, {met} |",
                target.row,
                unit.show(own.value),
                table.baseline,
                unit.show(base.value),
                own.ratio
            )?;
        }
        Ok(())
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, of) = match self.unit {
            Unit::Rate => ("M messages/s", "rate"),
            Unit::RoundTrip => ("p50, ns", "time"),
        };
        writeln!(f, "| {} ({} turns) | {value} | × the {of} of {} |", self.group, self.turns, self.baseline)?;
        writeln!(f, "|---|---|---|")?;
        for row in &self.rows {
            writeln!(f, "| {} | {:.1} | {:.2} |", row.contestant, row.value, row.ratio)?;
        }
        Ok(())
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.most { "≤" } else { "≥" }, self.limit)
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Rate => "million messages per second",
            Self::RoundTrip => "nanoseconds there and back, median",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Rate => format!("{value:.1} M/s"),
            Self::RoundTrip => format!("{value:.0} ns"),
        }
    }
}

/// What the figures were taken on.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    // Not `available_parallelism`: this thread is pinned.
    let cores = text.lines().filter(|line| line.starts_with("processor")).count();
    format!("{cores} cores, {}", model.map_or("unknown processor", |(_, name)| name))
}
