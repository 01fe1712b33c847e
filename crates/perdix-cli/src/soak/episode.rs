//! One ring between two threads: sessions with early ends and restarts, then a reckoning.

use std::thread;
use std::time::Instant;

use fastrand::Rng;
use perdix_host::{Buffer, Snapshot};

use super::checker::{Checker, Seen};
use super::plan::{Plan, Shape};
use super::receiver::{Left, Receiver};
use super::script::Script;
use super::sender::Sender;
use super::shards;
use super::tally::{Counts, Tally, bump};
use super::violation::Violation;
use crate::error::Error;

/// Runs the episode between threads.
pub(crate) fn run(plan: &Plan, ring: impl Fn() -> Result<Buffer, Error>) -> Result<Tally, Failed> {
    match plan.shape {
        Shape::One => one_ring(plan, ring()?),
        Shape::Apart { rings } | Shape::Shared { rings, .. } => {
            let rings: Result<Vec<_>, _> = (0..rings).map(|_| ring()).collect();
            shards::run(plan, rings?)
        }
    }
}

/// Why an episode did not pass.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    /// A promise was broken.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The machine did not let it run.
    #[error(transparent)]
    Error(#[from] Error),
}

/// Both sides of a ring, each with what it remembers from session to session.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

impl Pair {
    /// The sides of ring `index`.
    pub(crate) fn new(plan: &Plan, index: u64) -> Self {
        let script = Script::new(plan.seed_for(8 * index), plan.slots);
        let checker = Checker::new(script.clone());
        Self {
            sender: Sender::new(script, plan.seed_for(8 * index + 1), plan.sending),
            receiver: Receiver::new(checker, plan.seed_for(8 * index + 2), plan.receiving),
        }
    }

    /// One session between two threads: the sender sends up to `most` messages, the receiver takes `take` slots or reads to the
    /// end.
    fn session(
        &mut self,
        buffer: &mut Buffer,
        most: u64,
        take: u64,
        deadline: Instant,
    ) -> Result<(), Violation> {
        let (mut producer, mut consumer) = buffer.split_mut();
        let Self { sender, receiver } = self;
        let (sent, left) = thread::scope(|scope| {
            let sending = scope.spawn(move || {
                let stopped = sender.run(&mut producer, most, deadline);
                drop(producer);
                stopped
            });
            let left = receiver.run(&mut consumer, take);
            // A sender that waits for room learns that there will be none.
            drop(consumer);
            (sending.join(), left)
        });
        sent.map_err(|_| Violation::new("the sender panicked"))??;
        match left? {
            Left::AtEnd => self.receiver.checker.end(self.sender.id),
            Left::Early => Ok(()),
        }
    }

    /// Compares what both sides have seen with what the ring has counted, and adds it to the tally.
    pub(crate) fn settle(mut self, counters: &Snapshot, tally: &mut Tally) -> Result<(), Violation> {
        self.receiver.checker.end(self.sender.id)?;
        let seen = self.receiver.checker.seen;
        reckon(&seen, self.sender.sent.dropped, counters)?;
        tally.messages += seen.messages;
        tally.slots += seen.slots;
        tally.bytes += seen.bytes;
        tally.drops += seen.dropped;
        tally.gaps += seen.gaps;
        tally.full_waits += self.sender.sent.full_waits;
        merge(&mut tally.sent_by, &self.sender.sent.by);
        merge(&mut tally.taken_by, &self.receiver.by);
        merge(&mut tally.faults, &self.sender.sent.faults);
        merge(&mut tally.faults, &self.receiver.faults);
        Ok(())
    }
}

/// Whether the ring's counters say what both sides have seen.
pub(crate) fn reckon(seen: &Seen, dropped: u64, counters: &Snapshot) -> Result<(), Violation> {
    let Seen { slots, bytes, .. } = *seen;
    let counted = (counters.sent, counters.received, counters.sent_bytes, counters.received_bytes);
    let drops = (counters.dropped, seen.dropped);
    if counted != (slots, slots, bytes, bytes) || drops != (dropped, dropped) {
        return Err(Violation::new(format!(
            "{slots} slots with {bytes} bytes came and {dropped} messages were dropped ({} of them told), but the counters \
             say {counters:?}",
            seen.dropped
        )));
    }
    if counters.highest_fill > counters.capacity {
        return Err(Violation::new(format!("more slots occupied than there are: {counters:?}")));
    }
    Ok(())
}

/// Adds counts to others.
pub(crate) fn merge(to: &mut Counts, from: &Counts) {
    from.iter().for_each(|(name, count)| bump(to, name, *count));
}

fn one_ring(plan: &Plan, mut buffer: Buffer) -> Result<Tally, Failed> {
    let (tally, pair) = (Tally::default(), Pair::new(plan, 0));
    Ok(sessions(plan, &mut buffer, pair, tally)?)
}

