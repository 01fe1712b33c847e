//! How fast a side goes.

use std::thread;
use std::time::Duration;

use fastrand::Rng;

/// The rhythm of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// No pauses.
    Steady,
    /// Yields to others between calls, now and then.
    Yielding,
    /// Bursts of so many messages with short sleeps in between.
    Bursts { messages: u64, sleep_us: u64 },
    /// Long sleeps, seldom.
    Sleepy { sleep_ms: u64 },
}

impl Pace {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        match rng.u8(0..8) {
            0..3 => Self::Steady,
            3 => Self::Yielding,
            4..6 => Self::Bursts { messages: rng.u64(1..2000), sleep_us: rng.u64(1..2000) },
            _ => Self::Sleepy { sleep_ms: rng.u64(1..15) },
        }
    }

    /// How many messages a side can move in a second at least, out of a ring of so many slots.
    #[cfg(feature = "cuda")]
    pub(crate) fn per_second(self, slots: usize) -> u64 {
        match self {
            Self::Steady | Self::Yielding => 1_000_000,
            Self::Bursts { messages, sleep_us } => messages.min(slots as u64) * 1_000_000 / (sleep_us + 60),
            Self::Sleepy { sleep_ms } => 2_000_000 / sleep_ms,
        }
    }

    /// Its name in reports.
    pub(crate) fn name(self, side: &str) -> &'static str {
        match (side, self) {
            ("sender", Self::Steady) => "sender steady",
            ("sender", Self::Yielding) => "sender yielding",
            ("sender", Self::Bursts { .. }) => "sender in bursts",
            ("sender", Self::Sleepy { .. }) => "sender sleepy",
            (_, Self::Steady) => "receiver steady",
            (_, Self::Yielding) => "receiver yielding",
            (_, Self::Bursts { .. }) => "receiver in bursts",
            (_, Self::Sleepy { .. }) => "receiver sleepy",
        }
    }
}

/// A side's rhythm as it goes.
#[derive(Debug)]
pub(crate) struct Rhythm {
    pace: Pace,
    since: u64,
}

impl Rhythm {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, since: 0 }
    }

    /// So many messages were moved: pauses if it is time.
    pub(crate) fn moved(&mut self, messages: u64, rng: &mut Rng) {
        self.since += messages;
        match self.pace {
            Pace::Steady => {}
            Pace::Yielding if rng.u8(0..4) == 0 => thread::yield_now(),
            Pace::Yielding => {}
            Pace::Bursts { messages, sleep_us } if self.since >= messages => {
                self.since = 0;
                thread::sleep(Duration::from_micros(sleep_us));
            }
            Pace::Bursts { .. } => {}
            Pace::Sleepy { sleep_ms } => {
                if rng.u16(0..2000) == 0 {
                    thread::sleep(Duration::from_millis(sleep_ms));
                }
            }
        }
    }
}
