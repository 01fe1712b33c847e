//! A grid on several rings, read by one thread or more.

use std::thread;
use std::time::Duration;

use fastrand::Rng;
use perdix_host::{ShardError, ShardedConsumer, Shards, Wait};

use super::super::rig::Rig;
use super::checker::{KernelChecker, all_came};
use super::plan::{Fault, Granularity, KernelPlan, Session};
use super::{start, wait_until};
use crate::error::Error;
use crate::soak::{Counts, Failed, Plan, Rhythm, Tally, Violation, bump, merge};

/// Runs the episode.
pub(crate) fn run(rig: &Rig, plan: &KernelPlan) -> Result<Tally, Failed> {
    let mut tally = plan.tally();
    let Granularity::Shards { rings, .. } = plan.granularity else { return Ok(tally) };
    let mut shards = Shards::builder(rings).ring(plan.ring(rig)).build().map_err(Error::from)?;
    for session in &plan.sessions {
        run_session(rig, plan, &mut shards, session, &mut tally)?;
        tally.restarts += 1;
        if matches!(session.fault, Fault::Leaves { .. }) {
            // What was left in the rings belongs to no session.
            let new = Shards::builder(rings).ring(plan.ring(rig)).build();
            shards = new.map_err(Error::from)?;
        }
    }
    Ok(tally)
}

fn run_session(
    rig: &Rig,
    plan: &KernelPlan,
    shards: &mut Shards,
    session: &Session,
    tally: &mut Tally,
) -> Result<(), Failed> {
    let Granularity::Shards { threads, .. } = plan.granularity else { return Ok(()) };
    let (device, consumers) = shards.split_gpu().map_err(Error::from)?;
    let (blocks, block) = plan.granularity.launch();
    let Some(mut steps) = session.launches.last().copied() else { return Ok(()) };
    (steps.first, steps.end) = (0, perdix_kernels::soak::SoakEnd::Finishes as u64);
    let launch = rig.launch("soak_shards").map_err(Error::from)?.grid(blocks).block(block);
    start(launch.arg(&device), session.messages, steps)?;
    // Consumers that leave a running kernel leave together, so one has all of them.
    let (until, consumer) = match session.fault {
        Fault::Leaves { after } => (after, vec![ShardedConsumer::new(consumers)]),
        _ => (u64::MAX, ShardedConsumer::new(consumers).into_parts(threads)),
    };
    let readers: Vec<_> = consumer
        .into_iter()
        .zip(0..)
        .map(|(consumer, part)| Reader::new(&plan.rings, part, session, plan.granularity.senders(), consumer))
        .collect();
    let read = thread::scope(|scope| {
        let threads: Vec<_> =
            readers.into_iter().map(|reader| scope.spawn(move || reader.run(until))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<Read, Violation>>| {
            thread.join().unwrap_or_else(|_| Err(Violation::new("a receiver panicked")))
        };
        // All are waited for before the first one's failure is told.
        let outcomes: Vec<_> = threads.into_iter().map(join).collect();
        outcomes.into_iter().collect::<Result<Vec<Read>, Violation>>()
    })?;
    wait_until("the kernel", || Ok(!device.is_running().map_err(Error::from)?))?;
    let mut sums = vec![0; plan.granularity.senders()];
    for part in &read {
        sums.iter_mut().zip(&part.counts).for_each(|(sum, count)| *sum += count);
        tally.messages += part.slots;
        tally.slots += part.slots;
        tally.bytes += part.bytes;
        merge(&mut tally.taken_by, &part.by);
    }
    bump(&mut tally.sent_by, plan.granularity.name(), read.iter().map(|part| part.slots).sum());
    if read.iter().all(|part| part.ended) {
        return Ok(all_came(&sums, steps.count)?);
    }
    bump(&mut tally.faults, "consumer left a running kernel", 1);
    Ok(())
}

/// What one thread has read.
struct Read {
    counts: Vec<u64>,
    slots: u64,
    bytes: u64,
    ended: bool,
    by: Counts,
}

/// Reads some of the rings. A sender's messages all go to one ring, so one checker follows them all.
struct Reader<'c> {
    consumer: ShardedConsumer<'c>,
    checker: KernelChecker,
    rng: Rng,
    rhythm: Rhythm,
    by: Counts,
}

impl<'c> Reader<'c> {
    fn new(plan: &Plan, part: u64, session: &Session, senders: usize, consumer: ShardedConsumer<'c>) -> Self {
        Self {
            consumer,
            checker: KernelChecker::new(session.messages, senders),
            rng: Rng::with_seed(plan.seed_for(200 + part)),
            rhythm: Rhythm::new(plan.receiving),
            by: Counts::new(),
        }
    }

    fn run(mut self, until: u64) -> Result<Read, Violation> {
        let mut ended = false;
        while !ended && self.checker.slots < until {
            let before = self.checker.slots;
            let (name, outcome) = self.take()?;
            let moved = self.checker.slots - before;
            bump(&mut self.by, name, moved);
            self.rhythm.moved(moved, &mut self.rng);
            match outcome {
                Ok(()) | Err(ShardError::TimedOut { .. }) => {}
                Err(ShardError::Empty) => thread::yield_now(),
                Err(ShardError::EndOfStream) => ended = true,
                Err(other) => return Err(Violation::unexpected(name, &other)),
            }
        }
        let Self { checker, by, .. } = self;
        Ok(Read { counts: checker.counts().to_vec(), slots: checker.slots, bytes: checker.bytes, ended, by })
    }

    fn take(&mut self) -> Result<(&'static str, Result<(), ShardError>), Violation> {
        let (most, limit) = (self.rng.usize(1..200), Duration::from_micros(self.rng.u64(0..2000)));
        let Self { consumer, checker, .. } = self;
        let (name, batch) = match self.rng.u8(0..5) {
            0 => match consumer.consume() {
                Ok((_, message)) => {
                    checker.slot(message.kind(), message.has_more(), &message)?;
                    return Ok(("sharded consume", Ok(())));
                }
                Err(error) => return Ok(("sharded consume", Err(error))),
            },
            1 => {
                let mut wrong = Ok(());
                let end = consumer.drain(|_, message| {
                    if wrong.is_ok() {
                        wrong = checker.slot(message.kind(), message.has_more(), &message);
                    }
                });
                return wrong.map(|()| ("sharded drain", end.map(drop)));
            }
            2 => ("sharded batch now", consumer.batch(most, Wait::No)),
            3 => ("sharded batch", consumer.batch(most, Wait::Forever)),
            _ => ("sharded batch with a limit", consumer.batch(most, limit)),
        };
        match batch {
            Ok((_, batch)) => {
                for message in batch.iter() {
                    checker.slot(message.kind(), message.has_more(), &message)?;
                }
            }
            Err(error) => return Ok((name, Err(error))),
        }
        Ok((name, Ok(())))
    }
}
