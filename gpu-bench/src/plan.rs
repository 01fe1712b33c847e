//! What a run goes through, the most important first.

use std::time::Duration;

use crate::results::{Config, Delivery, Memory, Mode, Sender};

/// Messages that a block is asked to send in one call on sharded rings; on a ring by itself it gets all of them in one. The block
/// cuts them up as it likes.
const BLOCK_BATCH: u64 = 65_536;
/// Messages that a warp claims and fences at once.
const WARP_BATCH: u64 = 32;
/// Bytes of a message that fills its slot.
const FULL: u32 = 240;

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// The driver's copy to pinned memory.
    Copy,
    /// Bare writes.
    Writes(Memory),
    /// Ping-pong, round trip and one way, in turns.
    Latency(Memory),
    /// A rate, in one or both kinds of memory.
    Rate(Config, Where),
    /// When the data of a computing kernel can be read.
    Arrival(Delivery),
    /// A ring beside a loaded memory.
    Interference(Mode),
    /// A consumer that waits.
    Idle(Wait),
    /// A kernel that logs.
    Events(Scene),
}

/// How a kernel logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logging {
    /// Each thread by itself, into a ring with room for all.
    Burst,
    /// The same into a ring that is full: events are dropped and counted.
    Full,
    /// The same, waiting for a reader.
    Waiting,
    /// The lanes of warps, their events gathered into messages; waiting for a reader.
    Lanes,
    /// At a level that is switched off.
    Off,
}

impl Logging {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Burst => "each thread, room for all",
            Self::Full => "each thread, ring full: dropped",
            Self::Waiting => "each thread, as fast as they are read",
            Self::Lanes => "lanes gathered, as fast as they are read",
            Self::Off => "each thread, level switched off",
        }
    }
}

/// Who logs, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scene {
    /// How.
    pub logging: Logging,
    /// How the ring's messages are published.
    pub mode: Mode,
    /// Threads of the only block; of a grid, 256 in a block for each multiprocessor.
    pub threads: u32,
    /// Whether a whole grid logs.
    pub is_grid: bool,
}

/// In which kinds of memory a rate is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In pinned memory, or the only kind that is measured.
    One,
    /// In all kinds, in turns.
    All,
}

/// A wait strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Poll without a pause.
    Spin,
    /// Poll, and let others run.
    Yield,
    /// Poll, then sleep.
    Backoff,
}

impl Wait {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Yield => "yield",
            Self::Backoff => "backoff",
        }
    }
}

impl From<Wait> for perdix_host::WaitStrategy {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Spin => Self::Spin,
            Wait::Yield => Self::Yield,
            Wait::Backoff => Self::Backoff,
        }
    }
}

impl Step {
    /// The name, for progress and failures.
    pub fn name(&self) -> String {
        match self {
            Self::Copy => "bare link: driver copy".to_owned(),
            Self::Writes(memory) => format!("bare link: writes to {} memory", memory.name()),
            Self::Latency(memory) => format!("latency, {} memory", memory.name()),
            Self::Rate(config, _) => {
                let Config { sender, mode, batch, slots, rings, bytes, .. } = config;
                let mode = mode.map_or("", |mode| mode.name());
                let shape = config.shape();
                format!(
                    "rate: {}, {shape} {mode}, batch {batch}, {slots} slots, {rings} ring(s), {bytes} bytes",
                    sender.name()
                )
            }
            Self::Arrival(Delivery::Streamed) => "time to data: streamed".to_owned(),
            Self::Arrival(Delivery::CopiedAtEnd) => "time to data: copied at the end".to_owned(),
            Self::Interference(mode) => format!("interference, {}", mode.name()),
            Self::Idle(wait) => format!("idle consumer, {}", wait.name()),
            Self::Events(Scene { logging, mode, threads, is_grid }) => {
                let who = if *is_grid { "a grid".to_owned() } else { format!("{threads} threads") };
                format!("events of {who}: {}, {}", logging.name(), mode.name())
            }
        }
    }
}

/// The steps, and how long each takes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
    /// How often a rate is measured in each kind of memory.
    pub repetitions: usize,
    /// How long one repetition of a rate takes.
    pub time: Duration,
    /// Trips of one repetition of a latency.
    pub trips: usize,
    /// How long an idle consumer waits.
    pub idle: Duration,
    /// After this time no further step is begun.
    pub limit: Duration,
}

impl Plan {
    /// All of it: at most about five minutes.
    pub fn full() -> Self {
        Self {
            steps: steps(Extent::Full),
            repetitions: 3,
            time: Duration::from_millis(100),
            trips: 20_000,
            idle: Duration::from_secs(1),
            limit: Duration::from_secs(280),
        }
    }

    /// What the targets need and short sweeps: at most about 90 s.
    pub fn quick() -> Self {
        Self {
            steps: steps(Extent::Quick),
            repetitions: 3,
            time: Duration::from_millis(50),
            trips: 10_000,
            idle: Duration::from_millis(300),
            limit: Duration::from_secs(80),
        }
    }

