//! The receiving side of a ring that a kernel fills.

use std::mem;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use perdix_host::{ConsumeError, Consumer, Wait};

use super::checker::KernelChecker;
use crate::soak::{Counts, Plan, Rhythm, Violation, bump};

/// Takes messages by all calls that suit any message, and checks each.
#[derive(Debug)]
pub(crate) struct Reader {
    rng: Rng,
    rhythm: Rhythm,
    pub(crate) by: Counts,
    pub(crate) faults: Counts,
}

/// Why a reader stopped.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// It has taken as many slots as it was to take.
    Early,
    /// There will be no more, for this reason.
    AtEnd(ConsumeError),
}

impl Reader {
    pub(crate) fn new(plan: &Plan) -> Self {
        let (rng, rhythm) = (Rng::with_seed(plan.seed_for(2)), Rhythm::new(plan.receiving));
        Self { rng, rhythm, by: Counts::new(), faults: Counts::new() }
    }

    /// Takes slots until the checker has seen `until` of them or a few more, or reads to the end.
    pub(crate) fn run(
        &mut self,
        consumer: &mut Consumer<'_>,
        checker: &mut KernelChecker,
        until: u64,
    ) -> Result<Stopped, Violation> {
        while checker.slots < until {
            let call = self.rng.u8(0..6);
            for _ in 0..self.rng.u32(1..40) {
                let before = checker.slots;
                let (name, outcome) = self.take(consumer, checker, call)?;
                bump(&mut self.by, name, checker.slots - before);
                self.rhythm.moved(checker.slots - before, &mut self.rng);
                match outcome {
                    Ok(()) if checker.slots >= until => return Ok(Stopped::Early),
                    Ok(()) | Err(ConsumeError::TimedOut { .. }) => {}
                    Err(ConsumeError::Empty) => thread::yield_now(),
                    Err(end) => return Ok(Stopped::AtEnd(end)),
                }
            }
        }
        Ok(Stopped::Early)
    }

    /// One call: its name, and what it said.
    fn take(
        &mut self,
        consumer: &mut Consumer<'_>,
        checker: &mut KernelChecker,
        call: u8,
    ) -> Result<(&'static str, Result<(), ConsumeError>), Violation> {
        let (most, limit) = (self.rng.usize(1..200), Duration::from_micros(self.rng.u64(0..2000)));
        let forgets = self.rng.u8(0..64) == 0;
        let (name, message) = match call {
            0 => ("try_next", consumer.try_next()),
            1 => ("consume", consumer.consume()),
            2 => ("next", consumer.next(limit)),
            _ => return self.take_many(consumer, checker, call, most, limit),
        };
        match message {
            Ok(message) => {
                checker.slot(message.kind(), message.has_more(), &message)?;
                if forgets {
                    bump(&mut self.faults, "message forgotten", 1);
                    mem::forget(message);
                }
                Ok((name, Ok(())))
            }
            Err(error) => Ok((name, Err(error))),
        }
    }

    fn take_many(
        &mut self,
        consumer: &mut Consumer<'_>,
        checker: &mut KernelChecker,
        call: u8,
        most: usize,
        limit: Duration,
    ) -> Result<(&'static str, Result<(), ConsumeError>), Violation> {
        let (name, batch) = match call {
            3 => ("batch", consumer.batch(most, Wait::Forever)),
            4 => ("batch with a limit", consumer.batch(most, limit)),
            _ => {
                let mut wrong = Ok(());
                let count = consumer.drain(|message| {
                    if wrong.is_ok() {
                        wrong = checker.slot(message.kind(), message.has_more(), &message);
                    }
                });
                wrong?;
                return Ok(("drain", count.map(drop)));
            }
        };
        match batch {
            Ok(batch) => {
                for message in batch.iter() {
                    checker.slot(message.kind(), message.has_more(), &message)?;
                }
                if self.rng.u8(0..64) == 0 {
                    bump(&mut self.faults, "message batch forgotten", 1);
                    mem::forget(batch);
                }
                Ok((name, Ok(())))
            }
            Err(error) => Ok((name, Err(error))),
        }
    }
}
