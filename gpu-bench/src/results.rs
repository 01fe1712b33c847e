//! What a run measured: the JSON file. The names of its fields are stable.

use serde::{Deserialize, Serialize};

use crate::stats::{Percentiles, Spread};

/// The version of this layout.
pub const FORMAT: u32 = 1;

/// Bytes of a slot: what a message of the ring takes on the link.
pub const SLOT_BYTES: u32 = 256;

/// All figures of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`FORMAT`].
    pub format: u32,
    /// When the run began, in seconds since 1970.
    pub started: u64,
    /// The command line.
    pub command: String,
    /// How long the run took so far.
    pub seconds: f64,
    /// Whether all steps were gone through.
    pub complete: bool,
    /// What was measured on.
    pub machine: Machine,
    /// The bare link's throughput.
    pub link: Vec<LinkRate>,
    /// Latencies, the bare ping-pong's among them.
    pub latencies: Vec<Latency>,
    /// Messages per second: of rings and of baselines.
    pub rates: Vec<Rate>,
    /// When data of a kernel that computes can be read.
    pub arrivals: Vec<Arrival>,
    /// Rings beside a kernel that loads the device's memory.
    pub interference: Vec<Interference>,
    /// What waiting costs, and how long the first message takes then.
    pub idle: Vec<Idle>,
    /// What logging costs a kernel. Older files have none.
    #[serde(default)]
    pub events: Vec<EventCost>,
    /// Steps that could not be measured.
    pub failures: Vec<Failure>,
}

/// What was measured on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The device's name.
    pub device: String,
    /// Its compute capability.
    pub compute_capability: String,
    /// The CUDA version of the driver.
    pub driver: String,
    /// The PCI address.
    pub pci_address: String,
    /// The link as the system describes it; empty if it does not.
    pub link: String,
    /// The CPU's name.
    pub cpu: String,
    /// Cores that the process may use.
    pub cores: usize,
    /// Which threads run where.
    pub pinning: String,
    /// The smallest step of the GPU's clock that was seen, in nanoseconds.
    pub clock_step: u32,
}

/// What kind of memory something lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Mapped pinned host memory.
    Pinned,
    /// CUDA managed memory.
    Managed,
}

impl Memory {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Managed => "managed",
        }
    }
}

/// How messages are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Many messages under one fence.
    Fenced,
    /// No fence: the consumer sees which words have arrived.
    FenceFree,
}

impl Mode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fenced, Self::FenceFree];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::FenceFree => "fence-free",
        }
    }
}

impl From<Mode> for perdix_host::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Fenced => Self::Fenced,
            Mode::FenceFree => Self::FenceFree,
        }
    }
}

/// Which way bytes cross the bare link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Crossing {
    /// The driver's copy from device to host memory.
    DriverCopy,
    /// A kernel's stores to host memory.
    Writes,
}

/// Throughput of the bare link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkRate {
    /// How.
    pub crossing: Crossing,
    /// Where to.
    pub memory: Memory,
    /// Bytes per second.
    pub bytes_per_second: Spread,
}

/// What a latency is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// An 8-byte flag there and an 8-byte flag back, without a ring.
    PingPong,
    /// An 8-byte command there, and a message through a ring back.
    RoundTrip,
    /// The message's way back alone, by two clocks.
    OneWay,
    /// A message through a ring to the GPU, and an 8-byte word back.
    ToGpu,
    /// A request through a ring to the GPU, and its response through another one back.
    Call,
}

/// A latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// What of.
    pub path: Path,
    /// How the message was published; none for the ping-pong.
    pub mode: Option<Mode>,
    /// Where flags and ring lie.
    pub memory: Memory,
    /// Bytes of the message.
    pub bytes: u32,
    /// Times of each repetition.
    pub trips: usize,
    /// In nanoseconds.
    pub nanoseconds: Percentiles,
    /// Points (nanoseconds, share of the times that are longer), over all repetitions.
    pub slower_than: Vec<(u32, f64)>,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// A ring, filled by one thread.
    Thread,
    /// A ring, filled by one warp.
    Warp,
    /// A ring, filled by one block.
    Block,
    /// A ring, filled by the warps of a grid.
    Grid,
    /// Several rings behind one handle, each filled by blocks of one launch.
    ShardedBlocks,
    /// Several rings behind one handle, each filled by the warps of some blocks of one launch.
    ShardedGrid,
    /// A ring, filled by the warps of a grid with records that are made by their number, as many to a slot as fit; counted in
    /// records.
    MadeRecords,
    /// The same with records that each lane has for itself, and that are gathered into slots; counted in records.
    PackedRecords,
    /// Baseline (a): one thread, payload, release store of a flag.
    BaselineSlots,
    /// Baseline (b): a 16-byte FIFO, each message a release store.
    FifoRelease,
    /// Baseline (b): a 16-byte FIFO, each message a relaxed store.
    FifoRelaxed,
}

impl Sender {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Warp => "warp",
            Self::Block => "block",
            Self::Grid => "grid",
            Self::ShardedBlocks => "sharded, blocks",
            Self::ShardedGrid => "sharded, grid",
            Self::MadeRecords => "records, by number",
            Self::PackedRecords => "records, of lanes",
            Self::BaselineSlots => "(a) one thread, flag",
            Self::FifoRelease => "(b) 16-byte FIFO, release",
            Self::FifoRelaxed => "(b) 16-byte FIFO, relaxed",
        }
    }

    /// Whether records are counted, of which many share a slot.
    pub fn sends_records(self) -> bool {
        matches!(self, Self::MadeRecords | Self::PackedRecords)
    }

    /// Whether this is no ring of Perdix.
    pub fn is_baseline(self) -> bool {
        matches!(self, Self::BaselineSlots | Self::FifoRelease | Self::FifoRelaxed)
    }
}

