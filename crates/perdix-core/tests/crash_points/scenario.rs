//! What the two sides do before one of them is stopped.

use perdix_core::{Config, Mode};

use crate::common::MODES;
use crate::crash_word::{take_log, with_stores};
use crate::rig::Rig;
use crate::rig::Step::{self, *};

/// Which side is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Producer,
    Consumer,
}

/// Steps of both sides, on a ring of so many slots.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) capacity: u64,
    pub(crate) steps: &'static [Step],
    /// Whether it is for fence-free rings only.
    pub(crate) fence_free_only: bool,
    /// Whether messages are dropped. How many a consumer was told of is nothing that its successor
    /// knows.
    pub(crate) drops: bool,
}

pub(crate) const SCENARIOS: [Scenario; 11] = [
    Scenario {
        name: "push and in place",
        capacity: 4,
        steps: &[Push(240), Push(0), InPlace(24), Take(2), Push(1), InPlace(240), Push(17)],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "staged batches",
        capacity: 4,
        steps: &[Batch(&[240, 0, 9]), Take(3), Batch(&[8, 240, 16, 5]), Take(1), Batch(&[100])],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "given up, then others",
        capacity: 2,
        steps: &[
            GiveUp(&[240, 240]),
            Push(10),
            GiveUp(&[200]),
            Batch(&[30]),
            Take(2),
            GiveUp(&[9]),
            Pairs(16),
        ],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "pairs",
        capacity: 2,
        steps: &[Pairs(240), Pairs(0), Take(1), Pairs(31), Take(2), Pairs(16), Pairs(240)],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "no fence",
        capacity: 2,
        steps: &[Unordered(240), Unordered(0), Take(2), Unordered(8), Take(1), Unordered(239), Unordered(64)],
        fence_free_only: true,
        drops: false,
    },
    Scenario {
        name: "drops and gaps",
        capacity: 2,
        steps: &[
            OrDrop(8),
            OrDrop(8),
            OrDrop(8),
            OrDrop(8),
            Take(1),
            OrDrop(8),
            Take(1),
            OrDrop(8),
            OrDrop(9),
            Take(2),
            Push(240),
            OrDrop(3),
        ],
        fence_free_only: false,
        drops: true,
    },
    Scenario {
        name: "drops in one slot",
        capacity: 1,
        steps: &[OrDrop(8), OrDrop(8), Take(1), OrDrop(8), OrDrop(8), Take(1), Push(3), OrDrop(1)],
        fence_free_only: false,
        drops: true,
    },
    Scenario {
        name: "messages held, then handed back together",
        capacity: 8,
        steps: &[Batch(&[240, 0, 9, 33, 240]), Hold(3), Push(7), Take(1), Hold(1), Push(240), Take(9)],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "a consumer that leaves and comes back",
        capacity: 4,
        steps: &[Push(64), Push(240), Hold(1), Leave, Rejoin, Take(1), Push(9), Leave],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "the end",
        capacity: 4,
        steps: &[Push(3), Push(240), Take(1), OrDrop(9), Finish],
        fence_free_only: false,
        drops: false,
    },
    Scenario {
        name: "the end of a failure, and a drop unreported",
        capacity: 1,
        steps: &[Push(240), OrDrop(9), OrDrop(9), Fail],
        fence_free_only: false,
        drops: true,
    },
];

/// Slots per lap ahead of a scenario, so that it meets used slots and wrapping numbers.
pub(crate) fn configs(scenario: &Scenario) -> Vec<Config> {
    let modes = MODES.into_iter().filter(|mode| !scenario.fence_free_only || *mode == Mode::FenceFree);
    let starts = [0, u64::MAX - 2, (1 << 63) - 2];
    modes.flat_map(|mode| starts.map(|start| Config { capacity: scenario.capacity, mode, start })).collect()
}

/// Runs a scenario on a fresh rig whose `side` may make `stores` stores; the rig, and whether it
/// came to the end.
pub(crate) fn run(
    scenario: &Scenario,
    config: Config,
    side: Side,
    from_core: bool,
    stores: u64,
) -> (Rig, bool) {
    let mut rig = Rig::new(config, from_core);
    // A lap of long messages, so that slots are not fresh.
    for _ in 0..config.capacity {
        rig.step(Push(240));
        rig.drain();
    }
    rig.came.clear();
    take_log();
    let mut left = stores;
    for step in scenario.steps {
        let counted = step.is_consumers() == (side == Side::Consumer);
        if !counted {
            rig.step(*step);
        } else if !with_stores(&mut left, || rig.step(*step)) {
            return (rig, false);
        }
    }
    (rig, true)
}
