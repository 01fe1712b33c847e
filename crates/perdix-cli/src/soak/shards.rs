//! Several rings at once: a sending thread for each, and one or more receiving threads.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use perdix_host::{Buffer, ConsumeError, Consumer, Message, MessageBatch, ShardError, ShardedConsumer, Wait};

use super::checker::Checker;
use super::episode::{Failed, Pair, merge};
use super::pace::{Pace, Rhythm};
use super::plan::{Plan, Shape};
use super::receiver::Left;
use super::sender::Sender;
use super::tally::{Counts, Tally, bump};
use super::violation::Violation;

/// Runs the episode on these rings.
pub(crate) fn run(plan: &Plan, mut rings: Vec<Buffer>) -> Result<Tally, Failed> {
    let mut rng = Rng::with_seed(plan.seed_for(u64::MAX));
    let mut tally = Tally::default();
    plan.count(&mut tally);
    let threads = match plan.shape {
        Shape::Shared { .. } => "threads, sharded consumer",
        _ => "threads, a consumer each",
    };
    bump(&mut tally.producers, threads, 1);
    let mut pairs: Vec<Pair> = (0..).map(|index| Pair::new(plan, index)).take(rings.len()).collect();
    let deadline = Instant::now() + plan.time;
    // Now and then all receivers leave early and come back.
    let takes = if rng.bool() { vec![u64::MAX] } else { vec![rng.u64(0..3000), u64::MAX] };
    for take in takes {
        let mut most =
            |pair: &Pair| plan.messages.saturating_sub(pair.sender.id).min(rng.u64(0..=plan.messages));
        let quotas: Vec<u64> = pairs.iter().map(&mut most).collect();
        session(plan, &mut rings, &mut pairs, &quotas, take, deadline, &mut tally)?;
        if take != u64::MAX {
            tally.restarts += 1;
            bump(&mut tally.faults, "consumer left early", 1);
        }
    }
    let counters: Vec<_> = rings.iter().map(|ring| ring.counters().read()).collect();
    for (index, (pair, counters)) in pairs.into_iter().zip(&counters).enumerate() {
        pair.settle(counters, &mut tally).map_err(|violation| violation.of_ring(index))?;
    }
    Ok(tally)
}

fn session(
    plan: &Plan,
    rings: &mut [Buffer],
    pairs: &mut [Pair],
    quotas: &[u64],
    take: u64,
    deadline: Instant,
    tally: &mut Tally,
) -> Result<(), Violation> {
    let (producers, consumers): (Vec<_>, Vec<Consumer<'_>>) = rings.iter_mut().map(Buffer::split_mut).unzip();
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    for Pair { sender, receiver } in pairs.iter_mut() {
        senders.push(sender);
        receivers.push(receiver);
    }
    thread::scope(|scope| {
        let sending: Vec<_> = senders
            .into_iter()
            .zip(producers)
            .zip(quotas)
            .map(|((sender, mut producer), most): ((&mut Sender, _), _)| {
                scope.spawn(move || sender.run(&mut producer, *most, deadline).map(|_| ()))
            })
            .collect();
        let mut receiving = Vec::new();
        if let Shape::Shared { threads, .. } = plan.shape {
            let count = threads.get().min(receivers.len());
            let mut checkers: Vec<BTreeMap<usize, &mut Checker>> =
                (0..count).map(|_| BTreeMap::new()).collect();
            for (index, receiver) in receivers.into_iter().enumerate() {
                if let Some(part) = checkers.get_mut(index % count) {
                    part.insert(index, &mut receiver.checker);
                }
            }
            let parts = ShardedConsumer::new(consumers).with_wait(plan.consumer_wait).into_parts(threads);
            for ((consumer, checkers), part) in parts.into_iter().zip(checkers).zip(0..) {
                let reader = Reader::new(checkers, plan.seed_for(1000 + part), plan.receiving);
                receiving.push(scope.spawn(move || reader.run(consumer, take)));
            }
        } else {
            for (receiver, mut consumer) in receivers.into_iter().zip(consumers) {
                receiving.push(scope.spawn(move || receiver.run(&mut consumer, take).map(|_| Counts::new())));
            }
        }
        let mut outcome = Ok(());
        for side in sending {
            outcome = outcome.and(side.join().unwrap_or_else(|_| Err(Violation::new("a sender panicked"))));
        }
        for side in receiving {
            let left = side.join().unwrap_or_else(|_| Err(Violation::new("a receiver panicked")));
            outcome = outcome.and(left.map(|by| merge(&mut tally.taken_by, &by)));
        }
        outcome
    })
}

/// Reads several rings through one sharded consumer.
struct Reader<'c> {
    checkers: BTreeMap<usize, &'c mut Checker>,
    rng: Rng,
    rhythm: Rhythm,
    by: Counts,
}

