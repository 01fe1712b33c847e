//! The sending side of a transfer. Who fills the ring can be exchanged; the receiving side does not notice.

mod choice;
mod cpu;

use std::time::Instant;

#[cfg(feature = "cuda")]
pub(crate) use choice::DeviceChoice;
pub(crate) use choice::{Choice, ProducerArgs, SenderArgs};
pub(crate) use cpu::CpuProducer;
use perdix_host::{Consumer, Counters, MemoryKind};

use crate::args::RingArgs;
use crate::digest::Digest;
use crate::error::Error;
#[cfg(feature = "cuda")]
use crate::gpu::GpuProducer;
use crate::input::Input;
use crate::pattern::Expected;
use crate::stop::Stop;

/// Something that fills a ring, and ends the stream when it is done or has failed.
pub(crate) trait Producing: Send + 'static {
    /// What its generated messages look like.
    type Expected: Expected;

    /// Generated messages of `size` bytes, as the receiver should see them.
    fn expected(size: usize) -> Self::Expected;

    /// Sends all of `input`, in order, and returns the digest of what it sent; ends early when told to stop.
    fn send_input(self, input: Input, stop: &Stop) -> Result<Digest, Error>;

    /// Sends generated messages of `size` bytes, and returns how many.
    fn send_pattern(self, size: usize, until: Until, stop: &Stop) -> Result<u64, Error>;
}

/// When to stop generating messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After so many messages.
    Count(u64),
    /// At this time.
    Time(Instant),
}

/// Both ends of a ring.
pub(crate) struct Ends<P> {
    pub(crate) producer: P,
    pub(crate) consumer: Consumer<'static>,
    pub(crate) counters: Counters,
    pub(crate) setup: Setup,
}

/// Both ends of a ring, by who produces.
pub(crate) enum Opened {
    Cpu(Ends<CpuProducer>),
    #[cfg(feature = "cuda")]
    Gpu(Ends<GpuProducer>),
}

/// Makes the ring that the arguments ask for.
pub(crate) fn open(sender: &SenderArgs, ring: &RingArgs) -> Result<Opened, Error> {
    match sender.choose()? {
        (Choice::Cpu, _) => Ok(Opened::Cpu(CpuProducer::open(ring)?)),
        #[cfg(feature = "cuda")]
        (Choice::Gpu(device), warps) => Ok(Opened::Gpu(GpuProducer::open(device, warps, ring)?)),
    }
}

/// Who produces and where the ring lies, for reports.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The producer, as `--producer` takes it.
    pub(crate) producer: &'static str,
    /// The device and what runs on it.
    pub(crate) device: Option<String>,
    /// The ring's memory.
    pub(crate) memory: MemoryKind,
    /// Why that memory, where there was a choice.
    pub(crate) reason: Option<String>,
}

impl Setup {
    /// The producer in a table.
    pub(crate) fn producer_text(&self) -> String {
        match &self.device {
            None => format!("{}: a thread", self.producer),
            Some(device) => format!("{}: {device}", self.producer),
        }
    }

    /// The memory in a table.
    pub(crate) fn memory_text(&self) -> String {
        match &self.reason {
            None => self.memory.to_string(),
            Some(reason) => format!("{}: {reason}", self.memory),
        }
    }

    /// Whether the producer keeps count of how full the ring was.
    pub(crate) fn knows_fill(&self) -> bool {
        self.device.is_none()
    }
}
