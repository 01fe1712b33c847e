//! Figures as people read them.

/// Bytes per second, in decimal units: `3.21 GB/s`.
pub fn byte_rate(per_second: f64) -> String {
    scaled(per_second, &["B/s", "kB/s", "MB/s", "GB/s", "TB/s"])
}

/// Messages per second: `13.4 M/s`.
pub fn message_rate(per_second: f64) -> String {
    scaled(per_second, &["/s", "k/s", "M/s", "G/s"])
}

/// Nanoseconds, in a unit that fits.
pub fn nanoseconds(nanoseconds: f64) -> String {
    scaled(nanoseconds, &["ns", "µs", "ms", "s"])
}

/// Milliseconds, always in these.
pub fn milliseconds(milliseconds: f64) -> String {
    format!("{milliseconds:.3} ms")
}

/// Three significant digits and a unit, each unit a thousand of the one before.
fn scaled(value: f64, units: &[&str]) -> String {
    let (mut value, mut units) = (value, units.iter().peekable());
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
    fn values_are_scaled_to_three_digits() {
        assert_eq!(byte_rate(0.0), "0 B/s");
        assert_eq!(byte_rate(3_214_000_000.0), "3.21 GB/s");
        assert_eq!(byte_rate(999_600.0), "1.00 MB/s");
        assert_eq!(byte_rate(4.5e12), "4.50 TB/s");
        assert_eq!(message_rate(13_420_000.0), "13.4 M/s");
        assert_eq!(nanoseconds(187.0), "187 ns");
        assert_eq!(nanoseconds(12_345_678.0), "12.3 ms");
        assert_eq!(milliseconds(10.25), "10.250 ms");
    }
}