    /// Only the steps whose name contains the text.
    #[must_use]
    pub fn only(mut self, text: &str) -> Self {
        self.steps.retain(|step| step.name().contains(text));
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Quick,
    Full,
}

fn steps(extent: Extent) -> Vec<Step> {
    let mut steps = vec![Step::Copy, Step::Writes(Memory::Pinned), Step::Writes(Memory::Managed)];
    steps.extend([Memory::Pinned, Memory::Managed].map(Step::Latency));
    let rates =
        |configs: Vec<Config>, place| configs.into_iter().map(move |config| Step::Rate(config, place));
    steps.extend(rates(for_targets(), Where::All));
    steps.extend(rates(vec![baseline(Sender::BaselineSlots, 1, 4096, FULL)], Where::One));
    steps.extend(rates(records(), Where::All));
    steps.extend(rates(fifo(extent), Where::One));
    steps.extend([Delivery::Streamed, Delivery::CopiedAtEnd].map(Step::Arrival));
    steps.extend(rates(sweeps(extent), Where::One));
    steps.extend(Mode::ALL.map(Step::Interference));
    steps.extend([Wait::Spin, Wait::Yield, Wait::Backoff].map(Step::Idle));
    steps.extend(events().into_iter().map(Step::Events));
    let mut unique: Vec<Step> = Vec::new();
    for step in steps {
        let same = |known: &Step| match (known, &step) {
            (Step::Rate(one, _), Step::Rate(other, _)) => one == other,
            (one, other) => one == other,
        };
        if !unique.iter().any(same) {
            unique.push(step);
        }
    }
    unique
}

fn ring(sender: Sender, mode: Mode, [blocks, warps]: [u32; 2], slots: usize) -> Config {
    let (threads, batch) = match sender {
        Sender::Thread => (1, 1),
        Sender::Block | Sender::ShardedBlocks => (warps * 32, BLOCK_BATCH),
        _ => (warps * 32, WARP_BATCH),
    };
    Config { sender, mode: Some(mode), blocks, threads, batch, slots, rings: 1, bytes: FULL }
}

fn baseline(sender: Sender, threads: u32, slots: usize, bytes: u32) -> Config {
    Config { sender, mode: None, blocks: 1, threads, batch: 1, slots, rings: 1, bytes }
}

/// What the table of targets needs; the best of several shapes counts.
fn for_targets() -> Vec<Config> {
    let mut configs = Vec::new();
    for slots in [65_536, 16_384, 4096] {
        for warps in [8, 12, 16] {
            configs.push(ring(Sender::Block, Mode::Fenced, [1, warps], slots));
        }
        for shape in [[2, 8], [4, 4]] {
            configs.push(ring(Sender::Grid, Mode::Fenced, shape, slots));
        }
    }
    for mode in Mode::ALL {
        configs.push(Config { batch: 1, ..ring(Sender::Warp, mode, [1, 1], 4096) });
        configs.push(ring(Sender::Warp, mode, [1, 1], 4096));
        configs.push(ring(Sender::Block, mode, [1, 8], 4096));
        configs.push(ring(Sender::Grid, mode, [4, 4], 16_384));
        configs.push(Config { rings: 8, ..ring(Sender::Block, mode, [1, 8], 4096) });
        for slots in [4096, 16_384] {
            for (sender, shape) in [
                (Sender::ShardedBlocks, [1, 4]),
                (Sender::ShardedBlocks, [1, 8]),
                (Sender::ShardedGrid, [2, 4]),
            ] {
                configs.push(Config { rings: 8, ..ring(sender, mode, shape, slots) });
            }
        }
    }
    configs
}

/// Records of 16 bytes, as many to a slot as fit.
fn records() -> Vec<Config> {
    let mut configs = Vec::new();
    for sender in [Sender::MadeRecords, Sender::PackedRecords] {
        for shape in [[1, 8], [2, 8], [4, 4]] {
            for slots in [4096, 65_536] {
                configs.push(Config { bytes: 16, ..ring(sender, Mode::Fenced, shape, slots) });
            }
        }
        configs.push(Config { bytes: 16, ..ring(sender, Mode::FenceFree, [4, 4], 16_384) });
    }
    configs
}

fn fifo(extent: Extent) -> Vec<Config> {
    let (threads, entries): (&[u32], &[usize]) = match extent {
        Extent::Quick => (&[1, 32, 128, 256], &[2048, 8192]),
        Extent::Full => (&[1, 32, 128, 256, 512], &[512, 2048, 8192]),
    };
    let mut configs = Vec::new();
    for sender in [Sender::FifoRelease, Sender::FifoRelaxed] {
        for entries in entries {
            configs.extend(threads.iter().map(|threads| baseline(sender, *threads, *entries, 16)));
        }
    }
    configs
}

/// Events of a thread, of a warp, and of a grid.
fn events() -> Vec<Scene> {
    let scene = |logging, mode, threads| Scene { logging, mode, threads, is_grid: threads > 32 };
    let mut scenes = Vec::new();
    for mode in Mode::ALL {
        scenes.extend([1, 32, 256].map(|threads| scene(Logging::Burst, mode, threads)));
        scenes.extend([32, 256].map(|threads| scene(Logging::Waiting, mode, threads)));
        scenes.extend([32, 256].map(|threads| scene(Logging::Lanes, mode, threads)));
    }
    scenes.extend([1, 256].map(|threads| scene(Logging::Full, Mode::Fenced, threads)));
    scenes.push(scene(Logging::Off, Mode::Fenced, 1));
    scenes
}

/// One thing varied at a time.
fn sweeps(extent: Extent) -> Vec<Config> {
    let every_other = |values: &[u32]| -> Vec<u32> {
        match extent {
            Extent::Full => values.to_vec(),
            Extent::Quick => values.iter().copied().step_by(2).collect(),
        }
    };
    let mut configs = Vec::new();
    for mode in Mode::ALL {
        for rings in [1, 2, 4] {
            configs.push(Config { rings, ..ring(Sender::Block, mode, [1, 8], 4096) });
            configs.push(Config { rings, ..ring(Sender::ShardedBlocks, mode, [1, 8], 4096) });
            configs.push(Config { rings, ..ring(Sender::ShardedGrid, mode, [2, 4], 4096) });
        }
        for batch in every_other(&[1, 2, 4, 8, 16, 32]) {
            configs.push(Config { batch: u64::from(batch), ..ring(Sender::Warp, mode, [1, 1], 4096) });
        }
        for slots in every_other(&[256, 1024, 4096, 16_384, 65_536]) {
            configs.push(ring(Sender::Block, mode, [1, 8], slots as usize));
        }
        for warps in every_other(&[1, 2, 4, 8, 16]) {
            configs.push(ring(Sender::Block, mode, [1, warps], 16_384));
        }
        for blocks in every_other(&[1, 2, 4, 8, 16]) {
            configs.push(ring(Sender::Grid, mode, [blocks, 4], 16_384));
        }
        for bytes in every_other(&[8, 16, 32, 64, 128, 240]) {
            configs.push(Config { bytes, ..ring(Sender::Block, mode, [1, 8], 16_384) });
        }
        configs.push(ring(Sender::Thread, mode, [1, 1], 4096));
        configs.push(Config { batch: WARP_BATCH, ..ring(Sender::Thread, mode, [1, 1], 4096) });
    }
    configs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_measured_twice() {
        for plan in [Plan::full(), Plan::quick()] {
            let mut names: Vec<String> = plan.steps.iter().map(Step::name).collect();
            names.sort();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }

    #[test]
    fn the_time_is_bounded() {
        for (plan, seconds) in [(Plan::full(), 240.0), (Plan::quick(), 80.0)] {
            let memories = |place| if place == Where::All { 2.0 } else { 1.0 };
            let each: f64 = plan
                .steps
                .iter()
                .map(|step| match step {
                    // The repetitions, and as much again for finding out how many messages they need.
                    Step::Rate(_, place) => {
                        plan.time.as_secs_f64() * (plan.repetitions as f64 * memories(*place) + 1.5) + 0.1
                    }
                    Step::Latency(_) => 3.5,
                    Step::Events(_) => 1.0,
                    Step::Idle(_) => plan.idle.as_secs_f64() + 0.5,
                    _ => 1.5,
                })
                .sum();
            assert!(each < seconds, "{each} s of {} steps", plan.steps.len());
            assert!(plan.limit.as_secs_f64() < seconds + 60.0);
        }
    }

    #[test]
    fn launches_are_as_kernels_want_them() {
        for step in Plan::full().steps {
            let Step::Rate(config, _) = step else { continue };
            assert!(
                config.slots.is_power_of_two() && config.threads <= 1024 && config.bytes <= 240,
                "{config:?}"
            );
            match config.sender {
                Sender::Thread | Sender::BaselineSlots => assert_eq!((config.blocks, config.threads), (1, 1)),
                Sender::Warp => assert!((config.blocks, config.threads) == (1, 32) && config.batch <= 32),
                Sender::Block | Sender::ShardedBlocks => {
                    assert!(config.blocks == 1 && config.threads % 32 == 0);
                }
                Sender::Grid | Sender::ShardedGrid | Sender::MadeRecords | Sender::PackedRecords => {
                    assert!(config.threads % 32 == 0 && config.batch <= 32);
                }
                _ => assert_eq!((config.blocks, config.rings), (1, 1)),
            }
        }
    }

    #[test]
    fn steps_can_be_picked_by_name() {
        let names: Vec<String> = Plan::full().only("bare link").steps.iter().map(Step::name).collect();
        assert_eq!(names.len(), 3);
        assert!(Plan::full().only("no such").steps.is_empty());
    }
}
