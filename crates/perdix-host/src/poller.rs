//! What wakes tasks that wait for a ring: one thread per process. (Feature `futures`.)
//!
//! A GPU, or another process, cannot wake a task. So a thread, started by the first wait, looks at
//! what each waiting task waits for: the sequence word of its next message, or the consumer's tail.
//! It wakes a task whose message has come, whose stream has ended, or which has room again; and
//! every 50 ms one that waits for kernels or another process, to ask whether they still produce.
//! Nothing of it is on the way of a message: halves that find what they want never meet it.
//!
//! A child that was forked has a poller of its own, with the default configuration. Waits that
//! began in the parent end there alone: a task that is polled in the child waits there.
//!
//! While nobody waits the thread is parked and costs nothing. While somebody does, it pauses
//! between looks as [`configure`] says.

mod registration;
mod table;
mod thread;
mod watch;

use std::time::Duration;

pub(crate) use registration::Registration;
pub(crate) use watch::Watch;

use crate::wait::WaitStrategy;

/// How the poller waits between looks.
///
/// ```
/// use perdix_host::WaitStrategy;
/// use perdix_host::poller::{self, PollerConfig};
/// use std::time::Duration;
/// // Wakes within about 100 µs however long nothing came; costs a few per cent of a core while somebody waits.
/// poller::configure(PollerConfig { wait: WaitStrategy::Backoff, longest_sleep: Duration::from_micros(50) });
/// assert_eq!(poller::stats().waiting, 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollerConfig {
    /// As for a half that waits: without a pause, with a yield in between, or (unless set) with
    /// sleeps after a while.
    pub wait: WaitStrategy,
    /// The longest sleep of [`WaitStrategy::Backoff`], 1 ms unless set: the most by which a wake-up
    /// is late (plus the timer's slack), and what an idle wait costs.
    pub longest_sleep: Duration,
}

impl Default for PollerConfig {
    fn default() -> Self {
        Self { wait: WaitStrategy::Backoff, longest_sleep: Duration::from_millis(1) }
    }
}

/// Sets how the poller of this process waits, from its next look on.
pub fn configure(config: PollerConfig) {
    table::Poller::of_process().configure(config);
}

/// What the poller of this process has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollerStats {
    /// Tasks that wait now.
    pub waiting: usize,
    /// Rounds of looks so far. The number stands still while nobody waits.
    pub looks: u64,
    /// Tasks woken so far.
    pub wakes: u64,
}

/// Reads what the poller has done.
pub fn stats() -> PollerStats {
    table::Poller::of_process().stats()
}
