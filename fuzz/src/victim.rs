//! The host's halves on memory that somebody else writes to: every call that does not wait, or waits with a limit.

use std::hint::black_box;
use std::mem::forget;
use std::time::Duration;

use perdix_host::{
    ConsumeError, ConsumeRecordsError, Consumer, ProduceError, Producer, ShardError, ShardedConsumer, Wait,
};

use crate::input::Input;

/// One call of the producer. `meanwhile` runs while a guard lives, and may write into the ring. It may fail, with an error that has something to say.
///
/// # Panics
/// If a call does what it must not, whatever the memory holds.
#[allow(clippy::forget_non_drop)] // whether a guard needs Drop is its own business
pub fn produce(
    producer: &mut Producer<'_>,
    input: &mut Input<'_>,
    mut meanwhile: impl FnMut(&mut Input<'_>),
) {
    let len = usize::from(input.byte());
    let payload = input.payload(len);
    let result = match input.below(11) {
        0 => producer.message(&payload).kind(3).wait(Wait::No).send(),
        1 => producer.message(&payload).wait(Duration::ZERO).send(),
        2 => producer.message(&payload).send_or_drop().map(drop),
        3 => producer.message(&payload.repeat(5)).kind(3).wait(Wait::No).send_large(),
        4 => producer.message(&payload.repeat(5)).kind(3).wait(Duration::ZERO).send_large(),
        5 | 6 => producer.reserve(len.min(240), Wait::No).map(|mut grant| {
            grant.fill(1);
            meanwhile(input);
            match input.below(3) {
                0 => grant.commit(),
                1 => drop(grant),
                _ => forget(grant),
            }
        }),
        7 | 8 => producer.batch(input.byte().into(), Wait::No).map(|mut batch| {
            for _ in 0..input.below(9) {
                let _ = black_box(batch.push(&payload));
            }
            meanwhile(input);
            match input.below(3) {
                0 => drop(batch.commit()),
                1 => drop(batch),
                _ => forget(batch),
            }
        }),
        9 => {
            let mut records = producer.records::<[u8; 3]>(3).wait(Wait::No);
            (0..input.byte()).try_for_each(|i| records.push([i; 3]))
        }
        _ => {
            black_box((producer.free_slots(), producer.status().is_err(), producer.counters().read()));
            Ok(())
        }
    };
    match result {
        Ok(()) => {}
        Err(ProduceError::TooLong { len, limit }) => assert!(len > limit),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// One call of the consumer. `meanwhile` runs while a guard lives, and may write into the ring.
///
/// # Panics
/// If a call does what it must not, whatever the memory holds.
#[allow(clippy::forget_non_drop)] // as above
pub fn consume(
    consumer: &mut Consumer<'_>,
    input: &mut Input<'_>,
    capacity: usize,
    mut meanwhile: impl FnMut(&mut Input<'_>),
) {
    match input.below(12) {
        0 | 1 => {
            let next = if input.flag() {
                consumer.try_consume()
            } else {
                consumer.try_next().map_err(|error| explained(&error)).ok()
            };
            if let Some(message) = next {
                meanwhile(input);
                look(&message);
                black_box((message.to_owned(), message.records::<u32>().is_ok()));
                if input.below(4) == 0 {
                    forget(message);
                }
            }
        }
        2 | 3 => match consumer.batch(input.pick([0, 1, 2, 32, 1000]), Wait::No) {
            Ok(batch) => {
                assert!(batch.len() <= capacity);
                meanwhile(input);
                batch.iter().for_each(|message| look(&message));
                black_box(batch.get(input.byte().into()).map(|message| message.to_owned()));
                if input.below(4) == 0 {
                    forget(batch);
                }
            }
            Err(error) => explained(&error),
        },
        4 => {
            // It hands slots back as it goes, which a producer may fill again; but no more than a ring full.
            let count = consumer.drain(|message| {
                look(&message);
                meanwhile(input);
            });
            match count {
                Ok(count) => assert!(count <= capacity),
                Err(error) => explained(&error),
            }
        }
        5 => {
            let mut bytes = Vec::new();
            match consumer.large(&mut bytes, Wait::No) {
                Ok(large) => assert!(large.slots <= capacity as u64 && bytes.len() <= 240 * capacity),
                Err(error) => explained(&error),
            }
        }
        6 => {
            let mut bytes = Vec::new();
            let _ = consumer.large(&mut bytes, Duration::ZERO).map_err(|error| explained(&error));
            look(&bytes);
        }
        7 => records::<[u8; 3]>(consumer, input, &mut meanwhile),
        8 => records::<u64>(consumer, input, &mut meanwhile),
        9 => match consumer.batch(input.byte().into(), Duration::ZERO) {
            Ok(batch) => batch.iter().for_each(|message| look(&message)),
            Err(error) => explained(&error),
        },
        10 => {
            let _ = consumer.status().map_err(|error| explained(&error));
        }
        _ => {
            assert!(consumer.available() <= capacity);
            black_box((consumer.position(), consumer.counters().read()));
        }
    }
}

/// Some calls of a fair consumer of this ring, its last ones.
///
/// # Panics
/// As [`consume`].
pub fn consume_fairly(
    consumer: Consumer<'_>,
    input: &mut Input<'_>,
    mut meanwhile: impl FnMut(&mut Input<'_>),
) {
    let mut consumer = ShardedConsumer::new(vec![consumer]);
    for _ in 0..input.below(16) {
        meanwhile(input);
        let result = match input.below(4) {
            0 => consumer.try_next().map(|(_, message)| look(&message)),
            1 => consumer
                .batch(input.byte().into(), Wait::No)
                .map(|(_, batch)| batch.iter().for_each(|message| look(&message))),
            2 => consumer.next(Duration::ZERO).map(|(_, message)| look(&message)),
            _ => consumer.drain(|_, message| look(&message)).map(drop),
        };
        match result {
            Err(ShardError::EndOfStream) => assert_eq!(consumer.open(), 0),
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(()) => {}
        }
    }
}

fn records<T: bytemuck::AnyBitPattern>(
    consumer: &mut Consumer<'_>,
    input: &mut Input<'_>,
    meanwhile: &mut impl FnMut(&mut Input<'_>),
) {
    let kind = input.pick([3, 0]);
    let wait = if input.flag() { Wait::No } else { Duration::ZERO.into() };
    match consumer.records::<T>(kind, wait) {
        Ok(batch) => {
            assert!(batch.len() <= 240 * 32);
            meanwhile(input);
            for slice in batch.slices() {
                // SAFETY: records of any bit pattern may be looked at as bytes.
                let bytes =
                    unsafe { std::slice::from_raw_parts(slice.as_ptr().cast::<u8>(), size_of_val(slice)) };
                look(bytes);
            }
            black_box(batch.iter().count());
        }
        Err(ConsumeRecordsError::Stream(error)) => explained(&error),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Reads every byte.
fn look(bytes: &[u8]) {
    assert!(bytes.len() <= 240 * 64);
    black_box(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
}

fn explained(error: &ConsumeError) {
    assert!(!error.to_string().is_empty());
}
