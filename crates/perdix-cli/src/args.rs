//! Options that several commands share.

use std::time::Duration;

use clap::{Args, ValueEnum};
use perdix_host::{Buffer, Builder, Mode, PAYLOAD_SIZE, WaitStrategy};

/// The ring to use.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct RingArgs {
    /// Slots of 256 bytes in the ring: a power of two
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(crate) slots: usize,
    /// How a message becomes visible to the consumer
    #[arg(long, value_enum, default_value_t = ModeArg::Fenced)]
    pub(crate) mode: ModeArg,
    /// What a thread does while it waits: burn a core, share it, or sleep
    #[arg(long, value_enum, default_value_t = WaitArg::Backoff)]
    pub(crate) wait: WaitArg,
}

impl RingArgs {
    /// The ring, but for its memory.
    pub(crate) fn builder(&self) -> Builder {
        Buffer::builder().slots(self.slots).mode(self.mode.into()).wait(self.wait.into())
    }
}

/// A publication mode, as the user writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// Payload, then the sequence word behind a fence
    Fenced,
    /// No fence: the consumer sees which words have arrived
    FenceFree,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Fenced => Self::Fenced,
            ModeArg::FenceFree => Self::FenceFree,
        }
    }
}

/// A wait strategy, as the user writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WaitArg {
    /// Poll without a pause: lowest latency, a whole core
    Spin,
    /// Poll, then let others run between polls
    Yield,
    /// Poll, then sleep up to 1 ms between polls: idle threads cost next to nothing
    Backoff,
}

impl From<WaitArg> for WaitStrategy {
    fn from(wait: WaitArg) -> Self {
        match wait {
            WaitArg::Spin => Self::Spin,
            WaitArg::Yield => Self::Yield,
            WaitArg::Backoff => Self::Backoff,
        }
    }
}

/// The modes to measure or check: all unless one is asked for.
pub(crate) fn modes(asked: Option<ModeArg>) -> Vec<Mode> {
    asked.map_or(vec![Mode::Fenced, Mode::FenceFree], |mode| vec![mode.into()])
}

/// A mode's name, in tables and in JSON, as `--mode` takes it.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Fenced => "fenced",
        Mode::FenceFree => "fence-free",
    }
}

/// A wait strategy's name, as `--wait` takes it.
pub(crate) fn wait_name(wait: WaitArg) -> &'static str {
    match wait {
        WaitArg::Spin => "spin",
        WaitArg::Yield => "yield",
        WaitArg::Backoff => "backoff",
    }
}

/// Parses a time in seconds, fractions allowed.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("not a time in seconds above 0 and up to {LONGEST}, such as 2.5")),
    }
}

/// Parses the size of a message.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(size) if size <= PAYLOAD_SIZE => Ok(size),
        _ => Err(format!("not a number of bytes from 0 to {PAYLOAD_SIZE}, which is what one slot holds")),
    }
}
