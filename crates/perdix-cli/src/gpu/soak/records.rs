//! A ring that a kernel fills with records.

use std::time::Duration;

use fastrand::Rng;
use perdix_host::{ConsumeError, ConsumeRecordsError, Consumer, Wait};
use perdix_kernels::RECORD_KIND;

use super::super::rig::Rig;
use super::checker::all_came;
use super::plan::{Granularity, KernelPlan};
use super::wait_until;
use crate::error::Error;
use crate::soak::{Counts, Failed, Rhythm, Tally, Violation, bump, merge};

/// A record of the kernels `send_records` and `pack_records`: warp and count, and the complement of the count.
type Record = [u64; 2];

/// Runs the episode: each session is one launch, read to its end.
pub(crate) fn run(rig: &Rig, plan: &KernelPlan) -> Result<Tally, Failed> {
    let mut tally = plan.tally();
    let Granularity::Records { packed, .. } = plan.granularity else { return Ok(tally) };
    let mut buffer = plan.ring(rig).build().map_err(Error::from)?;
    let (blocks, threads) = plan.granularity.launch();
    for (session, purpose) in plan.sessions.iter().zip(100..) {
        let before = buffer.counters().read();
        let (producer, mut consumer) = buffer.split_gpu().map_err(Error::from)?;
        // A round of the packer has a record of every lane.
        let (name, count, each) = match session.each() {
            each if packed => ("pack_records", each / 4, each / 4 * 32),
            each => ("send_records", 8 * each, 8 * each),
        };
        let launch = rig.launch(name).map_err(Error::from)?.grid(blocks).block(threads);
        let launch = launch.arg(&producer).arg(count);
        // SAFETY: these are the kernel's parameters, and nothing else runs on the ring.
        unsafe { launch.start() }.map_err(Error::from)?;
        let mut reader = Reader {
            rng: Rng::with_seed(plan.rings.seed_for(purpose)),
            rhythm: Rhythm::new(plan.rings.receiving),
            next: vec![0; plan.granularity.senders()],
            records: 0,
            by: Counts::new(),
        };
        reader.run(&mut consumer)?;
        all_came(&reader.next, each)?;
        drop(consumer);
        wait_until("the kernel", || Ok(!producer.is_running().map_err(Error::from)?))?;
        let after = producer.counters().read();
        let (slots, bytes) = (after.received - before.received, after.received_bytes - before.received_bytes);
        if (after.sent, after.sent_bytes, 16 * reader.records) != (slots, bytes, bytes) {
            let text =
                format!("{} records came, but the counters say {before:?}, then {after:?}", reader.records);
            return Err(Violation::new(text).into());
        }
        tally.messages += slots;
        tally.slots += slots;
        tally.bytes += bytes;
        tally.restarts += 1;
        tally.full_waits += after.full;
        bump(&mut tally.sent_by, plan.granularity.name(), slots);
        merge(&mut tally.taken_by, &reader.by);
    }
    Ok(tally)
}

/// Reads records by all calls for them, and checks each warp's order.
struct Reader {
    rng: Rng,
    rhythm: Rhythm,
    /// The count of each warp's next record.
    next: Vec<u64>,
    records: u64,
    by: Counts,
}

impl Reader {
    /// Reads to the end of the stream.
    fn run(&mut self, consumer: &mut Consumer<'_>) -> Result<(), Violation> {
        loop {
            let before = consumer.position();
            let call = self.rng.u8(0..4);
            let name = ["records", "records with a limit", "records now", "consume"][usize::from(call)];
            let outcome = self.take(consumer, call)?;
            let moved = consumer.position().wrapping_sub(before);
            bump(&mut self.by, name, moved);
            self.rhythm.moved(moved, &mut self.rng);
            match outcome {
                Ok(()) => {}
                Err(ConsumeRecordsError::Stream(ConsumeError::Empty | ConsumeError::TimedOut { .. })) => {}
                Err(ConsumeRecordsError::Stream(ConsumeError::EndOfStream)) => return Ok(()),
                Err(other) => return Err(Violation::unexpected(name, &other)),
            }
        }
    }

    fn take(
        &mut self,
        consumer: &mut Consumer<'_>,
        call: u8,
    ) -> Result<Result<(), ConsumeRecordsError>, Violation> {
        let limit = Duration::from_micros(self.rng.u64(0..2000));
        let batch = match call {
            0 => consumer.records::<Record>(RECORD_KIND, Wait::Forever),
            1 => consumer.records(RECORD_KIND, limit),
            2 => consumer.records(RECORD_KIND, Wait::No),
            _ => {
                return match consumer.consume() {
                    Ok(message) => match message.records::<Record>() {
                        Ok(records) => self.check(records).map(Ok),
                        Err(error) => Ok(Err(error.into())),
                    },
                    Err(error) => Ok(Err(error.into())),
                };
            }
        };
        match batch {
            Ok(batch) => batch.slices().try_for_each(|slot| self.check(slot)).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    fn check(&mut self, records: &[Record]) -> Result<(), Violation> {
        for [first, second] in records {
            let (warp, count) = (first >> 40, first & ((1 << 40) - 1));
            let next = usize::try_from(warp).ok().and_then(|warp| self.next.get_mut(warp));
            match next {
                Some(next) if *next == count && *second == !count => *next += 1,
                _ => {
                    return Err(Violation::new(format!(
                        "record {first:#x}, {second:#x} is not the next one of warp {warp}"
                    )));
                }
            }
            self.records += 1;
        }
        Ok(())
    }
}
