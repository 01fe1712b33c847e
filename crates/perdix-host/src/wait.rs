//! How a half waits for the other.

mod limit;

use std::time::{Duration, Instant};

pub(crate) use limit::Tries;
pub use limit::Wait;

/// What a half does while it has to wait: the consumer for a message, the producer for a free slot.
///
/// The delay before a wait ends depends on it, what an idle half costs, and how fast a stream
/// between two cores goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WaitStrategy {
    /// Polls without a pause. Lowest latency (under 0.2 µs between cores) for every message; burns
    /// a whole core while idle, and stalls if both halves share one core. A consumer that has
    /// caught up with its producer takes the cache line of each next message away from it again and
    /// again, which makes a stream of messages slower.
    Spin,
    /// Polls 256 times (after a run of 8 messages or more it first pauses for about a microsecond,
    /// so that the next ones come as a run too), then yields to the scheduler between polls. Still
    /// burns an otherwise idle core, but shares it.
    Yield,
    /// As `Yield`, but yields 64 times and then sleeps from 20 µs up to 1 ms between polls. An idle
    /// half costs well under 1 % of a core; the first message after a pause waits up to about 1 ms
    /// (plus the timer's slack).
    #[default]
    Backoff,
}

/// How each half waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WaitStrategies {
    pub(crate) producer: WaitStrategy,
    pub(crate) consumer: WaitStrategy,
}

/// How long kernels wait for the other side unless told otherwise, on a device or on emulated
/// lanes.
pub(crate) const DEVICE_LIMIT: Duration = Duration::from_secs(10);

const SPINS: u32 = 256;
const YIELDS: u32 = 64;
const FIRST_SLEEP: Duration = Duration::from_micros(20);
const LONGEST_SLEEP: Duration = Duration::from_millis(1);
/// Reading the clock costs as much as many polls, so a spinning wait looks at it only now and then.
const POLLS_PER_CLOCK: u32 = 64;

/// Messages taken without a wait that make a run.
const RUN: u64 = 8;
/// Pauses after a run: long enough for the producer to get some messages ahead, where it is not
/// disturbed.
const PAUSES_AFTER_RUN: u32 = 64;

/// Polls between two questions what has become of the counterpart.
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

    /// The wait of a consumer that has taken `run` messages since its last wait.
    pub(crate) fn after_run(strategy: WaitStrategy, limit: Option<Duration>, run: u64) -> Self {
        if run >= RUN && strategy != WaitStrategy::Spin {
            (0..PAUSES_AFTER_RUN).for_each(|_| std::hint::spin_loop());
        }
        Self::new(strategy, limit)
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

    /// Whether it is time to ask what has become of the counterpart, which costs about a
    /// microsecond: every few hundred microseconds.
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