/// One way of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Config {
    /// Who sends.
    pub sender: Sender,
    /// How; none for baselines.
    pub mode: Option<Mode>,
    /// Blocks that send to each ring.
    pub blocks: u32,
    /// Threads of each block.
    pub threads: u32,
    /// Messages sent in one call.
    pub batch: u64,
    /// Slots of each ring, or entries of the FIFO.
    pub slots: usize,
    /// Rings, each with a consumer thread.
    pub rings: usize,
    /// Bytes of a message.
    pub bytes: u32,
}

impl Config {
    /// Bytes that one message takes on the link.
    pub fn link_bytes(&self) -> f64 {
        match self.sender {
            Sender::FifoRelease | Sender::FifoRelaxed => 16.0,
            // As many as fit into the 240 bytes of payload share a slot.
            Sender::MadeRecords | Sender::PackedRecords => {
                f64::from(SLOT_BYTES) / f64::from((240 / self.bytes.clamp(1, 240)).max(1))
            }
            _ => f64::from(SLOT_BYTES),
        }
    }

    /// Who sends, in a few words.
    pub fn shape(&self) -> String {
        let Self { blocks, threads, .. } = self;
        match self.sender {
            Sender::Thread | Sender::BaselineSlots => "1 thread".to_owned(),
            Sender::Warp => "1 warp".to_owned(),
            Sender::FifoRelease | Sender::FifoRelaxed => format!("{threads} threads"),
            _ => format!("{blocks} x {} warps", threads / 32),
        }
    }
}

/// Messages per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// What was measured.
    #[serde(flatten)]
    pub config: Config,
    /// Where the ring lies.
    pub memory: Memory,
    /// The rate.
    pub messages_per_second: Spread,
}

impl Rate {
    /// The rate in bytes on the link.
    pub fn bytes_per_second(&self) -> f64 {
        self.messages_per_second.median * self.config.link_bytes()
    }
}

/// How the data of a computing kernel gets to the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Through a ring, while the kernel runs.
    Streamed,
    /// Baseline (c): by the driver's copy after the kernel's end.
    CopiedAtEnd,
}

/// When data can be read, from the launch on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// How.
    pub delivery: Delivery,
    /// How long the kernel computes, in milliseconds.
    pub compute_milliseconds: f64,
    /// Messages of 240 bytes that it makes.
    pub messages: u64,
    /// Milliseconds until the first message could be read.
    pub first: Spread,
    /// Milliseconds until the last one had been read.
    pub last: Spread,
}

/// A ring and a kernel that reads and writes device memory at full rate, each alone and both at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interference {
    /// How the ring's messages are published.
    pub mode: Mode,
    /// Bytes per second read and written by the load, alone.
    pub load_alone: Spread,
    /// The same beside the ring.
    pub load_beside: Spread,
    /// Messages per second through the ring, alone.
    pub ring_alone: Spread,
    /// The same beside the load.
    pub ring_beside: Spread,
}

/// A consumer that waits for messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// The wait strategy's name.
    pub wait: String,
    /// How long it waited, in seconds.
    pub seconds: f64,
    /// The processor time of the waiting thread, as a share of that time.
    pub cpu_share: f64,
    /// Nanoseconds from the command to the arrival of the first message after a pause.
    pub first_message: Spread,
}

/// A kernel that logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventCost {
    /// How it logs, in words.
    pub logging: String,
    /// How the ring's messages are published.
    pub mode: Mode,
    /// Blocks that log.
    pub blocks: u32,
    /// Threads of each.
    pub threads: u32,
    /// Nanoseconds of a thread for an event, by the GPU's clock.
    pub nanoseconds: Spread,
    /// Events that one reader decoded each second; none where it was not there all the time.
    pub read_per_second: Option<Spread>,
}

/// A step without figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step's name.
    pub step: String,
    /// What went wrong.
    pub error: String,
}

impl Results {
    /// The memory that targets are about: pinned, unless only managed memory was measured.
    pub fn reference(&self) -> Memory {
        let is_pinned = |memory: Memory| memory == Memory::Pinned;
        let pinned = self
            .rates
            .iter()
            .filter(|rate| !rate.config.sender.is_baseline())
            .any(|rate| is_pinned(rate.memory))
            || self.latencies.iter().any(|latency| is_pinned(latency.memory));
        if pinned || (self.rates.is_empty() && self.latencies.is_empty()) {
            Memory::Pinned
        } else {
            Memory::Managed
        }
    }

    /// Bare writes to a kind of memory, in bytes per second.
    pub fn writes(&self, memory: Memory) -> Option<f64> {
        let found = self.link.iter().find(|row| row.crossing == Crossing::Writes && row.memory == memory)?;
        Some(found.bytes_per_second.median).filter(|rate| *rate > 0.0)
    }

    /// A latency.
    pub fn latency(&self, path: Path, mode: Option<Mode>, memory: Memory) -> Option<&Latency> {
        self.latencies.iter().find(|row| row.path == path && row.mode == mode && row.memory == memory)
    }

    /// The fastest of the rates that pass.
    pub fn best(&self, passes: impl Fn(&Rate) -> bool) -> Option<&Rate> {
        let rate = |row: &&Rate| row.messages_per_second.median;
        self.rates.iter().filter(|row| passes(row)).max_by(|one, other| rate(one).total_cmp(&rate(other)))
    }
}
