//! Streams of records against a model: several types and kinds, slots given away half full, other messages in between.

use std::collections::VecDeque;
use std::time::Duration;

use bytemuck::{AnyBitPattern, NoUninit};
use perdix_host::{Buffer, ConsumeRecordsError, Consumer, ProduceError, Producer, RecordError, Wait};

use crate::input::Input;
use crate::rings;

/// A record of any type, as bytes.
trait Record: NoUninit + AnyBitPattern + PartialEq + std::fmt::Debug {
    fn make(word: u64) -> Self;
}

impl<const N: usize> Record for [u8; N]
where
    [u8; N]: NoUninit + AnyBitPattern,
{
    fn make(word: u64) -> Self {
        std::array::from_fn(|i| (word >> (8 * (i % 8))) as u8)
    }
}

impl Record for u64 {
    fn make(word: u64) -> Self {
        word
    }
}

impl Record for [u64; 30] {
    fn make(word: u64) -> Self {
        [word; 30]
    }
}

/// What should lie in the slots: kind and payload of each.
type Slots = VecDeque<(u16, Vec<u8>)>;

/// Runs the operations that the bytes say.
///
/// # Panics
/// If the ring does what the model does not.
pub fn run(input: &mut Input<'_>) {
    let config = rings::config(input);
    let mut buffer = Buffer::builder()
        .slots(config.capacity as usize)
        .mode(config.mode)
        .first_message(config.start)
        .release_every(1)
        .build()
        .expect("a legal ring");
    let (mut producer, mut consumer) = buffer.split_mut();
    let mut slots = Slots::new();
    while !input.is_over() {
        match input.below(8) {
            0 => push::<[u8; 1]>(&mut producer, &mut slots, input),
            1 => push::<[u8; 3]>(&mut producer, &mut slots, input),
            2 => push::<u64>(&mut producer, &mut slots, input),
            3 => push::<[u64; 30]>(&mut producer, &mut slots, input),
            4 => message(&mut producer, &mut slots, input),
            5 => take::<[u8; 3]>(&mut consumer, &mut slots, input),
            6 => take::<u64>(&mut consumer, &mut slots, input),
            _ => take_any(&mut consumer, &mut slots),
        }
        assert_eq!(consumer.available(), slots.len());
    }
    drop(producer);
    while let Some((kind, payload)) = slots.pop_front() {
        let message = consumer.try_consume().expect("what was sent is there");
        assert_eq!((message.kind(), &*message), (kind, &*payload));
    }
    assert!(consumer.status().is_err(), "the stream has ended");
}

/// Pushes records of one kind and drops the producer of them, which publishes the last slot.
fn push<T: Record>(producer: &mut Producer<'_>, slots: &mut Slots, input: &mut Input<'_>) {
    let per_slot = 240 / size_of::<T>();
    let (kind, count) = (input.below(3).into(), usize::from(input.byte()));
    let mut free = producer.free_slots();
    let mut records = producer.records::<T>(kind).wait(Wait::No);
    let mut payload: Vec<u8> = Vec::new();
    for _ in 0..count {
        let record = T::make(input.word());
        let opens = payload.is_empty();
        match records.push(record) {
            Ok(()) => assert!(!opens || free > 0, "there was no room"),
            Err(ProduceError::Full { .. }) => {
                assert!(opens && free == 0, "there was room for {free} slots");
                break;
            }
            Err(other) => panic!("{other}"),
        }
        payload.extend_from_slice(bytemuck::bytes_of(&record));
        if payload.len() == per_slot * size_of::<T>() {
            slots.push_back((kind, std::mem::take(&mut payload)));
            free -= 1;
        }
        assert_eq!(records.pending() * size_of::<T>(), payload.len());
        if input.below(16) == 0 {
            records.flush();
            if !payload.is_empty() {
                slots.push_back((kind, std::mem::take(&mut payload)));
                free -= 1;
            }
        }
    }
    drop(records);
    if !payload.is_empty() {
        slots.push_back((kind, payload));
    }
}

/// Sends a message that may be no records.
fn message(producer: &mut Producer<'_>, slots: &mut Slots, input: &mut Input<'_>) {
    let (kind, len) = (input.below(3).into(), usize::from(input.byte()).min(240));
    let payload = input.payload(len);
    if producer.message(&payload).kind(kind).wait(Wait::No).send().is_ok() {
        slots.push_back((kind, payload));
    }
}

/// Takes records of one kind, if the next message holds them.
fn take<T: Record>(consumer: &mut Consumer<'_>, slots: &mut Slots, input: &mut Input<'_>) {
    let (kind, first) = (input.below(3).into(), consumer.position());
    let fits = |(other, payload): &(u16, Vec<u8>)| *other == kind && payload.len() % size_of::<T>() == 0;
    let wait = if input.flag() { Wait::No } else { Duration::ZERO.into() };
    match (consumer.records::<T>(kind, wait), slots.front()) {
        (Err(ConsumeRecordsError::Stream(_)), None) => {}
        (Ok(batch), Some(front)) => {
            assert!(fits(front), "{front:?} holds no such records");
            let count = slots.iter().take(32).take_while(|slot| fits(slot)).count();
            let payload: Vec<u8> = slots.drain(..count).flat_map(|(_, payload)| payload).collect();
            assert_eq!(batch.len() * size_of::<T>(), payload.len());
            assert!(batch.iter().flat_map(|record| bytemuck::bytes_of(record)).eq(&payload));
        }
        (Err(ConsumeRecordsError::Record(error)), Some(front)) => {
            assert!(!fits(front), "{error}");
            let (RecordError::Length { message, .. } | RecordError::Kind { message, .. }) = error else {
                panic!("{error}")
            };
            assert_eq!(message, first);
        }
        (batch, front) => panic!("{batch:?}, but the next slot should be {front:?}"),
    }
}

fn take_any(consumer: &mut Consumer<'_>, slots: &mut Slots) {
    match (consumer.try_consume(), slots.pop_front()) {
        (None, None) => {}
        (Some(message), Some((kind, payload))) => assert_eq!((message.kind(), &*message), (kind, &*payload)),
        (message, slot) => panic!("{message:?}, not {slot:?}"),
    }
}
