//! The sending side of a transfer. Who fills the ring can be exchanged; the receiving side does not notice.

mod cpu;

use std::time::Instant;

pub(crate) use cpu::CpuProducer;

use crate::digest::Digest;
use crate::error::Error;
use crate::input::Input;
use crate::pattern::Pattern;
use crate::stop::Stop;

/// Something that fills a ring, and ends the stream when it is done or has failed.
pub(crate) trait Producing: Send + 'static {
    /// Its name in reports.
    const NAME: &'static str;

    /// Sends all of `input`, in order, and returns the digest of what it sent; ends early when told to stop.
    fn send_input(self, input: Input, stop: &Stop) -> Result<Digest, Error>;

    /// Sends generated messages, and returns how many.
    fn send_pattern(self, pattern: Pattern, until: Until, stop: &Stop) -> Result<u64, Error>;
}

/// When to stop generating messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After so many messages.
    Count(u64),
    /// At this time.
    Time(Instant),
}
