//! The configuration of an episode whose producers are kernels.

use std::num::NonZeroUsize;
use std::time::Duration;

use fastrand::Rng;
use perdix_host::{Builder, MemoryKind};
use perdix_kernels::soak::{SoakEnd, SoakMessages, SoakSteps};

use super::super::rig::Rig;
use crate::soak::{Plan, Tally, bump, mix};

/// How an episode goes: sessions one after the other on the same ring.
#[derive(Clone, Debug)]
pub(crate) struct KernelPlan {
    /// What rings are like, and how fast they are read.
    pub(crate) rings: Plan,
    pub(crate) granularity: Granularity,
    pub(crate) sessions: Vec<Session>,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granularity {
    Thread,
    Warp,
    Block {
        warps: u32,
    },
    Grid {
        blocks: u32,
        warps: u32,
    },
    /// A grid on several rings, read by so many threads.
    Shards {
        rings: usize,
        blocks: u32,
        warps: u32,
        threads: NonZeroUsize,
    },
    /// A grid that sends records of 16 bytes, packed as they come or made by their number.
    Records {
        blocks: u32,
        warps: u32,
        packed: bool,
    },
    /// A thread, a warp or a block that drops what does not fit.
    DropThread,
    DropWarp,
    DropBlock {
        warps: u32,
    },
}

impl Granularity {
    fn random(rng: &mut Rng) -> Self {
        let (blocks, warps) = (rng.u32(1..=8), rng.u32(1..=8));
        match rng.u8(0..15) {
            0..2 => Self::Thread,
            2..4 => Self::Warp,
            4..7 => Self::Block { warps: rng.u32(1..=16) },
            7..9 => Self::Grid { blocks, warps },
            9..11 => Self::Shards {
                rings: rng.usize(1..=6),
                blocks,
                warps,
                threads: NonZeroUsize::MIN.saturating_add(rng.usize(0..4)),
            },
            11 => Self::Records { blocks, warps, packed: rng.bool() },
            12 => Self::DropThread,
            13 => Self::DropWarp,
            _ => Self::DropBlock { warps },
        }
    }

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Thread => "kernel: thread",
            Self::Warp => "kernel: warp",
            Self::Block { .. } => "kernel: block",
            Self::Grid { .. } => "kernel: grid",
            Self::Shards { .. } => "kernel: sharded grid",
            Self::Records { packed: true, .. } => "kernel: packed records",
            Self::Records { .. } => "kernel: records",
            Self::DropThread => "kernel: thread that drops",
            Self::DropWarp => "kernel: warp that drops",
            Self::DropBlock { .. } => "kernel: block that drops",
        }
    }

    /// Blocks, and threads of each.
    pub(crate) fn launch(self) -> (u32, u32) {
        match self {
            Self::Thread | Self::DropThread => (1, 1),
            Self::Warp | Self::DropWarp => (1, 32),
            Self::Block { warps } | Self::DropBlock { warps } => (1, 32 * warps),
            Self::Grid { blocks, warps }
            | Self::Shards { blocks, warps, .. }
            | Self::Records { blocks, warps, .. } => (blocks, 32 * warps),
        }
    }

    /// Senders whose messages each come in order.
    pub(crate) fn senders(self) -> usize {
        match self {
            Self::Grid { blocks, warps }
            | Self::Shards { blocks, warps, .. }
            | Self::Records { blocks, warps, .. } => (blocks * warps) as usize,
            _ => 1,
        }
    }

    /// Messages of a session: so many that it takes a second at most, also where every message waits for the link.
    fn most(self, rings: &Plan) -> u64 {
        let fastest = match self {
            Self::Thread | Self::DropThread => 100_000,
            Self::Warp => 500_000,
            _ => 2_000_000,
        };
        fastest.min(20_000 * rings.slots as u64).min(rings.receiving.per_second(rings.slots))
    }
}

/// Launches one after the other, of which the last ends the stream, unless something goes wrong on purpose.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) messages: SoakMessages,
    pub(crate) launches: Vec<SoakSteps>,
    pub(crate) fault: Fault,
}

