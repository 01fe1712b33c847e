//! Medians, percentiles and distributions.

use serde::{Deserialize, Serialize};

/// The median of several repetitions, and how far they lie apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How many there are.
    pub repetitions: usize,
}

impl Spread {
    /// The spread of some values; all 0 if there are none.
    ///
    /// ```
    /// # use perdix_gpu_bench::stats::Spread;
    /// let spread = Spread::of(&[9.0, 1.0, 2.0]);
    /// assert_eq!((spread.median, spread.min, spread.max), (2.0, 1.0, 9.0));
    /// ```
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
        let (lower, upper) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        let median = f64::midpoint(at(lower), at(upper));
        Self { median, min: at(0), max: at(sorted.len().saturating_sub(1)), repetitions: sorted.len() }
    }

    /// The same in another unit.
    pub fn times(self, factor: f64) -> Self {
        let Self { median, min, max, repetitions } = self;
        Self { median: median * factor, min: min * factor, max: max * factor, repetitions }
    }
}

/// Percentiles of times in nanoseconds, each as the spread over repetitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The shortest.
    pub min: Spread,
    /// Half are at most this.
    pub p50: Spread,
    /// 99 % are at most this.
    pub p99: Spread,
    /// 99.9 % are at most this.
    pub p999: Spread,
    /// The longest.
    pub max: Spread,
}

impl Percentiles {
    /// The percentiles of each repetition's times.
    pub fn of(repetitions: &[Vec<u32>]) -> Self {
        let sorted: Vec<Vec<u32>> = repetitions
            .iter()
            .map(|times| {
                let mut times = times.clone();
                times.sort_unstable();
                times
            })
            .collect();
        let at = |share: f64| {
            let values: Vec<f64> = sorted.iter().map(|times| f64::from(percentile(times, share))).collect();
            Spread::of(&values)
        };
        Self { min: at(0.0), p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

/// The smallest of the sorted times that at least that share of all does not exceed; 0 if there are none.
fn percentile(sorted: &[u32], share: f64) -> u32 {
    // Without the small term, 0.999 of 1000 would round up to all of them.
    let rank = (sorted.len() as f64 * share - 1e-9).ceil().max(0.0) as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// How slow the slow ones are: points (nanoseconds, share of all times that are longer), from the shortest on. A point for every
/// percent, and ten more for every further nine (99 %, 99.9 %, ...), as far as there are times to tell.
pub fn slower_than(times: impl IntoIterator<Item = u32>) -> Vec<(u32, f64)> {
    let mut sorted: Vec<u32> = times.into_iter().collect();
    sorted.sort_unstable();
    let resolution = 1.0 / sorted.len().max(1) as f64;
    let percents = (0..100).map(|percent| 1.0 - f64::from(percent) / 100.0);
    let tails =
        [1e-3, 1e-4, 1e-5].into_iter().flat_map(|unit| (1..10).rev().map(move |n| f64::from(n) * unit));
    let shares = percents.chain(tails).filter(|share| *share >= resolution);
    let mut points: Vec<(u32, f64)> = shares.map(|share| (percentile(&sorted, 1.0 - share), share)).collect();
    if sorted.is_empty() {
        points.clear();
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(Spread::of(&[]), Spread::default());
        assert_eq!(Spread::of(&[3.0]), Spread { median: 3.0, min: 3.0, max: 3.0, repetitions: 1 });
        assert_eq!(Spread::of(&[3.0, 1.0]).median, 2.0);
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0]).times(2.0).median, 4.0);
    }

    #[test]
    fn percentiles_are_nearest_ranks_and_spread_over_repetitions() {
        let one = Percentiles::of(&[(1..=1000).rev().collect()]);
        let medians = [one.min, one.p50, one.p99, one.p999, one.max].map(|spread| spread.median);
        assert_eq!(medians, [1.0, 500.0, 990.0, 999.0, 1000.0]);
        let two = Percentiles::of(&[vec![10, 10], vec![30, 30], vec![20, 20]]);
        assert_eq!((two.p50.min, two.p50.median, two.p50.max), (10.0, 20.0, 30.0));
        assert_eq!(Percentiles::of(&[]).p50.median, 0.0);
        assert_eq!(Percentiles::of(&[vec![]]).max.median, 0.0);
    }

    #[test]
    fn a_distribution_falls_from_all_to_as_few_as_can_be_told() {
        let points = slower_than(1..=10_000);
        assert_eq!(points.first(), Some(&(1, 1.0)));
        assert!(points.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 > pair[1].1));
        let last = points.last().unwrap();
        assert_eq!(last.0, 9999);
        assert!((last.1 - 1e-4).abs() < 1e-9);
        assert!(slower_than([]).is_empty());
        assert_eq!(slower_than([7]), [(7, 1.0)]);
    }
}
