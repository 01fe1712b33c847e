//! Proves that records arrive as they were sent, whatever their size and however they fill slots and ring, and that what holds no
//! such records is never read as some.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

mod common;

use std::time::Duration;

use bytemuck::Pod;
use common::{MODES, Random, mix, watch_process};
use perdix_core::sentinel::SENTINEL;
use perdix_host::{
    Buffer, ConsumeError, ConsumeRecordsError, Consumer, Mode, ProduceError, PushAllError, RecordError,
    RecordLayout, Wait,
};

const KIND: u16 = 0x5ec0;

fn ring(slots: usize, mode: Mode) -> Buffer {
    watch_process();
    Buffer::builder().slots(slots).mode(mode).build().unwrap()
}

/// Record `number`; in one of eight, every byte is the sentinel's.
fn record<T: Pod>(number: u64) -> T {
    let seed = mix(number ^ (size_of::<T>() as u64) << 40);
    let mut value = T::zeroed();
    for (at, byte) in bytemuck::bytes_of_mut(&mut value).iter_mut().enumerate() {
        let sentinel = SENTINEL.to_le_bytes()[at % 8];
        *byte = if seed % 8 == 0 { sentinel } else { (seed.rotate_left(at as u32 % 61) as u8) ^ at as u8 };
    }
    value
}

fn records<T: Pod>(numbers: std::ops::Range<u64>) -> Vec<T> {
    numbers.map(record).collect()
}

/// All that is there now, by way of slots.
fn available<T: Pod>(consumer: &mut Consumer<'_>) -> Vec<T> {
    let mut all = Vec::new();
    while let Ok(batch) = consumer.records::<T>(KIND, Wait::No) {
        let before = all.len();
        all.extend(batch.slices().flatten());
        assert_eq!(all.len() - before, batch.len());
        assert!(
            batch.iter().zip(&all[before..]).all(|(a, b)| bytemuck::bytes_of(a) == bytemuck::bytes_of(b))
        );
    }
    all
}

#[track_caller]
fn same<T: Pod>(found: &[T], expected: &[T]) {
    assert!(
        bytemuck::cast_slice::<T, u8>(found) == bytemuck::cast_slice::<T, u8>(expected),
        "{}",
        size_of::<T>()
    );
}

/// Pushes and takes runs of every length around a slot's, several times around a tiny ring.
fn round_the_ring<T: Pod>() {
    let per_slot = RecordLayout::<T>::PER_SLOT as u64;
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        let mut next = 0;
        for count in
            [0, 1, per_slot - 1, per_slot, per_slot + 1, 2 * per_slot - 1, 2 * per_slot, 1, 1, 2 * per_slot]
        {
            let sent = records::<T>(next..next + count);
            let mut to = producer.records::<T>(KIND).wait(Wait::No);
            match count % 3 {
                0 => sent.iter().for_each(|record| to.push(*record).unwrap()),
                1 => assert_eq!(to.push_slice(&sent), Ok(count)),
                _ => assert_eq!(to.push_all(sent.iter().copied()), Ok(count)),
            }
            assert_eq!(to.pending() as u64, count % per_slot);
            drop(to);
            same(&available::<T>(&mut consumer), &sent);
            next += count;
        }
        let now = consumer.counters().read();
        let bytes = next * size_of::<T>() as u64;
        assert_eq!((now.sent, now.sent_bytes, now.received_bytes), (consumer.position(), bytes, bytes));
    }
}

#[test]
fn every_size_goes_round_the_ring() {
    macro_rules! sizes {
        ($($tens:literal)+) => { $(
            round_the_ring::<[u8; $tens + 1]>(); round_the_ring::<[u8; $tens + 2]>(); round_the_ring::<[u8; $tens + 3]>();
            round_the_ring::<[u8; $tens + 4]>(); round_the_ring::<[u8; $tens + 5]>(); round_the_ring::<[u8; $tens + 6]>();
            round_the_ring::<[u8; $tens + 7]>(); round_the_ring::<[u8; $tens + 8]>(); round_the_ring::<[u8; $tens + 9]>();
            round_the_ring::<[u8; $tens + 10]>();
        )+ };
    }
    sizes!(0 10 20 30 40 50 60 70 80 90 100 110 120 130 140 150 160 170 180 190 200 210 220 230);
}

#[test]
fn every_word_goes_round_the_ring() {
    round_the_ring::<u8>();
    round_the_ring::<u16>();
    round_the_ring::<u32>();
    round_the_ring::<u64>();
    round_the_ring::<u128>();
    round_the_ring::<[u16; 3]>();
    round_the_ring::<[u32; 3]>();
    round_the_ring::<[u64; 4]>();
    round_the_ring::<[u128; 15]>();
}

