//! The GPU's clock on the CPU's scale.

use std::time::{Duration, Instant};

/// How much the clocks are allowed to drift, in millionths: 100 µs a second.
const DRIFT: i128 = 100;

/// Differences are kept in millionths of a nanosecond, so that the drift of any time is whole.
const FINE: i128 = 1_000_000;

/// Puts times of the GPU's clock (`%globaltimer`) onto this CPU's clock, by what the events themselves tell.
///
/// An event cannot arrive before it was sent. So the clocks' difference is at most what lies between an event's time by the GPU's clock and its
/// arrival by the CPU's, and the event that was delivered fastest comes closest. That difference is kept, and let grow by 100 µs a second,
/// as a bound on how much the clocks may drift, until another event comes closer.
///
/// A time is therefore **never before** the event (while the clocks drift less than that) and never after it was read. How much it is
/// late: by the time that the fastest delivery of late took (about the ring's latency, if the reader waits for events; as long as the reader
/// was away, if it never does), and 100 µs for each second since.
#[derive(Clone, Debug)]
pub struct GpuClock {
    base: Instant,
    /// The difference, CPU (since `base`) less GPU, in millionths of a nanosecond, and when it was found.
    found: Option<(i128, Instant)>,
    /// The latest time given out, by both clocks, so that none goes back when a difference turns out smaller.
    last: (u64, Instant),
}

impl GpuClock {
    /// A clock that knows nothing yet.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { base: now, found: None, last: (0, now) }
    }

    /// Takes notice of an event that was sent at `gpu_ns` by the GPU's clock, and was here at `arrived`.
    pub fn observe(&mut self, gpu_ns: u64, arrived: Instant) {
        let difference = FINE * (self.since_base(arrived) - i128::from(gpu_ns));
        let known = self.difference(arrived).unwrap_or(difference);
        self.found = Some((known.min(difference), arrived));
    }

    /// When that was by this CPU's clock; `None` before any event was observed. Later times of the GPU never give earlier ones here.
    pub fn time(&mut self, gpu_ns: u64) -> Option<Instant> {
        let (difference, _) = self.found?;
        let nanoseconds = i128::from(gpu_ns) + difference.div_euclid(FINE);
        let time = u64::try_from(nanoseconds)
            .ok()
            .and_then(|time| self.base.checked_add(Duration::from_nanos(time)));
        // Before this clock was made: events may have waited in the ring.
        let time = time.or_else(|| {
            let before = u64::try_from(-nanoseconds).ok()?;
            self.base.checked_sub(Duration::from_nanos(before))
        })?;
        let (last_gpu, last) = self.last;
        if last_gpu != 0 && gpu_ns < last_gpu {
            return Some(time.min(last));
        }
        let time = if last_gpu == 0 { time } else { time.max(last) };
        self.last = (gpu_ns, time);
        Some(time)
    }

    /// The difference with what it may have drifted since it was found.
    fn difference(&self, now: Instant) -> Option<i128> {
        let (difference, at) = self.found?;
        let age = now.saturating_duration_since(at).as_nanos() as i128;
        Some(difference + age * DRIFT)
    }

    fn since_base(&self, time: Instant) -> i128 {
        match time.checked_duration_since(self.base) {
            Some(after) => after.as_nanos() as i128,
            None => -(self.base.saturating_duration_since(time).as_nanos() as i128),
        }
    }
}

impl Default for GpuClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events every `step` nanoseconds whose delivery takes 1 µs to 7 µs, on clocks that differ by `offset` and drift by `ppm`.
    fn errors(offset: i128, ppm: i128, step: u64, count: u64) -> Vec<i128> {
        let mut clock = GpuClock::new();
        let base = clock.base;
        (0..count)
            .map(|i| {
                let sent = step * i + 50_000;
                let gpu = i128::from(sent) * (1_000_000 - ppm) / 1_000_000 + offset;
                let gpu = u64::try_from(gpu).unwrap();
                clock.observe(gpu, base + Duration::from_nanos(sent + 1000 + i * 7919 % 6000));
                let time = clock.time(gpu).unwrap().duration_since(base).as_nanos() as i128;
                time - i128::from(sent)
            })
            .collect()
    }

    #[test]
    fn times_are_late_by_the_fastest_delivery_and_never_early() {
        for offset in [0, 5, 1_700_000_000_000_000_000] {
            let errors = errors(offset, 0, 10_000, 10_000);
            assert!(errors.iter().all(|error| (0..7000).contains(error)), "{:?}", errors.iter().max());
            assert!(
                errors[100..].iter().all(|error| (999..1200).contains(error)),
                "{:?}",
                errors[100..].iter().max()
            );
        }
    }

    #[test]
    fn drift_is_followed_both_ways() {
        for (ppm, step) in [(-90, 10_000), (90, 10_000), (-90, 1000), (90, 1000)] {
            let errors = errors(1_000_000_000, ppm, step, 300_000);
            assert!(
                errors[100..].iter().all(|error| (0..1300).contains(error)),
                "{ppm}: {:?}",
                (errors[100..].iter().min(), errors[100..].iter().max())
            );
        }
    }

    #[test]
    fn times_do_not_go_back() {
        let mut clock = GpuClock::new();
        let base = clock.base;
        clock.observe(1000, base + Duration::from_micros(100));
        let first = clock.time(1000).unwrap();
        // A faster delivery shows that the first was late.
        clock.observe(2000, base + Duration::from_micros(3));
        let second = clock.time(2000).unwrap();
        assert!(second >= first && clock.time(1500).unwrap() <= second);
        assert!(clock.time(1_000_000).unwrap() > second);
    }

    #[test]
    fn nothing_is_known_before_an_event() {
        assert_eq!(GpuClock::new().time(5), None);
    }
}