fn sessions(plan: &Plan, buffer: &mut Buffer, mut pair: Pair, mut tally: Tally) -> Result<Tally, Violation> {
    let mut rng = Rng::with_seed(plan.seed_for(u64::MAX));
    let deadline = Instant::now() + plan.time;
    plan.count(&mut tally);
    bump(&mut tally.producers, "thread", 1);
    loop {
        let left = plan.messages.saturating_sub(pair.sender.id);
        if left == 0 || Instant::now() >= deadline {
            break;
        }
        // Often one session for all, else some that end early on one side or the other.
        let most = if rng.bool() { left } else { rng.u64(0..=left) };
        let take = if rng.u8(0..3) == 0 { rng.u64(0..3000) } else { u64::MAX };
        pair.session(buffer, most, take, deadline)?;
        tally.restarts += 1;
        let early = [("producer left early", most != left), ("consumer left early", take != u64::MAX)];
        early.into_iter().for_each(|(fault, injected)| bump(&mut tally.faults, fault, u64::from(injected)));
    }
    // What is still there comes out, and nothing else.
    pair.session(buffer, 0, u64::MAX, deadline)?;
    pair.settle(&buffer.counters().read(), &mut tally)?;
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use perdix_host::{MemoryKind, WaitStrategy};

    use super::super::flaw::Flaw;
    use super::super::pace::Pace;
    use super::super::script::Put;
    use super::*;

    fn plan(episode: u64) -> Plan {
        let plan = Plan::new(11, episode, &[MemoryKind::Heap]);
        Plan { messages: 3000, time: Duration::from_secs(1000), shape: Shape::One, ..plan }
    }

    /// The same without pauses.
    fn steady(episode: u64) -> Plan {
        let (sending, receiving, wait) = (Pace::Steady, Pace::Steady, WaitStrategy::Yield);
        Plan { sending, receiving, producer_wait: wait, consumer_wait: wait, ..plan(episode) }
    }

    fn with_flaw(plan: &Plan, flaw: Flaw) -> Result<Tally, Violation> {
        let mut buffer = plan.ring().build().unwrap();
        let mut pair = Pair::new(plan, 0);
        pair.sender.flaw = flaw;
        sessions(plan, &mut buffer, pair, Tally::default())
    }

    /// An identity that is sent by this call and has at least 8 bytes, as has the one behind it.
    fn id_sent_by(plan: &Plan, put: Put) -> Option<u64> {
        let mut script = Script::new(plan.seed_for(0), plan.slots);
        (10..2500).find(|id| {
            let span = *script.at(*id);
            span.put == put && span.len(*id) >= 8 && (put == Put::Large || id + 1 < span.end)
        })
    }

    #[test]
    fn sound_episodes_pass() {
        for episode in 0..6 {
            let tally = with_flaw(&plan(episode), Flaw::None).unwrap();
            assert_eq!(tally.messages + tally.drops, 3000);
        }
    }

    #[test]
    fn what_is_lost_repeated_swapped_or_changed_is_seen() {
        let mut seen = 0;
        for episode in 0..6 {
            for put in Put::ALL {
                // Whether a message was dropped is chance, and its flaw with it.
                let Some(id) = id_sent_by(&steady(episode), put).filter(|_| put != Put::OrDrop) else {
                    continue;
                };
                for flaw in [Flaw::Lose(id), Flaw::Repeat(id), Flaw::Swap(id), Flaw::Flip(id)] {
                    let violation = with_flaw(&steady(episode), flaw).unwrap_err().to_string();
                    assert!(violation.starts_with("message "), "{flaw:?}: {violation}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn a_message_missing_at_the_end_is_seen() {
        let plan = steady(1);
        let mut pair = Pair::new(&plan, 0);
        let mut buffer = plan.ring().build().unwrap();
        pair.session(&mut buffer, 100, u64::MAX, Instant::now() + plan.time).unwrap();
        pair.sender.id += 1;
        let violation = pair.settle(&buffer.counters().read(), &mut Tally::default()).unwrap_err();
        assert!(violation.to_string().contains("did not come"), "{violation}");
    }

    #[test]
    fn counters_that_disagree_are_seen() {
        let seen = Seen { messages: 3, slots: 4, bytes: 500, dropped: 2, gaps: 1 };
        let mut right = Snapshot::default();
        (right.capacity, right.highest_fill, right.dropped) = (8, 8, 2);
        (right.sent, right.received, right.sent_bytes, right.received_bytes) = (4, 4, 500, 500);
        assert_eq!(reckon(&seen, 2, &right), Ok(()));
        let changes: [fn(&mut Snapshot); 6] = [
            |counters| counters.sent += 1,
            |counters| counters.received -= 1,
            |counters| counters.sent_bytes += 1,
            |counters| counters.received_bytes += 1,
            |counters| counters.dropped += 1,
            |counters| counters.highest_fill = 9,
        ];
        for change in changes {
            let mut wrong = right;
            change(&mut wrong);
            assert!(reckon(&seen, 2, &wrong).is_err(), "{wrong:?}");
        }
        assert!(reckon(&seen, 3, &right).is_err(), "a drop that nobody told of");
    }
}
