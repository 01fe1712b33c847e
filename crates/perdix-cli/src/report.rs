//! What a command prints at its end: a table for people, or one JSON object for programs.

use std::fmt::Display;
use std::io::{self, Write};

use perdix_host::Snapshot;
use serde::Serialize;

use crate::error::Error;
use crate::producer::Setup;

/// Where the report goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Standard output.
    Stdout,
    /// Standard error, because standard output carries the data.
    Stderr,
}

impl To {
    /// Prints a text and a line break.
    pub(crate) fn print(self, text: &str) -> Result<(), Error> {
        let (name, mut stream): (_, Box<dyn Write>) = match self {
            Self::Stdout => ("standard output", Box::new(io::stdout())),
            Self::Stderr => ("standard error", Box::new(io::stderr())),
        };
        let written = writeln!(stream, "{text}").and_then(|()| stream.flush());
        written.map_err(|source| Error::write(name, source))
    }

    /// Prints one JSON object on one line.
    pub(crate) fn json(self, object: &impl Serialize) -> Result<(), Error> {
        self.print(&serde_json::to_string(object)?)
    }
}

/// Names and values in two columns.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<(&'static str, String)>);

impl Table {
    /// Adds a row.
    pub(crate) fn row(mut self, name: &'static str, value: impl Display) -> Self {
        self.0.push((name, value.to_string()));
        self
    }

    /// The text, without a line break at the end.
    pub(crate) fn text(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines: Vec<_> = self.0.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
        lines.join("\n")
    }
}

/// A whole number with its thousands apart: `10 485 760`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// How full the ring was, if the producer knows.
pub(crate) fn fill(setup: &Setup, counters: &Snapshot) -> String {
    if setup.knows_fill() {
        format!("{} of {} slots", counters.highest_fill, counters.capacity)
    } else {
        "not counted by a kernel".to_owned()
    }
}

/// Bytes per second, in decimal units: `3.21 GB/s`.
pub(crate) fn byte_rate(per_second: f64) -> String {
    scaled(per_second, &["B/s", "kB/s", "MB/s", "GB/s"])
}

/// Messages per second: `13.4 M/s`.
pub(crate) fn message_rate(per_second: f64) -> String {
    scaled(per_second, &["/s", "k/s", "M/s", "G/s"])
}

/// Nanoseconds, in a unit that fits.
pub(crate) fn nanoseconds(ns: u64) -> String {
    scaled(ns as f64, &["ns", "µs", "ms", "s"])
}

/// So many per second; 0 if no time has passed.
pub(crate) fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// Three significant digits and a unit, each unit a thousand of the one before.
fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter().peekable();
    let mut unit = "";
    while let Some(next) = units.next() {
        unit = next;
        // 999.5 and more would be shown as 1000.
        if value < 999.5 || units.peek().is_none() {
            break;
        }
        value /= 1000.0;
    }
    let decimals = match value {
        _ if value < 9.995 && value.fract() != 0.0 => 2,
        _ if value < 99.95 && value.fract() != 0.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        let grouped: Vec<_> = [0, 12, 999, 1000, 123_456, 1_234_567].map(grouped).to_vec();
        assert_eq!(grouped, ["0", "12", "999", "1 000", "123 456", "1 234 567"]);
    }

    #[test]
    fn values_are_scaled_to_three_digits() {
        assert_eq!(byte_rate(0.0), "0 B/s");
        assert_eq!(byte_rate(3_214_000_000.0), "3.21 GB/s");
        assert_eq!(byte_rate(999_600.0), "1.00 MB/s");
        assert_eq!(byte_rate(5e13), "50000 GB/s");
        assert_eq!(message_rate(13_420_000.0), "13.4 M/s");
        assert_eq!(nanoseconds(187), "187 ns");
        assert_eq!(nanoseconds(12_345_678), "12.3 ms");
    }

    #[test]
    fn tables_line_up() {
        let table = Table::default().row("a", 1).row("longer", "x");
        assert_eq!(table.text(), "a       1\nlonger  x");
    }
}
