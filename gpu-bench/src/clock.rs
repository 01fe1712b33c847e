//! The GPU's clock and the CPU's on one scale.
//!
//! A trip goes from the CPU to the GPU and back: the CPU notes when it gave the command (its clock), the GPU when it saw it (its
//! clock, `%globaltimer`), and the CPU when the answer was there. The difference of the clocks is unknown, and it drifts. What
//! is known is the whole trip's time. So the fastest leg there and the fastest leg back, among the trips of a short window, are
//! taken to be equally long: that fixes the difference for the window, and with it each trip's time one way.
//!
//! The error is half of what the fastest legs really differ by, and the step of the GPU's clock (32 ns on an H200). The round trip
//! needs no such assumption, and is to be read beside it.

/// Trips whose clocks are compared at once: about 3 ms, in which the clocks drift by less than they resolve.
pub const WINDOW: usize = 1000;

/// One trip there and back, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Trip {
    /// When the command was given, by the CPU's clock.
    pub given: i64,
    /// When the kernel saw it, by the GPU's clock.
    pub seen: i64,
    /// When the answer was there, by the CPU's clock.
    pub back: i64,
}

impl Trip {
    /// How long the trip took.
    pub fn round(&self) -> u32 {
        nanoseconds(self.back - self.given)
    }
}

/// How long the answers were under way from GPU to CPU.
pub fn one_way(trips: &[Trip]) -> Vec<u32> {
    trips.chunks(WINDOW).flat_map(one_window).collect()
}

fn one_window(trips: &[Trip]) -> Vec<u32> {
    let there = trips.iter().map(|trip| trip.seen - trip.given).min().unwrap_or(0);
    let back = trips.iter().map(|trip| trip.back - trip.seen).min().unwrap_or(0);
    let fastest = (there + back) / 2;
    trips.iter().map(|trip| nanoseconds(trip.back - trip.seen - back + fastest)).collect()
}

fn nanoseconds(time: i64) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trip(at: i64, there: i64, back: i64, offset: i64) -> Trip {
        Trip { given: at, seen: at + there + offset, back: at + there + back }
    }

    #[test]
    fn one_way_times_do_not_depend_on_the_clocks_offset() {
        for offset in [0, 1_700_000_000_000_000_000, -5000] {
            let trips = [(0, 900, 1100), (5000, 1000, 900), (9000, 950, 1300)]
                .map(|(at, there, back)| trip(at, there, back, offset));
            assert_eq!(one_way(&trips), [1100, 900, 1300]);
            assert_eq!(trips.map(|trip| trip.round()), [2000, 1900, 2250]);
        }
        assert!(one_way(&[]).is_empty());
    }

    #[test]
    fn drift_is_followed_from_window_to_window() {
        // 50 ns of drift per window would add up to 1 µs over all of them.
        let trips: Vec<Trip> = (0..20 * WINDOW as i64)
            .map(|n| trip(n * 3000, 800 + n % 7 * 10, 900 + n % 5 * 10, n / WINDOW as i64 * 50))
            .collect();
        // The legs' minima are 800 and 900, so 900 is taken for 850.
        let times = one_way(&trips);
        assert_eq!((times.iter().min(), times.iter().max()), (Some(&850), Some(&890)));
    }
}