/// What is to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The consumer leaves after so many slots.
    Leaves {
        after: u64,
    },
    /// The consumer stops reading after so many slots until the kernel, which waits for so long, has given up.
    TimesOut {
        after: u64,
        limit: Duration,
    },
    /// The last kernel ends as if it had forgotten to finish.
    Forgets,
}

impl Session {
    fn random(rng: &mut Rng, granularity: Granularity, rings: &Plan) -> Self {
        let messages = SoakMessages {
            seed: rng.u64(..),
            most: if rng.bool() { 240 } else { rng.u32(0..=240) },
            sentinels: u32::from(rng.u8(0..3) == 0),
        };
        let fault = match rng.u8(0..8) {
            0 | 1 => Fault::Leaves { after: rng.u64(0..20_000) },
            2 => Fault::TimesOut {
                after: rng.u64(0..20_000),
                limit: Duration::from_micros(rng.u64(500..5000)),
            },
            3 => Fault::Forgets,
            _ => Fault::None,
        };
        // A kernel behind one that has failed would go on where that one stopped, with messages of its own.
        let launches = if fault == Fault::None { rng.u64(1..=4) } else { 1 };
        let each = granularity.most(rings) / granularity.senders() as u64 / launches;
        let each = if rng.bool() { rng.u64(0..=each) } else { rng.u64(0..=each.min(500)) };
        let last = if fault == Fault::Forgets { SoakEnd::Forgets } else { SoakEnd::Finishes };
        let launches = (0..launches).map(|launch| SoakSteps {
            first: launch * each,
            count: each,
            batch: if granularity.senders() > 1 { rng.u64(1..=32) } else { rng.u64(1..=5000) },
            // Seldom: a pause is worth thousands of messages.
            pause_ns: if rng.u8(0..4) == 0 && each < 20_000 { rng.u64(0..20_000) } else { 0 },
            end: if launch + 1 == launches { last as u64 } else { SoakEnd::Pauses as u64 },
        });
        Self { messages, launches: launches.collect(), fault }
    }

    /// Messages of each sender.
    pub(crate) fn each(&self) -> u64 {
        self.launches.iter().map(|steps| steps.count).sum()
    }
}

impl KernelPlan {
    /// The plan of an episode whose rings lie in one of these kinds of memory.
    pub(crate) fn new(soak_seed: u64, episode: u64, memory: &[MemoryKind]) -> Self {
        let mut rings = Plan::new(soak_seed, episode, memory);
        let mut rng = Rng::with_seed(mix(rings.seed));
        let granularity = Granularity::random(&mut rng);
        if matches!(granularity, Granularity::Shards { .. }) {
            // All of them together stay small.
            rings.slots = rings.slots.min(1 << 12);
        }
        let sessions = (0..rng.u32(1..=4)).map(|_| Session::random(&mut rng, granularity, &rings)).collect();
        Self { rings, granularity, sessions }
    }

    /// One of its rings.
    pub(crate) fn ring(&self, rig: &Rig) -> Builder {
        self.rings.ring().gpu(&rig.gpu)
    }

    /// An episode with what it is.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.rings.count(&mut tally);
        bump(&mut tally.producers, self.granularity.name(), 1);
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_follows_from_seed_and_number_and_stays_small() {
        let memory = [MemoryKind::Managed, MemoryKind::Pinned];
        let mut tally = Tally::default();
        for episode in 0..2000 {
            let plan = KernelPlan::new(9, episode, &memory);
            assert_eq!(format!("{plan:?}"), format!("{:?}", KernelPlan::new(9, episode, &memory)));
            tally.add(&plan.tally());
            let rings = if let Granularity::Shards { rings, .. } = plan.granularity { rings } else { 1 };
            assert!(rings * plan.rings.slots * 256 <= 16 << 20, "{plan:?}");
            assert!(plan.granularity.senders() <= 256, "the kind names the sender");
            for session in &plan.sessions {
                let all = session.each() * plan.granularity.senders() as u64;
                assert!(all <= plan.granularity.most(&plan.rings), "{plan:?}");
                let alone = session.fault == Fault::None || session.launches.len() == 1;
                assert!(alone && session.launches.iter().all(|steps| steps.batch > 0), "{plan:?}");
            }
        }
        assert_eq!((tally.producers.len(), tally.memory.len(), tally.modes.len()), (10, 2, 2));
    }
}
