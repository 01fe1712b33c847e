//! Median and percentiles.

use serde::Serialize;

/// The median of several repetitions, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// The middle one.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of some values; all 0 if there are none.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
        let (lower, upper) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        let median = f64::midpoint(at(lower), at(upper));
        Self { median, min: at(0), max: at(sorted.len().saturating_sub(1)) }
    }

    /// The same in another unit.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { median: self.median * factor, min: self.min * factor, max: self.max * factor }
    }
}

/// Percentiles of times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Percentiles {
    /// How many times there are.
    pub(crate) samples: usize,
    /// The shortest.
    pub(crate) min_nanoseconds: u64,
    /// Half are at most this.
    pub(crate) p50_nanoseconds: u64,
    /// 90 % are at most this.
    pub(crate) p90_nanoseconds: u64,
    /// 99 % are at most this.
    pub(crate) p99_nanoseconds: u64,
    /// 99.9 % are at most this.
    pub(crate) p999_nanoseconds: u64,
    /// The longest.
    pub(crate) max_nanoseconds: u64,
}

impl Percentiles {
    /// The percentiles of some times in nanoseconds; all 0 if there are none.
    pub(crate) fn of(mut samples: Vec<u32>) -> Self {
        samples.sort_unstable();
        // The smallest value that at least `per_mille` thousandths of all do not exceed.
        let at = |per_mille: usize| {
            let rank = (samples.len() * per_mille).div_ceil(1000);
            samples.get(rank.saturating_sub(1)).copied().map_or(0, u64::from)
        };
        Self {
            samples: samples.len(),
            min_nanoseconds: at(0),
            p50_nanoseconds: at(500),
            p90_nanoseconds: at(900),
            p99_nanoseconds: at(990),
            p999_nanoseconds: at(999),
            max_nanoseconds: at(1000),
        }
    }

    /// The times from the shortest to the longest, as tables show them.
    pub(crate) fn columns(&self) -> [u64; 6] {
        let Self { min_nanoseconds, p50_nanoseconds, p90_nanoseconds, .. } = *self;
        let Self { p99_nanoseconds, p999_nanoseconds, max_nanoseconds, .. } = *self;
        [
            min_nanoseconds,
            p50_nanoseconds,
            p90_nanoseconds,
            p99_nanoseconds,
            p999_nanoseconds,
            max_nanoseconds,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(Spread::of(&[]), Spread { median: 0.0, min: 0.0, max: 0.0 });
        assert_eq!(Spread::of(&[3.0]), Spread { median: 3.0, min: 3.0, max: 3.0 });
        assert_eq!(Spread::of(&[3.0, 1.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of(&[9.0, 1.0, 2.0]).median, 2.0);
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let percentiles = Percentiles::of((1..=1000).rev().collect());
        assert_eq!(percentiles.columns(), [1, 500, 900, 990, 999, 1000]);
        assert_eq!(Percentiles::of(vec![7]).p50_nanoseconds, 7);
        assert_eq!(Percentiles::of(vec![]).max_nanoseconds, 0);
    }
}
