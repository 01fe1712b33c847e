//! Episodes of a soak whose producers are kernels.

mod checker;
mod drops;
mod plan;
mod reader;
mod records;
mod ring;
mod shards;

use std::time::{Duration, Instant};

use perdix_host::MemoryKind;
use perdix_host::cuda::Launch;
use perdix_kernels::soak::{SoakMessages, SoakSteps};

use super::rig::Rig;
use crate::error::Error;
use crate::producer::DeviceChoice;
use crate::soak::{Failed, Plan, Stage, Tally, Violation, run_threads};
use plan::{Granularity, KernelPlan};

/// How long a kernel may take, by far.
const PATIENCE: Duration = Duration::from_secs(30);

/// Rings in memory that a device reaches: most are filled by kernels, some by threads.
#[derive(Debug)]
pub(crate) struct SoakStage {
    rig: Rig,
    memory: Vec<MemoryKind>,
    seed: u64,
}

/// The configuration of an episode.
#[derive(Debug)]
pub(crate) enum AnyPlan {
    /// Threads produce.
    Threads(Plan),
    /// Kernels do.
    Kernels(KernelPlan),
}

impl SoakStage {
    /// Episodes on a device, in all kinds of memory that it has unless one is asked for.
    pub(crate) fn open(choice: DeviceChoice, seed: u64) -> Result<Self, Error> {
        let rig = Rig::open(choice)?;
        let memory = match choice.memory {
            Some(kind) => vec![kind],
            None if rig.gpu.concurrent_managed_access()? => vec![MemoryKind::Managed, MemoryKind::Pinned],
            None => vec![MemoryKind::Pinned],
        };
        Ok(Self { rig, memory, seed })
    }
}

impl Stage for SoakStage {
    type Plan = AnyPlan;

    fn plan(&self, number: u64) -> AnyPlan {
        if number % 5 == 4 {
            let memory = [&self.memory[..], &[MemoryKind::Heap]].concat();
            AnyPlan::Threads(Plan::new(self.seed, number, &memory))
        } else {
            AnyPlan::Kernels(KernelPlan::new(self.seed, number, &self.memory))
        }
    }

    fn run(&self, plan: &AnyPlan) -> Result<Tally, Failed> {
        match plan {
            AnyPlan::Threads(plan) => run_threads(plan, || Ok(plan.ring().gpu(&self.rig.gpu).build()?)),
            AnyPlan::Kernels(plan) => match plan.granularity {
                Granularity::Shards { .. } => shards::run(&self.rig, plan),
                Granularity::Records { .. } => records::run(&self.rig, plan),
                Granularity::DropThread | Granularity::DropWarp | Granularity::DropBlock { .. } => {
                    drops::run(&self.rig, plan)
                }
                _ => ring::run(&self.rig, plan),
            },
        }
    }
}

/// Starts a launch with the messages of a soak behind its rings.
fn start(launch: Launch<'_>, messages: SoakMessages, steps: SoakSteps) -> Result<(), Failed> {
    let launch = launch.arg(messages).arg(steps);
    // SAFETY: with the rings before them these are the parameters of all `soak_*` kernels; each is launched as it asks, and nothing
    // else runs on its rings.
    unsafe { launch.start() }.map_err(|error| Failed::Error(error.into()))
}

/// Waits until something has ended; a violation if it does not.
fn wait_until(what: &str, mut ended: impl FnMut() -> Result<bool, Failed>) -> Result<(), Failed> {
    let begun = Instant::now();
    while !ended()? {
        if begun.elapsed() > PATIENCE {
            return Err(Violation::new(format!("{what} still runs after {PATIENCE:?}")).into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}