#[test]
fn a_slot_is_published_when_it_is_full_or_flushed() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        let mut to = producer.records::<u64>(KIND);
        for number in 0..29 {
            to.push(number).unwrap();
        }
        assert_eq!((to.pending(), consumer.available()), (29, 0));
        to.push(29).unwrap();
        assert_eq!((to.pending(), consumer.available()), (0, 1));
        to.flush();
        assert_eq!(consumer.available(), 1, "an empty slot is not sent");
        to.push(30).unwrap();
        to.flush();
        assert_eq!((to.pending(), consumer.available()), (0, 2));
        to.push(31).unwrap();
        assert_eq!(to.push_slice(&[32, 33]), Ok(2));
        drop(to);
        let lens = [240, 8, 24];
        for (number, len) in lens.into_iter().enumerate() {
            let message = consumer.try_consume().unwrap();
            assert_eq!((message.number(), message.len(), message.kind()), (number as u64, len, KIND));
        }
        assert!(consumer.try_consume().is_none());
    }
}

#[test]
fn messages_may_come_between() {
    for mode in MODES {
        let mut buffer = ring(8, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.records::<u32>(KIND).push_all([1, 2]).unwrap();
        producer.message(b"between").kind(7).send().unwrap();
        producer.records::<u32>(KIND).push(3).unwrap();
        same(
            &consumer.records::<u32>(KIND, Wait::Forever).unwrap().iter().copied().collect::<Vec<_>>(),
            &[1, 2],
        );
        let kind = RecordError::Kind { message: 1, found: 7, expected: KIND };
        assert_eq!(consumer.records::<u32>(KIND, Wait::No).unwrap_err(), kind.clone().into());
        assert_eq!(consumer.records::<u32>(KIND, Wait::Forever).unwrap_err(), kind.clone().into());
        assert_eq!(consumer.for_each_record(KIND, |_: &u32| panic!("read")), Err(kind.into()));
        assert_eq!(&consumer.try_consume().unwrap()[..], b"between");
        same(&available::<u32>(&mut consumer), &[3]);
    }
}

#[test]
fn a_wrong_length_is_named_and_never_read() {
    for mode in MODES {
        let mut buffer = ring(8, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.message(&[1; 24]).kind(KIND).send().unwrap();
        producer.message(&[2; 20]).kind(KIND).send().unwrap();
        producer.message(&[]).kind(KIND).send().unwrap();
        let wrong = RecordError::Length { message: 1, len: 20, size: 8 };
        // The first is whole, and does not wait for the second to be right.
        assert_eq!(consumer.records::<u64>(KIND, Wait::Forever).unwrap().len(), 3);
        assert_eq!(consumer.records::<u64>(KIND, Wait::Forever).unwrap_err(), wrong.clone().into());
        assert_eq!(consumer.for_each_record(KIND, |_: &u64| panic!("read")), Err(wrong.clone().into()));
        let words = "message 1 has 20 bytes, no multiple of the record's 8";
        assert!(wrong.to_string().starts_with(words), "{wrong}");
        let message = consumer.try_consume().unwrap();
        assert_eq!(message.records::<u64>().unwrap_err(), wrong);
        assert_eq!(message.to_owned().records::<u64>().unwrap_err(), wrong);
        same(message.records::<[u8; 5]>().unwrap(), &[[2; 5]; 4]);
        same(message.to_owned().records::<[u32; 5]>().unwrap(), &[[0x0202_0202; 5]]);
        drop(message);
        let batch = consumer.records::<u64>(KIND, Wait::Forever).unwrap();
        assert_eq!((batch.len(), batch.is_empty(), batch.iter().count()), (0, true, 0));
    }
}

#[test]
fn a_reference_in_a_batch_is_read_as_records() {
    let mut buffer = ring(8, Mode::Fenced);
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.records::<u128>(KIND).push_all(0..20).unwrap();
    let batch = consumer.batch(8, Wait::Forever).unwrap();
    let all: Vec<u128> =
        batch.iter().flat_map(|message| message.records::<u128>().unwrap()).copied().collect();
    same(&all, &(0..20).collect::<Vec<_>>());
    let wrong = RecordError::Length { message: 1, len: 80, size: 240 };
    assert_eq!(batch.get(1).unwrap().records::<[u8; 240]>().unwrap_err(), wrong);
}

#[test]
fn a_large_message_is_none() {
    let mut buffer = ring(8, Mode::Fenced);
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.message(&[7; 480]).kind(KIND).send_large().unwrap();
    let large = RecordError::Large { message: 0 };
    assert_eq!(consumer.records::<u64>(KIND, Wait::No).unwrap_err(), large.into());
    let mut bytes = Vec::new();
    consumer.large(&mut bytes, Wait::No).unwrap();
    assert_eq!(bytes, [7; 480]);
}

#[test]
fn a_full_ring_hands_the_record_back() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        let mut to = producer.records::<[u64; 2]>(KIND);
        assert_eq!(to.push_all((0..30).map(record)), Ok(30));
        let full = ProduceError::Full { needed: 1, capacity: 2 };
        to = to.wait(Wait::No);
        assert_eq!(to.push(record(30)), Err(full));
        let limit = Duration::from_millis(1);
        to = to.wait(limit);
        assert!(matches!(to.push(record(30)), Err(ProduceError::TimedOut { waited }) if waited >= limit));
        assert_eq!(to.pending(), 0);
        same(
            &consumer.records(KIND, Wait::Forever).unwrap().iter().copied().collect::<Vec<_>>(),
            &records::<[u64; 2]>(0..30),
        );
        to.wait(Duration::ZERO).push(record(30)).unwrap();
        same(&available(&mut consumer), &records::<[u64; 2]>(30..31));
    }
}

