//! A ring that a kernel fills without waiting: what does not fit is dropped, and told of in its place.

use std::time::Duration;

use fastrand::Rng;
use perdix_host::{ConsumeError, Consumer};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

use super::super::rig::Rig;
use super::plan::{Granularity, KernelPlan};
use super::wait_until;
use crate::error::Error;
use crate::soak::{Counts, Failed, Rhythm, Tally, Violation, bump, merge};

/// Runs the episode: each session is one launch, read to its end.
pub(crate) fn run(rig: &Rig, plan: &KernelPlan) -> Result<Tally, Failed> {
    let mut tally = plan.tally();
    let (name, most) = match plan.granularity {
        Granularity::DropThread => ("drop_thread", 1),
        Granularity::DropWarp => ("drop_warp", 1),
        // A block sends or drops bursts as a whole, and none can be longer than the ring.
        _ => ("drop_block", plan.rings.slots as u64),
    };
    let mut buffer = plan.ring(rig).build().map_err(Error::from)?;
    let (blocks, threads) = plan.granularity.launch();
    for (session, purpose) in plan.sessions.iter().zip(300..) {
        let mut rng = Rng::with_seed(plan.rings.seed_for(purpose));
        let len = if rng.bool() { ALL_LENGTHS } else { rng.u32(0..=240) };
        let pattern = Pattern { len, sentinels: u32::from(rng.bool()) };
        let (count, burst) = (session.each(), rng.u64(1..=most.min(64)));
        let pause_ns = if count < 20_000 { rng.u64(0..3000) } else { 0 };
        let before = buffer.counters().read();
        let (producer, mut consumer) = buffer.split_gpu().map_err(Error::from)?;
        let launch = rig.launch(name).map_err(Error::from)?.grid(blocks).block(threads);
        let launch = launch.arg(&producer).arg(pattern).arg(count).arg(burst).arg(pause_ns);
        // SAFETY: these are the kernel's parameters, it is launched as it asks, and nothing else runs on the ring.
        unsafe { launch.start() }.map_err(Error::from)?;
        let rhythm = Rhythm::new(plan.rings.receiving);
        let mut reader = Reader {
            rng,
            rhythm,
            pattern,
            id: 0,
            slots: 0,
            bytes: 0,
            dropped: 0,
            gaps: 0,
            by: Counts::new(),
        };
        reader.run(&mut consumer)?;
        drop(consumer);
        wait_until("the kernel", || Ok(!producer.is_running().map_err(Error::from)?))?;
        let after = producer.counters().read();
        let counted = (
            after.received.wrapping_sub(before.received),
            after.received_bytes.wrapping_sub(before.received_bytes),
            after.dropped.wrapping_sub(before.dropped),
        );
        let seen = (reader.slots, reader.bytes, reader.dropped);
        if reader.id != count || counted != seen || (after.sent, after.sent_bytes) != (seen.0, seen.1) {
            let text = format!(
                "{} of {count} messages came or were told of: {seen:?}; {before:?}, then {after:?}",
                reader.id
            );
            return Err(Violation::new(text).into());
        }
        tally.messages += reader.slots;
        tally.slots += reader.slots;
        tally.bytes += reader.bytes;
        tally.drops += reader.dropped;
        tally.gaps += reader.gaps;
        tally.restarts += 1;
        tally.full_waits += after.full;
        bump(&mut tally.sent_by, plan.granularity.name(), reader.slots);
        merge(&mut tally.taken_by, &reader.by);
    }
    Ok(tally)
}

/// Reads what came, and follows what did not.
struct Reader {
    rng: Rng,
    rhythm: Rhythm,
    pattern: Pattern,
    /// The next message.
    id: u64,
    slots: u64,
    bytes: u64,
    dropped: u64,
    gaps: u64,
    by: Counts,
}

impl Reader {
    /// Reads to the end of the stream.
    fn run(&mut self, consumer: &mut Consumer<'_>) -> Result<(), Violation> {
        loop {
            let (before, most) = (self.slots, self.rng.usize(1..100));
            let limit = Duration::from_micros(self.rng.u64(0..2000));
            let (name, outcome) = match self.rng.u8(0..3) {
                0 => (
                    "next",
                    match consumer.next(limit) {
                        Ok(message) => self.check(message.kind(), &message).map(Ok)?,
                        Err(error) => Err(error),
                    },
                ),
                1 => (
                    "batch with a limit",
                    match consumer.batch(most, limit) {
                        Ok(batch) => batch
                            .iter()
                            .try_for_each(|message| self.check(message.kind(), &message))
                            .map(Ok)?,
                        Err(error) => Err(error),
                    },
                ),
                _ => {
                    let mut wrong = Ok(());
                    let end = consumer.drain(|message| {
                        if wrong.is_ok() {
                            wrong = self.check(message.kind(), &message);
                        }
                    });
                    ("drain", wrong.map(|()| end.map(drop))?)
                }
            };
            bump(&mut self.by, name, self.slots - before);
            self.rhythm.moved(self.slots - before, &mut self.rng);
            match outcome {
                Ok(()) | Err(ConsumeError::TimedOut { .. }) => {}
                Err(ConsumeError::Gap { dropped, .. }) => {
                    self.id += dropped;
                    self.dropped += dropped;
                    self.gaps += 1;
                }
                Err(ConsumeError::EndOfStream) => return Ok(()),
                Err(other) => return Err(Violation::unexpected(name, &other)),
            }
        }
    }

    fn check(&mut self, kind: u16, bytes: &[u8]) -> Result<(), Violation> {
        if !self.pattern.matches(self.id, kind, bytes) {
            let text =
                format!("message {} has kind {kind} and other bytes than were sent: {bytes:02x?}", self.id);
            return Err(Violation::new(text));
        }
        self.id += 1;
        self.slots += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
