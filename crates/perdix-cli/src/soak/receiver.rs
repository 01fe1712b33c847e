//! The receiving side of an episode: takes messages by all calls that a consumer has, and checks each.

use std::mem;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use perdix_host::{
    ConsumeError, ConsumeRecordsError, Consumer, Large, Message, MessageBatch, RecordBatch, Wait,
};

use super::checker::Checker;
use super::pace::{Pace, Rhythm};
use super::tally::{Counts, bump};
use super::violation::Violation;

/// Follows a stream, and remembers how far it came.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) checker: Checker,
    rng: Rng,
    rhythm: Rhythm,
    buffer: Vec<u8>,
    pub(crate) by: Counts,
    pub(crate) faults: Counts,
}

/// Why a receiver stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has taken as many slots as it was to take.
    Early,
    /// The stream has ended.
    AtEnd,
}

/// How messages come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Take {
    Try,
    TryNext,
    Consume,
    Next,
    TryBatch,
    Batch,
    BatchTimeout,
    Drain,
    Iterator,
    Large,
    TryLarge,
    Records,
    TryRecords,
}

impl Take {
    const ALL: [Self; 13] = [
        Self::Try,
        Self::TryNext,
        Self::Consume,
        Self::Next,
        Self::TryBatch,
        Self::Batch,
        Self::BatchTimeout,
        Self::Drain,
        Self::Iterator,
        Self::Large,
        Self::TryLarge,
        Self::Records,
        Self::TryRecords,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Try => "try_consume",
            Self::Consume => "consume",
            Self::TryNext => "try_next",
            Self::Next => "next",
            Self::TryBatch => "batch now",
            Self::Batch => "batch",
            Self::BatchTimeout => "batch with a limit",
            Self::Drain => "drain",
            Self::Iterator => "messages",
            Self::Large => "large",
            Self::TryLarge => "large now",
            Self::Records => "records",
            Self::TryRecords => "records now",
        }
    }
}

impl Receiver {
    pub(crate) fn new(checker: Checker, seed: u64, pace: Pace) -> Self {
        Self {
            checker,
            rng: Rng::with_seed(seed),
            rhythm: Rhythm::new(pace),
            buffer: Vec::new(),
            by: Counts::new(),
            faults: Counts::new(),
        }
    }

    /// Takes `most` slots or a few more, and leaves; or reads to the end, if that comes before.
    pub(crate) fn run(&mut self, consumer: &mut Consumer<'_>, most: u64) -> Result<Left, Violation> {
        let end = self.checker.seen.slots.saturating_add(most);
        while self.checker.seen.slots < end {
            let take = Take::ALL[self.rng.usize(..Take::ALL.len())];
            // Most calls come in rows, as in real programs.
            for _ in 0..self.rng.u32(1..40) {
                let before = self.checker.seen.slots;
                let outcome = self.take(consumer, take)?;
                let moved = self.checker.seen.slots - before;
                bump(&mut self.by, take.name(), moved);
                self.rhythm.moved(moved, &mut self.rng);
                match outcome {
                    Ok(()) if self.checker.seen.slots >= end => return Ok(Left::Early),
                    Ok(()) => {}
                    Err(ConsumeError::EndOfStream) => return Ok(Left::AtEnd),
                    Err(ConsumeError::TimedOut { .. }) => {}
                    Err(ConsumeError::Empty) => thread::yield_now(),
                    Err(ConsumeError::Gap { dropped, position }) => self.gap(consumer, dropped, position)?,
                    Err(other) => return Err(Violation::unexpected(take.name(), &other)),
                }
            }
        }
        Ok(Left::Early)
    }

    /// A call has reported a gap, and the consumer goes on behind it.
    fn gap(&mut self, consumer: &mut Consumer<'_>, dropped: u64, position: u64) -> Result<(), Violation> {
        match consumer.position() {
            found if found == position => self.checker.gap(dropped),
            found => Err(Violation::new(format!("a gap before {position}, but the consumer is at {found}"))),
        }
    }