impl<'c> Reader<'c> {
    fn new(checkers: BTreeMap<usize, &'c mut Checker>, seed: u64, pace: Pace) -> Self {
        Self { checkers, rng: Rng::with_seed(seed), rhythm: Rhythm::new(pace), by: Counts::new() }
    }

    /// Takes `most` slots or a few more, or reads to the end of all rings; returns the calls that took them.
    fn run(mut self, mut consumer: ShardedConsumer<'_>, most: u64) -> Result<Counts, Violation> {
        let mut taken = 0_u64;
        while taken < most && self.step(&mut consumer, &mut taken)? == Left::Early {}
        Ok(self.by)
    }

    fn step(&mut self, consumer: &mut ShardedConsumer<'_>, taken: &mut u64) -> Result<Left, Violation> {
        let (limit, most) = (Duration::from_micros(self.rng.u64(0..2000)), self.rng.usize(1..100));
        let (name, outcome) = match self.rng.u8(0..7) {
            0 => ("sharded try_next", consumer.try_next().map(Found::One)),
            1 => ("sharded consume", consumer.consume().map(Found::One)),
            2 => ("sharded next", consumer.next(limit).map(Found::One)),
            3 => ("sharded batch now", consumer.batch(most, Wait::No).map(Found::Many)),
            4 => ("sharded batch", consumer.batch(most, Wait::Forever).map(Found::Many)),
            5 => ("sharded batch with a limit", consumer.batch(most, limit).map(Found::Many)),
            _ => {
                let (mut wrong, mut count) = (Ok(()), 0);
                let end = consumer.drain(|ring, message| {
                    count += 1;
                    if wrong.is_ok() {
                        wrong = self.check(ring, message.kind(), message.has_more(), &message);
                    }
                });
                wrong?;
                if let Err(error) = end {
                    return self.moved_until(error, "sharded drain", count, taken);
                }
                return self.moved("sharded drain", count, taken);
            }
        };
        let count = match outcome {
            Ok(found) => self.check_all(found)?,
            Err(error) => return self.moved_until(error, name, 0, taken),
        };
        self.moved(name, count, taken)
    }

    /// A call took so many messages and then stopped.
    fn moved_until(
        &mut self,
        error: ShardError,
        name: &'static str,
        count: u64,
        taken: &mut u64,
    ) -> Result<Left, Violation> {
        let left = self.moved(name, count, taken)?;
        match error {
            ShardError::EndOfStream => return Ok(Left::AtEnd),
            ShardError::TimedOut { .. } => {}
            ShardError::Empty => thread::yield_now(),
            ShardError::Ring { ring, source: ConsumeError::Gap { dropped, .. } } => {
                self.checker(ring)?.gap(dropped).map_err(|violation| violation.of_ring(ring))?;
            }
            other => return Err(Violation::unexpected(name, &other)),
        }
        Ok(left)
    }

    fn moved(&mut self, name: &'static str, count: u64, taken: &mut u64) -> Result<Left, Violation> {
        *taken += count;
        bump(&mut self.by, name, count);
        self.rhythm.moved(count, &mut self.rng);
        Ok(Left::Early)
    }

    fn check_all(&mut self, found: Found<'_>) -> Result<u64, Violation> {
        match found {
            Found::One((ring, message)) => {
                self.check(ring, message.kind(), message.has_more(), &message)?;
                Ok(1)
            }
            Found::Many((ring, batch)) => {
                for message in batch.iter() {
                    self.check(ring, message.kind(), message.has_more(), &message)?;
                }
                Ok(batch.len() as u64)
            }
        }
    }

    fn check(&mut self, ring: usize, kind: u16, has_more: bool, bytes: &[u8]) -> Result<(), Violation> {
        self.checker(ring)?.slot(kind, has_more, bytes).map_err(|violation| violation.of_ring(ring))
    }

    fn checker(&mut self, ring: usize) -> Result<&mut Checker, Violation> {
        let stranger = || Violation::new(format!("a message of ring {ring}, which another thread reads"));
        self.checkers.get_mut(&ring).map(|checker| &mut **checker).ok_or_else(stranger)
    }
}

/// What a call took.
enum Found<'m> {
    One((usize, Message<'m>)),
    Many((usize, MessageBatch<'m>)),
}
