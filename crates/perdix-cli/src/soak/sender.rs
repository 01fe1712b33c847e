//! The sending side of an episode: a thread that goes through a script.

use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use perdix_host::{Batch, Grant, PAYLOAD_SIZE, ProduceError, Producer, Wait};

#[cfg(test)]
use super::flaw::Flaw;
use super::pace::{Pace, Rhythm};
use super::script::{Put, Script, Span};
use super::tally::{Counts, bump};
use super::violation::Violation;

/// Sends a script's messages by all calls that a producer has, and remembers how far it came.
#[derive(Debug)]
pub(crate) struct Sender {
    script: Script,
    rng: Rng,
    rhythm: Rhythm,
    /// The identity of the next message to send.
    pub(crate) id: u64,
    pub(crate) sent: Sent,
    #[cfg(test)]
    pub(crate) flaw: Flaw,
}

/// What was sent, and how.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) dropped: u64,
    pub(crate) full_waits: u64,
    pub(crate) by: Counts,
    pub(crate) faults: Counts,
}

/// Why a sender stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// It has sent what it was to send.
    Enough,
    /// The consumer has left.
    ConsumerGone,
}

/// What a call found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It sent what it could; the ring may be full.
    Done,
    /// The consumer has left.
    Gone,
}

impl Sender {
    pub(crate) fn new(script: Script, seed: u64, pace: Pace) -> Self {
        Self {
            script,
            rng: Rng::with_seed(seed),
            rhythm: Rhythm::new(pace),
            id: 0,
            sent: Sent::default(),
            #[cfg(test)]
            flaw: Flaw::None,
        }
    }

    /// Sends up to `most` messages, no longer than until `deadline`.
    pub(crate) fn run(
        &mut self,
        producer: &mut Producer<'_>,
        most: u64,
        deadline: Instant,
    ) -> Result<Stopped, Violation> {
        let end = self.id + most;
        while self.id < end && Instant::now() < deadline {
            let span = *self.script.at(self.id);
            let some = self.rng.u64(1..=200).min(span.end - self.id).min(end - self.id);
            self.misuse(producer)?;
            let before = self.id;
            let step = self.put(producer, &span, some)?;
            let moved = self.id - before;
            bump(&mut self.sent.by, span.put.name(), moved);
            if step == Step::Gone {
                return Ok(Stopped::ConsumerGone);
            }
            self.rhythm.moved(moved, &mut self.rng);
        }
        Ok(Stopped::Enough)
    }

    /// Sends up to `some` messages of the span from the next one on.
    fn put(&mut self, producer: &mut Producer<'_>, span: &Span, some: u64) -> Result<Step, Violation> {
        match span.put {
            Put::Produce => self.each(span, some, |kind, bytes, _| producer.message(bytes).kind(kind).send()),
            Put::Try => self
                .each(span, some, |kind, bytes, _| producer.message(bytes).kind(kind).wait(Wait::No).send()),
            Put::Timeout => self.each(span, some, |_, bytes, rng| {
                producer.message(bytes).wait(Duration::from_micros(rng.u64(0..3000))).send()
            }),
            Put::OrDrop => self.or_drop(producer, span, some),
            Put::All => self.all(producer, span, some),
            Put::Reserve => self.reserve(producer, span, some),
            Put::Batch => self.batch(producer, span, some),
            Put::Large => self.large(producer, span),
            Put::Records => self.records(producer, span, some),
        }
    }

    /// One message after the other, until the ring is full.
    fn each(
        &mut self,
        span: &Span,
        some: u64,
        mut call: impl FnMut(u16, &[u8], &mut Rng) -> Result<(), ProduceError>,
    ) -> Result<Step, Violation> {
        let mut bytes = [0; PAYLOAD_SIZE];
        for _ in 0..some {
            let message = self.message(span, &mut bytes);
            match call(span.kind(self.id), message, &mut self.rng) {
                Ok(()) => self.id += 1,
                Err(error) => return self.refused(error),
            }
        }
        Ok(Step::Done)
    }

    fn or_drop(&mut self, producer: &mut Producer<'_>, span: &Span, some: u64) -> Result<Step, Violation> {
        let mut bytes = [0; PAYLOAD_SIZE];
        for _ in 0..some {
            match producer.message(self.message(span, &mut bytes)).kind(span.kind(self.id)).send_or_drop() {
                Ok(true) => {}
                Ok(false) => {
                    self.sent.dropped += 1;
                    // All the rest of a span would be gone before the consumer has read one message.
                    if self.rng.u8(0..4) == 0 {
                        thread::yield_now();
                    }
                }
                Err(error) => return self.refused(error),
            }
            self.id += 1;
        }
        Ok(Step::Done)
    }