    /// One call; the outer result is what was wrong with a message, the inner one what the call said.
    fn take(
        &mut self,
        consumer: &mut Consumer<'_>,
        take: Take,
    ) -> Result<Result<(), ConsumeError>, Violation> {
        let most = self.rng.usize(1..100);
        let limit = Duration::from_micros(self.rng.u64(0..2000));
        match take {
            Take::Try => {
                if let Some(message) = consumer.try_consume() {
                    return self.slot(message);
                }
                // Why not, the call does not say.
                self.slot_of(consumer.try_next())
            }
            Take::TryNext => self.slot_of(consumer.try_next()),
            Take::Consume => self.slot_of(consumer.consume()),
            Take::Next => self.slot_of(consumer.next(limit)),
            Take::TryBatch => self.batch_of(consumer.batch(most, Wait::No)),
            Take::Batch => self.batch_of(consumer.batch(most, Wait::Forever)),
            Take::BatchTimeout => self.batch_of(consumer.batch(most, limit)),
            Take::Drain => {
                let mut wrong = Ok(());
                let count = consumer.drain(|message| {
                    if wrong.is_ok() {
                        wrong = self.checker.slot(message.kind(), message.has_more(), &message);
                    }
                });
                wrong?;
                Ok(count.map(drop))
            }
            Take::Iterator => {
                for message in consumer.messages().take(most) {
                    match message {
                        Ok(message) => {
                            self.checker.slot(message.kind(), message.has_more(), &message)?;
                        }
                        Err(error) => return Ok(Err(error)),
                    }
                }
                // The iterator ends without a word, and so does `take`.
                Ok(consumer.status())
            }
            Take::Large | Take::TryLarge if !self.checker.is_at_start() => self.slot_of(consumer.consume()),
            Take::Large => {
                let mut bytes = mem::take(&mut self.buffer);
                let large = match self.rng.bool() {
                    true => consumer.large(&mut bytes, Wait::Forever),
                    false => consumer.large(&mut bytes, limit),
                };
                self.whole(large, bytes)
            }
            Take::TryLarge => {
                let mut bytes = mem::take(&mut self.buffer);
                let large = consumer.large(&mut bytes, Wait::No);
                self.whole(large, bytes)
            }
            Take::Records | Take::TryRecords => self.records(consumer, take, limit),
        }
    }

    /// Reads records, if records come next, else a message.
    fn records(
        &mut self,
        consumer: &mut Consumer<'_>,
        take: Take,
        limit: Duration,
    ) -> Result<Result<(), ConsumeError>, Violation> {
        let kind = match self.checker.records() {
            Some(kind) if self.checker.is_at_start() => kind,
            _ => return self.slot_of(consumer.consume()),
        };
        let wait = match self.rng.bool() {
            _ if take == Take::TryRecords => Wait::No,
            true => Wait::Forever,
            false => limit.into(),
        };
        let batch = consumer.records::<[u64; 2]>(kind, wait);
        match batch {
            Ok(batch) => self.record_batch(kind, batch),
            Err(ConsumeRecordsError::Stream(error)) => Ok(Err(error)),
            Err(other) => Err(Violation::unexpected("records", &other)),
        }
    }

    fn record_batch(
        &mut self,
        kind: u16,
        batch: RecordBatch<'_, [u64; 2]>,
    ) -> Result<Result<(), ConsumeError>, Violation> {
        for records in batch.slices() {
            self.checker.slot(kind, false, bytemuck::cast_slice(records))?;
        }
        if self.rng.u8(0..64) == 0 {
            bump(&mut self.faults, "record batch forgotten", 1);
            mem::forget(batch);
        }
        Ok(Ok(()))
    }

    fn slot_of(
        &mut self,
        message: Result<Message<'_>, ConsumeError>,
    ) -> Result<Result<(), ConsumeError>, Violation> {
        match message {
            Ok(message) => self.slot(message),
            Err(error) => Ok(Err(error)),
        }
    }

    fn slot(&mut self, message: Message<'_>) -> Result<Result<(), ConsumeError>, Violation> {
        let more = message.has_more();
        if self.rng.u8(0..8) == 0 {
            let copy = message.to_owned();
            drop(message);
            self.checker.slot(copy.kind(), more, &copy)?;
            return Ok(Ok(()));
        }
        self.checker.slot(message.kind(), more, &message)?;
        if self.rng.u8(0..64) == 0 {
            bump(&mut self.faults, "message forgotten", 1);
            mem::forget(message);
        }
        Ok(Ok(()))
    }

    fn batch_of(
        &mut self,
        batch: Result<MessageBatch<'_>, ConsumeError>,
    ) -> Result<Result<(), ConsumeError>, Violation> {
        match batch {
            Ok(batch) => self.batch(batch),
            Err(error) => Ok(Err(error)),
        }
    }

    fn batch(&mut self, batch: MessageBatch<'_>) -> Result<Result<(), ConsumeError>, Violation> {
        for message in batch.iter() {
            self.checker.slot(message.kind(), message.has_more(), &message)?;
        }
        if self.rng.u8(0..64) == 0 {
            bump(&mut self.faults, "message batch forgotten", 1);
            mem::forget(batch);
        }
        Ok(Ok(()))
    }

    fn whole(
        &mut self,
        large: Result<Large, ConsumeError>,
        bytes: Vec<u8>,
    ) -> Result<Result<(), ConsumeError>, Violation> {
        let outcome = match large {
            Ok(large) => self.checker.large(large.kind, large.slots, &bytes).map(Ok),
            Err(error) => Ok(Err(error)),
        };
        self.buffer = bytes;
        outcome
    }
}