#[test]
fn a_consumer_that_left_is_an_error_at_the_next_slot() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, consumer) = buffer.split_mut();
        let mut to = producer.records::<[u64; 4]>(KIND);
        to.push(record(0)).unwrap();
        drop(consumer);
        let gone = PushAllError { pushed: 13, source: ProduceError::ConsumerGone };
        assert_eq!(to.push_all((1..100).map(record)), Err(gone));
        let none = PushAllError { pushed: 0, source: ProduceError::ConsumerGone };
        assert_eq!(to.push_slice(&records(14..16)), Err(none));
        assert_eq!(to.push(record(14)), Err(ProduceError::ConsumerGone));
        drop(to);
        drop(producer);
        // What was taken is still there for the next consumer.
        let (_producer, mut consumer) = buffer.split_mut();
        same(&available(&mut consumer), &records::<[u64; 4]>(0..14));
    }
}

#[test]
fn a_forgotten_half_slot_is_used_again() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        for turn in 0..5 {
            let mut to = producer.records::<u64>(KIND);
            to.push_all([SENTINEL; 7]).unwrap();
            std::mem::forget(to);
            producer.records::<u64>(KIND).push(turn).unwrap();
            std::mem::forget(consumer.records::<u64>(KIND, Wait::No).unwrap());
            assert_eq!(consumer.records::<u64>(KIND, Wait::No).unwrap_err(), ConsumeError::Empty.into());
        }
        assert_eq!(consumer.position(), 5);
        assert_eq!(producer.free_slots(), 2);
    }
}

#[test]
fn an_iterator_that_panics_loses_nothing() {
    let mut buffer = ring(4, Mode::Fenced);
    let (mut producer, mut consumer) = buffer.split_mut();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let numbers = (0..40).map(|i| if i == 35 { std::panic::resume_unwind(Box::new(())) } else { i });
        producer.records::<u64>(KIND).push_all(numbers).unwrap();
    }));
    assert!(outcome.is_err());
    same(&available(&mut consumer), &(0..35).collect::<Vec<u64>>());
}

#[test]
fn the_end_and_the_time_limit_are_told() {
    let mut buffer = ring(4, Mode::Fenced);
    let (mut producer, mut consumer) = buffer.split_mut();
    let waited = consumer.records::<u64>(KIND, Duration::from_millis(1)).unwrap_err();
    assert!(matches!(waited, ConsumeRecordsError::Stream(ConsumeError::TimedOut { .. })));
    producer.records::<u64>(KIND).push(1).unwrap();
    producer.finish();
    assert_eq!(consumer.records::<u64>(KIND, Duration::MAX).unwrap().len(), 1);
    assert_eq!(consumer.records::<u64>(KIND, Wait::Forever).unwrap_err(), ConsumeError::EndOfStream.into());
    assert_eq!(consumer.records::<u64>(KIND, Wait::No).unwrap_err(), ConsumeError::EndOfStream.into());
    assert_eq!(consumer.for_each_record(KIND, |_: &u64| ()), Ok(0));
}

/// A thread sends a million records in every way; both ways of reading get them all, in order.
#[test]
fn two_threads_lose_nothing() {
    type Record = [u64; 3];
    let sample = |number: u64| -> Record { [number, !number, number * 3] };
    for mode in MODES {
        for by_batch in [false, true] {
            let (mut producer, mut consumer) = ring(16, mode).split();
            let count = 300_000;
            let sending = std::thread::spawn(move || {
                let mut random = Random(7);
                let mut to = producer.records::<Record>(KIND);
                let mut next = 0;
                while next < count {
                    let some = random.below(50).min(count - next);
                    let numbers = next..next + some;
                    match random.below(4) {
                        0 => numbers.for_each(|number| to.push(sample(number)).unwrap()),
                        1 => drop(to.push_all(numbers.map(sample)).unwrap()),
                        2 => drop(to.push_slice(&numbers.map(sample).collect::<Vec<_>>()).unwrap()),
                        _ => {
                            to = to.wait(Wait::No);
                            numbers.for_each(|number| while to.push(sample(number)).is_err() {});
                            to = to.wait(Wait::Forever);
                        }
                    }
                    next += some;
                    if random.below(8) == 0 {
                        to.flush();
                    }
                }
            });
            let mut next = 0;
            let mut check = |record: &Record| {
                assert_eq!(*record, sample(next));
                next += 1;
            };
            if by_batch {
                loop {
                    match consumer.records::<Record>(KIND, Wait::Forever) {
                        Ok(batch) => batch.iter().for_each(&mut check),
                        Err(error) => break assert_eq!(error, ConsumeError::EndOfStream.into()),
                    }
                }
            } else {
                assert_eq!(consumer.for_each_record(KIND, check), Ok(count));
            }
            sending.join().unwrap();
            assert_eq!(next, count);
        }
    }
}