    fn all(&mut self, producer: &mut Producer<'_>, span: &Span, some: u64) -> Result<Step, Violation> {
        let messages = (self.id..self.id + some).map(|id| {
            let mut bytes = vec![0; span.len(self.disguise(id))];
            self.fill(span, id, &mut bytes);
            bytes
        });
        match producer.produce_all(messages) {
            Ok(sent) if sent == some => {
                self.id += sent;
                Ok(Step::Done)
            }
            Ok(sent) => Err(Violation::new(format!("produce_all sent {sent} of {some} messages"))),
            Err(error) => {
                self.id += error.sent;
                self.refused(error.source)
            }
        }
    }

    fn reserve(&mut self, producer: &mut Producer<'_>, span: &Span, some: u64) -> Result<Step, Violation> {
        for _ in 0..some {
            let (len, kind) = (span.len(self.disguise(self.id)), span.kind(self.id));
            // Sometimes more is reserved than is published.
            let room = if self.rng.bool() { len } else { self.rng.usize(len..=PAYLOAD_SIZE) };
            let choice = self.rng.u8(0..6);
            let fate = Fate::random(&mut self.rng);
            let granted = match choice {
                0 => producer.reserve(room, Wait::No),
                1 => producer.reserve(room, Duration::from_micros(self.rng.u64(0..2000))),
                _ => producer.reserve(room, Wait::Forever),
            };
            let mut grant: Grant<'_> = match granted {
                Ok(grant) => grant,
                Err(error) => return self.refused(error),
            };
            match fate {
                Fate::Committed => {
                    self.fill(span, self.id, grant.get_mut(..len).unwrap_or_default());
                    grant.set_kind(kind);
                    if room == len {
                        grant.commit();
                    } else {
                        grant.commit_len(len);
                    }
                    self.id += 1;
                }
                given_up => {
                    grant.fill(0xee);
                    given_up.apply(grant);
                    bump(&mut self.sent.faults, given_up.of("grant"), 1);
                }
            }
        }
        Ok(Step::Done)
    }

    fn batch(&mut self, producer: &mut Producer<'_>, span: &Span, some: u64) -> Result<Step, Violation> {
        let most = self.rng.usize(1..=some as usize);
        let fate = Fate::random(&mut self.rng);
        let begun = if self.rng.bool() {
            producer.batch(most, Wait::Forever)
        } else {
            producer.batch(most, Wait::No)
        };
        let mut batch: Batch<'_> = match begun {
            Ok(batch) => batch,
            Err(error) => return self.refused(error),
        };
        let mut bytes = [0; PAYLOAD_SIZE];
        let mut id = self.id;
        while batch.room() != 0 {
            let kind = span.kind(id);
            let added = if self.rng.bool() {
                let len = span.len(self.disguise(id));
                batch.set_kind(kind).write(len, |to| self.fill(span, id, to))
            } else {
                batch.set_kind(kind).push(self.message_of(span, id, &mut bytes))
            };
            added.map_err(|error| Violation::unexpected("batch", &error))?;
            id += 1;
        }
        match fate {
            Fate::Committed => {
                let count = batch.commit() as u64;
                if count != id - self.id {
                    return Err(Violation::new(format!("a batch of {} committed {count}", id - self.id)));
                }
                self.id = id;
                Ok(Step::Done)
            }
            given_up => {
                given_up.apply(batch);
                bump(&mut self.sent.faults, given_up.of("batch"), 1);
                Ok(Step::Done)
            }
        }
    }

    fn large(&mut self, producer: &mut Producer<'_>, span: &Span) -> Result<Step, Violation> {
        let mut bytes = vec![0; span.len(self.disguise(self.id))];
        self.fill(span, self.id, &mut bytes);
        let kind = span.kind(self.id);
        let sent = match self.rng.u8(0..4) {
            0 => producer.message(&bytes).kind(kind).wait(Wait::No).send_large(),
            1 => producer
                .message(&bytes)
                .kind(kind)
                .wait(Duration::from_micros(self.rng.u64(0..5000)))
                .send_large(),
            _ => producer.message(&bytes).kind(kind).send_large(),
        };
        match sent {
            Ok(()) => {
                self.id += 1;
                Ok(Step::Done)
            }
            Err(error) => self.refused(error),
        }
    }

    /// A message at a time, so that none is torn where the ring is full.
    fn records(&mut self, producer: &mut Producer<'_>, span: &Span, some: u64) -> Result<Step, Violation> {
        let mut records = producer.records::<[u64; 2]>(span.kind(self.id));
        for _ in 0..some {
            let mut message = [[0_u64; 2]; PAYLOAD_SIZE / 16];
            let count = (span.len(self.disguise(self.id)) / 16).min(message.len());
            let message = message.get_mut(..count).unwrap_or_default();
            self.fill(span, self.id, bytemuck::cast_slice_mut(message));
            let pushed = match self.rng.bool() {
                true => records.push_slice(message),
                false => records.push_all(message.iter().copied()),
            };
            match pushed {
                Ok(_) => records.flush(),
                Err(error) if error.pushed == 0 => return self.refused(error.source),
                Err(error) => return Err(Violation::unexpected("records in a slot that was free", &error)),
            }
            self.id += 1;
        }
        Ok(Step::Done)
    }

    /// What a careful producer is refused, whatever the ring looks like.
    fn misuse(&mut self, producer: &mut Producer<'_>) -> Result<(), Violation> {
        if self.rng.u8(0..64) != 0 {
            return Ok(());
        }
        bump(&mut self.sent.faults, "message too long", 1);
        let refused = match self.rng.u8(0..3) {
            0 => producer.try_produce(&[0; PAYLOAD_SIZE + 1]).err(),
            1 => producer.reserve(PAYLOAD_SIZE + 1, Wait::No).err(),
            _ => {
                let long = vec![0; producer.capacity() * PAYLOAD_SIZE + 1];
                producer.message(&long).wait(Wait::No).send_large().err()
            }
        };
        match refused {
            Some(ProduceError::TooLong { .. }) => Ok(()),
            other => Err(Violation::new(format!("a message that is too long was answered with {other:?}"))),
        }
    }

    /// The ring is full, or the consumer gone: anything else is a violation.
    fn refused(&mut self, error: ProduceError) -> Result<Step, Violation> {
        match error {
            ProduceError::Full { .. } | ProduceError::TimedOut { .. } => {
                self.sent.full_waits += 1;
                if self.rng.bool() {
                    thread::yield_now();
                }
                Ok(Step::Done)
            }
            ProduceError::ConsumerGone => Ok(Step::Gone),
            other => Err(Violation::unexpected("producing", &other)),
        }
    }

    fn message<'b>(&self, span: &Span, bytes: &'b mut [u8; PAYLOAD_SIZE]) -> &'b [u8] {
        self.message_of(span, self.id, bytes)
    }

    fn message_of<'b>(&self, span: &Span, id: u64, bytes: &'b mut [u8; PAYLOAD_SIZE]) -> &'b [u8] {
        let message = bytes.get_mut(..span.len(self.disguise(id))).unwrap_or_default();
        self.fill(span, id, message);
        message
    }

    fn fill(&self, span: &Span, id: u64, bytes: &mut [u8]) {
        span.fill(self.disguise(id), 0, bytes);
        #[cfg(test)]
        self.flaw.spoil(id, bytes);
    }

    /// Which message is really sent as message `id`: itself, but for tests of what the checker sees.
    fn disguise(&self, id: u64) -> u64 {
        #[cfg(test)]
        let id = self.flaw.disguise(id);
        id
    }
}

/// What becomes of a grant or a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Committed,
    Dropped,
    Forgotten,
}

impl Fate {
    fn random(rng: &mut Rng) -> Self {
        match rng.u8(0..32) {
            0 => Self::Dropped,
            1 => Self::Forgotten,
            _ => Self::Committed,
        }
    }

    fn apply<T>(self, guard: T) {
        match self {
            Self::Forgotten => std::mem::forget(guard),
            _ => drop(guard),
        }
    }

    fn of(self, what: &str) -> &'static str {
        match (self, what) {
            (Self::Forgotten, "grant") => "grant forgotten",
            (Self::Forgotten, _) => "batch forgotten",
            (_, "grant") => "grant abandoned",
            _ => "batch abandoned",
        }
    }
}
