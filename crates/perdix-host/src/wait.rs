//! How a half waits for the other.

use std::time::{Duration, Instant};

/// What a half does while it has to wait: the consumer for a message, the producer for a free slot.
///
/// Throughput hardly depends on it; the delay before a wait ends, and what an idle half costs, do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WaitStrategy {
    /// Polls without a pause. Lowest latency (under 0.2 µs between cores); burns a whole core while idle, and stalls if both
    /// halves share one core.
    Spin,
    /// Polls 256 times, then yields to the scheduler between polls. Still burns an otherwise idle core, but shares it.
    Yield,
    /// Polls, then yields, then sleeps from 20 µs up to 1 ms between polls. An idle half costs well under 1 % of a core;
    /// the first message after a pause waits up to about 1 ms (plus the timer's slack).
    #[default]
    Backoff,
}

const SPINS: u32 = 256;
const YIELDS: u32 = 64;
const FIRST_SLEEP: Duration = Duration::from_micros(20);
const LONGEST_SLEEP: Duration = Duration::from_millis(1);
/// Reading the clock costs as much as many polls, so a spinning wait looks at it only now and then.
const POLLS_PER_CLOCK: u32 = 64;

const POLLS_PER_LOOK: u32 = 8192;

/// One wait in progress.
#[derive(Debug)]
pub(crate) struct Waiter {
    strategy: WaitStrategy,
    rounds: u32,
    limit: Option<(Instant, Duration)>,
    sleep: Duration,
}

impl Waiter {
    pub(crate) fn new(strategy: WaitStrategy, limit: Option<Duration>) -> Self {
        let limit = limit.map(|limit| (Instant::now(), limit));
        Self { strategy, rounds: 0, limit, sleep: FIRST_SLEEP }
    }

    /// Pauses as long as the strategy says; `Err` with the time waited once the limit has passed.
    #[inline]
    pub(crate) fn pause(&mut self) -> Result<(), Duration> {
        self.rounds = self.rounds.wrapping_add(1);
        if self.strategy == WaitStrategy::Spin || self.rounds <= SPINS {
            std::hint::spin_loop();
            if self.rounds % POLLS_PER_CLOCK == 0 { self.check() } else { Ok(()) }
        } else {
            self.pause_longer()
        }
    }

    #[cold]
    fn pause_longer(&mut self) -> Result<(), Duration> {
        self.check()?;
        if self.strategy == WaitStrategy::Yield || self.rounds <= SPINS + YIELDS {
            std::thread::yield_now();
            return Ok(());
        }
        self.rounds = SPINS + YIELDS;
        let left = self.limit.map_or(self.sleep, |(start, limit)| limit.saturating_sub(start.elapsed()));
        std::thread::sleep(self.sleep.min(left));
        self.sleep = (self.sleep * 2).min(LONGEST_SLEEP);
        Ok(())
    }

    /// Whether it is time for a look at the producer that costs about a microsecond: every few hundred microseconds.
    #[inline]
    pub(crate) fn is_time_to_look(&self) -> bool {
        self.rounds % POLLS_PER_LOOK == 0 || self.sleep > FIRST_SLEEP
    }

    fn check(&self) -> Result<(), Duration> {
        match self.limit {
            Some((start, limit)) if start.elapsed() >= limit => Err(start.elapsed()),
            _ => Ok(()),
        }
    }
}
