//! The consumer of records that share slots.

use std::time::Instant;

use perdix_host::{ConsumeError, ConsumeRecordsError, Consumer, RecordBatch};
use perdix_kernels::RECORD_KIND;

use super::read::{is_wide, widely};
use super::ring::{Identities, Meter};
use super::{PATIENCE, Received};
use crate::error::Error;

/// What [`send_records`](perdix_kernels::send_records) and [`pack_records`](perdix_kernels::pack_records) send: record `i` of warp `w`
/// is `[w << 40 | i, !i]`.
pub type Record = [u64; 2];

/// The bits of the first word that count the records of a warp.
const COUNT: u64 = (1 << 40) - 1;

/// Receives records until the end of the stream, or until the meter says stop, and counts them. Every word of each is compared with
/// what was sent. Owns the consumer, so that the kernel notices when this fails.
///
/// # Errors
/// [`Error::Wrong`] for a record that is not its sender's next, [`Error::Records`] if nothing comes any more, or no records.
pub fn receive(
    mut consumer: Consumer<'_>,
    mut identities: Identities,
    meter: &Meter,
) -> Result<Received, Error> {
    let wide = is_wide();
    let (mut count, mut first) = (0, None);
    while !meter.is_stopped() {
        let batch = match consumer.records::<Record>(RECORD_KIND, PATIENCE) {
            Ok(batch) => batch,
            Err(ConsumeRecordsError::Stream(ConsumeError::EndOfStream)) => break,
            Err(error) => return Err(error.into()),
        };
        first.get_or_insert_with(Instant::now);
        if !widely(wide, || check(&batch, &mut identities)) {
            let fronts: Vec<String> =
                batch.slices().filter_map(|slot| Some(format!("{:x?}", slot.first()?))).collect();
            let fronts = fronts.join(", ");
            return Err(Error::Wrong(format!(
                "a record is not its sender's next, in the slots that begin with {fronts}"
            )));
        }
        count += batch.len() as u64;
        drop(batch);
        meter.set(count);
    }
    let last = Instant::now();
    Ok(Received { count, first: first.unwrap_or(last), last })
}

/// Whether all records of the batch are as they should be.
#[inline(always)]
fn check(batch: &RecordBatch<'_, Record>, identities: &mut Identities) -> bool {
    batch.slices().fold(true, |right, slot| {
        // A full slot, of a length that the compiler knows, is compared without a loop.
        let follows = <&[Record; 15]>::try_from(slot).map_or_else(|_| follows(slot), |slot| follows(slot));
        let first = slot.first().map_or(0, |record| record[0]);
        right & follows & (slot.is_empty() || identities.are_next(first, slot.len() as u64))
    })
}

/// Whether the records of a slot count up from its first.
#[inline(always)]
fn follows(slot: &[Record]) -> bool {
    let first = slot.first().map_or(0, |record| record[0]);
    let mut expected = [first, !(first & COUNT)];
    let mut difference = 0;
    for record in slot {
        difference |= (record[0] ^ expected[0]) | (record[1] ^ expected[1]);
        expected = [expected[0].wrapping_add(1), expected[1].wrapping_sub(1)];
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use perdix_host::Buffer;

    use super::*;

    /// Sends the records in slots of so many and says what arrived.
    fn received(slots: &[Vec<Record>], senders: u64) -> Result<u64, Error> {
        let mut buffer = Buffer::builder().slots(64).build().unwrap();
        let (mut producer, consumer) = buffer.split_mut();
        for slot in slots {
            let mut records = producer.records::<Record>(RECORD_KIND);
            records.push_all(slot.iter().copied()).unwrap();
            records.flush();
        }
        producer.finish();
        receive(consumer, Identities::of(senders), &Meter::default()).map(|received| received.count)
    }

    fn records(warp: u64, range: std::ops::Range<u64>) -> Vec<Record> {
        range.map(|i| [warp << 40 | i, !i]).collect()
    }

    #[test]
    fn full_and_partial_slots_of_several_warps_are_counted() {
        let slots = [records(0, 0..15), records(1, 0..15), records(0, 15..18), records(1, 15..16)];
        assert_eq!(received(&slots, 2).unwrap(), 34);
        assert_eq!(received(&[], 1).unwrap(), 0);
    }

    #[test]
    fn missing_repeated_and_changed_records_fail() {
        let changed = |at: usize, word: usize| {
            let mut slot = records(0, 0..15);
            slot[at][word] ^= 1 << 50;
            slot
        };
        let cases = [
            vec![records(0, 1..16)],
            vec![records(0, 0..15), records(0, 16..20)],
            vec![records(0, 0..15), records(0, 0..15)],
            vec![records(1, 0..15)],
            vec![[records(0, 0..3), records(0, 4..6)].concat()],
            vec![changed(14, 0)],
            vec![changed(0, 1)],
            vec![changed(7, 1)],
        ];
        for case in cases {
            assert!(matches!(received(&case, 1), Err(Error::Wrong(_))), "{case:x?}");
        }
    }

    #[test]
    fn what_is_no_record_fails() {
        let mut buffer = Buffer::builder().slots(64).build().unwrap();
        let (mut producer, consumer) = buffer.split_mut();
        producer.produce(&[0; 16]).unwrap();
        drop(producer);
        let outcome = receive(consumer, Identities::of(1), &Meter::default());
        assert!(matches!(outcome, Err(Error::Records(_))), "{outcome:?}");
    }
}
