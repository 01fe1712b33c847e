//! The configuration of one episode.

use std::num::NonZeroUsize;
use std::time::Duration;

use fastrand::Rng;
use perdix_host::{Buffer, Builder, MemoryKind, Mode, WaitStrategy};

use super::pace::Pace;
use super::script::mix;
use super::tally::{Tally, bump};
use crate::args::mode_name;

/// How an episode goes: everything but the timing follows from the soak's seed and the episode's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Of the scripts, and of what both sides choose on the way.
    pub(crate) seed: u64,
    pub(crate) slots: usize,
    pub(crate) mode: Mode,
    pub(crate) memory: MemoryKind,
    /// The number of the first message.
    pub(crate) start: u64,
    pub(crate) producer_wait: WaitStrategy,
    pub(crate) consumer_wait: WaitStrategy,
    pub(crate) release_every: Option<usize>,
    pub(crate) sending: Pace,
    pub(crate) receiving: Pace,
    pub(crate) shape: Shape,
    /// Messages of each ring, at most.
    pub(crate) messages: u64,
    /// After this time no more messages are sent.
    pub(crate) time: Duration,
}

/// How many rings, and who reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One ring.
    One,
    /// Several rings, a thread for each consumer.
    Apart { rings: usize },
    /// Several rings, dealt out to so many threads.
    Shared { rings: usize, threads: NonZeroUsize },
}

impl Plan {
    /// The plan of an episode whose rings lie in one of these kinds of memory.
    pub(crate) fn new(soak_seed: u64, episode: u64, memory: &[MemoryKind]) -> Self {
        let mut rng = Rng::with_seed(mix(soak_seed ^ mix(episode)));
        let shape = match rng.u8(0..8) {
            0 => Shape::Apart { rings: rng.usize(1..=6) },
            1 => {
                let threads = NonZeroUsize::MIN.saturating_add(rng.usize(0..3));
                Shape::Shared { rings: rng.usize(1..=8), threads }
            }
            _ => Shape::One,
        };
        let largest = if shape == Shape::One { 16 } else { 10 };
        let slots = 1 << exponent(&mut rng).min(largest);
        Self {
            seed: rng.u64(..),
            slots,
            mode: if rng.bool() { Mode::Fenced } else { Mode::FenceFree },
            memory: rng.choice(memory).copied().unwrap_or(MemoryKind::Heap),
            start: start(&mut rng),
            producer_wait: wait(&mut rng),
            consumer_wait: wait(&mut rng),
            release_every: rng.bool().then(|| rng.usize(1..=slots)),
            sending: Pace::random(&mut rng),
            receiving: Pace::random(&mut rng),
            shape,
            messages: if rng.bool() { rng.u64(0..5000) } else { rng.u64(0..500_000) },
            time: Duration::from_millis(rng.u64(20..500)),
        }
    }

    /// One of its rings, but for the GPU that is to reach it.
    pub(crate) fn ring(&self) -> Builder {
        let builder = Buffer::builder().slots(self.slots).mode(self.mode).memory(self.memory);
        let builder = builder.producer_wait(self.producer_wait).consumer_wait(self.consumer_wait);
        let builder = builder.first_message(self.start);
        self.release_every.map_or(builder.clone(), |messages| builder.release_every(messages))
    }

    /// An independent seed for each purpose.
    pub(crate) fn seed_for(&self, purpose: u64) -> u64 {
        mix(self.seed ^ mix(purpose))
    }

    /// Counts the episode with what it is, but for who produces.
    pub(crate) fn count(&self, tally: &mut Tally) {
        tally.episodes += 1;
        bump(&mut tally.modes, mode_name(self.mode), 1);
        bump(&mut tally.capacities, class(self.slots), 1);
        bump(&mut tally.memory, memory_name(self.memory), 1);
        bump(&mut tally.starts, start_name(self.start), 1);
        let waits = [("producer", self.producer_wait), ("consumer", self.consumer_wait)];
        for (side, wait) in waits {
            bump(&mut tally.rhythms, wait_name(side, wait), 1);
        }
        bump(&mut tally.rhythms, self.sending.name("sender"), 1);
        bump(&mut tally.rhythms, self.receiving.name("receiver"), 1);
    }
}

/// Small rings often: there the edges are.
pub(crate) fn exponent(rng: &mut Rng) -> u32 {
    match rng.u8(0..10) {
        0..5 => rng.u32(0..=4),
        5..8 => rng.u32(5..=10),
        _ => rng.u32(11..=16),
    }
}

/// First numbers at which 63 and 64 bits wrap on the way, and others.
pub(crate) fn start(rng: &mut Rng) -> u64 {
    match rng.u8(0..8) {
        0..4 => 0,
        4 => (u64::MAX / 2).wrapping_sub(rng.u64(0..2000)),
        5 => u64::MAX - rng.u64(0..2000),
        6 => rng.u64(..),
        _ => rng.u64(0..1 << 33),
    }
}

fn wait(rng: &mut Rng) -> WaitStrategy {
    match rng.u8(0..5) {
        0 => WaitStrategy::Spin,
        1 | 2 => WaitStrategy::Yield,
        _ => WaitStrategy::Backoff,
    }
}

fn class(slots: usize) -> &'static str {
    match slots {
        1 => "1",
        2..=16 => "2 to 16",
        17..=1024 => "32 to 1024",
        _ => "2048 to 65536",
    }
}

fn memory_name(memory: MemoryKind) -> &'static str {
    match memory {
        MemoryKind::Heap => "heap",
        MemoryKind::Managed => "managed",
        MemoryKind::Pinned => "pinned",
        _ => "other",
    }
}

fn start_name(start: u64) -> &'static str {
    const NEAR: u64 = 1 << 12;
    match start {
        0 => "0",
        _ if start > u64::MAX - NEAR => "near 2^64",
        _ if start.abs_diff(1 << 63) < NEAR => "near 2^63",
        _ => "elsewhere",
    }
}

fn wait_name(side: &str, wait: WaitStrategy) -> &'static str {
    match (side, wait) {
        ("producer", WaitStrategy::Spin) => "producer spins",
        ("producer", WaitStrategy::Yield) => "producer yields",
        ("producer", WaitStrategy::Backoff) => "producer backs off",
        (_, WaitStrategy::Spin) => "consumer spins",
        (_, WaitStrategy::Yield) => "consumer yields",
        (_, WaitStrategy::Backoff) => "consumer backs off",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_follows_from_seed_and_number() {
        let memory = [MemoryKind::Heap];
        assert_eq!(Plan::new(1, 2, &memory), Plan::new(1, 2, &memory));
        assert_ne!(Plan::new(1, 2, &memory), Plan::new(1, 3, &memory));
        assert_ne!(Plan::new(1, 2, &memory), Plan::new(2, 2, &memory));
    }

    #[test]
    fn all_sorts_of_plans_come() {
        let mut tally = Tally::default();
        let memory = [MemoryKind::Heap, MemoryKind::Pinned];
        for episode in 0..1000 {
            let plan = Plan::new(7, episode, &memory);
            assert!(plan.slots.is_power_of_two() && plan.slots <= 1 << 16);
            plan.count(&mut tally);
        }
        assert_eq!(tally.episodes, 1000);
        let kinds = |counts: &super::super::tally::Counts| counts.len();
        assert_eq!((kinds(&tally.modes), kinds(&tally.capacities), kinds(&tally.memory)), (2, 4, 2));
        assert_eq!((kinds(&tally.starts), kinds(&tally.rhythms)), (4, 14));
    }
}
