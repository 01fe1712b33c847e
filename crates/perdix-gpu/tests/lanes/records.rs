//! Proves that records that a closure makes arrive whole and in order, whatever their size, their number and the producer.

use bytemuck::{NoUninit, bytes_of};
use perdix_core::RecordLayout;
use perdix_core::sentinel::SENTINEL;
use perdix_gpu::emulation::EmulatedRing;
use perdix_gpu::{BlockProducer, GridProducer, Mode, Records, Source, WarpProducer};
use perdix_kernels::records::{RECORD_KIND, RECORD_SIZES, TestRecord, record_bytes};
use perdix_kernels::{send_records, send_sized_records};

use crate::common::{End, MODES, Messages, Outcome, Reader, check_counts, run};

/// Calls a function with many record types: of every kind of size, and of every word.
macro_rules! with_every_type {
    ($call:ident($($argument:expr),*)) => {
        with_every_type!(@ $call ($($argument),*)
            [u8; 1], [u8; 2], [u8; 3], [u8; 5], [u8; 6], [u8; 7], [u8; 11], [u8; 15], [u8; 16], [u8; 17], [u8; 31], [u8; 64], [u8; 121],
            [u8; 239], [u8; 240], [u16; 1], [u16; 3], [u16; 20], [u32; 1], [u32; 2], [u32; 3], [u32; 4], [u32; 5], [u32; 7],
            [u32; 59], [u64; 1], [u64; 2], [u64; 3], [u64; 4], [u64; 5], [u64; 6], [u64; 8], [u64; 10], [u64; 15], [u64; 16], [u64; 30])
    };
    (@ $call:ident $arguments:tt $($record:ty),+) => { $(with_every_type!(@@ $call $arguments $record);)+ };
    (@@ $call:ident ($($argument:expr),*) $record:ty) => { $call::<$record>($($argument),*) };
}
pub(crate) use with_every_type;

/// What messages of these records must look like.
pub(crate) fn packed<T: NoUninit>(records: impl IntoIterator<Item = T>) -> Messages {
    let bytes: Vec<u8> = records.into_iter().flat_map(|record| bytes_of(&record).to_vec()).collect();
    let full = RecordLayout::<T>::PER_SLOT * RecordLayout::<T>::SIZE;
    bytes.chunks(full).map(|message| (RECORD_KIND, message.to_vec())).collect()
}

#[track_caller]
pub(crate) fn check_messages<T>(ring: &EmulatedRing, outcome: &Outcome, expected: &Messages) {
    assert!(outcome.launched, "{}", std::any::type_name::<T>());
    assert_eq!(outcome.end, End::Ended);
    assert!(
        outcome.messages == *expected,
        "{}:\n{:02x?}\n{expected:02x?}",
        std::any::type_name::<T>(),
        outcome.messages
    );
    check_counts(ring, &outcome.messages);
}

fn by_each_producer<T: TestRecord>(mode: Mode) {
    let per_slot = RecordLayout::<T>::PER_SLOT as u64;
    for (count, threads) in
        [(0, 32), (1, 64), (per_slot, 32), (9 * per_slot + per_slot / 2, 64), (per_slot + 1, 1)]
    {
        let ring = EmulatedRing::new(8, mode);
        let records = Records::new(count, RECORD_KIND, |i| {
            assert!(i < count, "record {i} of {count}");
            T::make(i)
        });
        let launch = (1, if threads == 1 { 32 } else { threads });
        let outcome = run(&ring, launch, Reader::Steady, || match threads {
            32 => {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
                producer.produce_batch(records.messages(), &records).unwrap();
                producer.finish();
            }
            64 => {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { BlockProducer::new(ring.handle()) }.unwrap();
                producer.produce_batch(records.messages(), &records).unwrap();
                producer.finish();
            }
            _ => {
                // SAFETY: the launch's only producer.
                let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
                producer.produce_batch(records.messages(), &records).unwrap();
                producer.finish();
            }
        });
        check_messages::<T>(&ring, &outcome, &packed((0..count).map(T::make)));
    }
}

#[test]
fn every_size_arrives_fenced() {
    with_every_type!(by_each_producer(Mode::Fenced));
}

#[test]
fn every_size_arrives_fence_free() {
    with_every_type!(by_each_producer(Mode::FenceFree));
}

#[test]
fn sentinels_arrive() {
    for count in [29, 30, 95] {
        let ring = EmulatedRing::new(2, Mode::FenceFree);
        let record = |i: u64| if i % 3 == 0 { i } else { SENTINEL };
        let outcome = run(&ring, (1, 32), Reader::Steady, || {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
            let records = Records::new(count, RECORD_KIND, record);
            producer.produce_batch(records.messages(), &records).unwrap();
            producer.finish();
        });
        check_messages::<u64>(&ring, &outcome, &packed((0..count).map(record)));
    }
}

#[test]
fn messages_are_counted() {
    let records = |count| Records::new(count, 3, |i: u64| [i; 2]);
    for (count, messages, last) in
        [(0, 0, 0), (1, 1, 16), (15, 1, 240), (16, 2, 16), (u64::MAX, u64::MAX / 15, 240)]
    {
        let records = records(count);
        assert_eq!(
            (records.messages(), records.len(messages.saturating_sub(1)), records.kind(0)),
            (messages, last, 3)
        );
        assert_eq!(records.len(messages), 0);
    }
}

#[test]
fn the_kernels_send_what_they_say() {
    for mode in MODES {
        for size in RECORD_SIZES {
            let ring = EmulatedRing::new(4, mode);
            let outcome = run(&ring, (1, 32), Reader::Steady, || {
                // SAFETY: one warp, on a ring that lives on.
                unsafe { send_sized_records(ring.handle(), size, 100) }
            });
            assert!(outcome.launched && outcome.end == End::Ended);
            assert_eq!(outcome.messages[0].1.len(), 240 / size as usize * size as usize);
            let bytes: Vec<u8> = outcome.messages.into_iter().flat_map(|(_, bytes)| bytes).collect();
            let expected: Vec<u8> = (0..100).flat_map(|id| record_bytes(size, id)).collect();
            assert!(bytes == expected, "{size}");
        }
        let ring = EmulatedRing::new(64, mode);
        let outcome = run(&ring, (2, 64), Reader::Steady, || {
            // SAFETY: nothing else is launched, on a ring that lives on.
            unsafe { send_records(ring.handle(), 500) }
        });
        assert!(outcome.launched && outcome.end == End::Ended);
        check_warps(&outcome.messages, 4, 500);
    }
}

/// Checks that each of `warps` warps sent the records `[warp << 40 | i, !i]` for `i` from 0 to `count - 1`, in order.
#[track_caller]
pub(crate) fn check_warps(messages: &Messages, warps: u64, count: u64) {
    let mut next = vec![0; warps as usize];
    for (kind, bytes) in messages {
        assert_eq!((*kind, bytes.len() % 16), (RECORD_KIND, 0));
        for record in bytes.chunks(16) {
            let word = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
            let (warp, i) = ((word(0) >> 40) as usize, word(0) & ((1 << 40) - 1));
            assert_eq!((i, word(8)), (next[warp], !i), "warp {warp}");
            next[warp] += 1;
        }
    }
    assert_eq!(next, vec![count; warps as usize]);
}
