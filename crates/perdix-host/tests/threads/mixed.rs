//! A producer and a consumer that use all calls in a random mix, and check every byte.

use std::mem::forget;
use std::thread;
use std::time::Duration;

use perdix_host::{ConsumeError, Consumer, ProduceError, Producer, Wait};

use crate::common::{Random, fill, holds, kind_of, len_of};

const PATIENCE: Duration = Duration::from_secs(60);

/// How fast a half works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as it can.
    Full,
    /// With short and long pauses now and then.
    Pausing,
}

impl Pace {
    fn pause(self, random: &mut Random) {
        match random.below(256) {
            _ if self == Self::Full => {}
            0 => thread::sleep(Duration::from_micros(300)),
            1..=4 => thread::yield_now(),
            5..=12 => (0..random.below(500)).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
    }
}

/// Sends the messages 0 to `count - 1`, and says how many slots and bytes it published.
pub(crate) fn produce_mixed(
    producer: &mut Producer<'_>,
    count: u64,
    longest: usize,
    seed: u64,
    pace: Pace,
) -> (u64, u64) {
    let mut random = Random(seed);
    let mut scratch = vec![0; longest.max(240)];
    let (mut slots, mut sum) = (0, 0);
    let mut index = 0;
    while index < count {
        pace.pause(&mut random);
        let (len, kind) = (len_of(index, longest), kind_of(index));
        let bytes = &mut scratch[..len];
        fill(index, 0, bytes);
        let mut sent = 1;
        match random.below(12) {
            choice if len > 240 => match choice {
                0..=3 => producer.message(bytes).kind(kind).wait(PATIENCE).send_large().unwrap(),
                4..=7 => until_room(|| producer.message(bytes).kind(kind).wait(Wait::No).send_large()),
                _ => producer.message(bytes).kind(kind).send_large().unwrap(),
            },
            0 => until_room(|| producer.message(bytes).kind(kind).wait(Wait::No).send()),
            1 => {
                let mut grant = producer.reserve(len, PATIENCE).unwrap();
                grant.set_kind(kind);
                grant.copy_from_slice(bytes);
                grant.commit();
            }
            2 => {
                let mut grant = producer.reserve(240, Wait::Forever).unwrap();
                grant.set_kind(kind);
                grant[..len].copy_from_slice(bytes);
                grant.commit_len(len);
            }
            3 | 4 => {
                sent = in_batch(producer, index, count, longest, random.below(70) as usize + 1);
            }
            5 => {
                give_up(producer, random.below(2) == 0);
                sent = 0;
            }
            6 if kind == 0 => producer.produce(bytes).unwrap(),
            7 if kind == 0 => producer.message(bytes).wait(PATIENCE).send().unwrap(),
            8 if kind == 0 => {
                let one_slot = |i: &u64| *i < count && kind_of(*i) == 0 && len_of(*i, longest) <= 240;
                let run: Vec<Vec<u8>> = (index..)
                    .take_while(one_slot)
                    .map(|index| {
                        let mut bytes = vec![0; len_of(index, longest)];
                        fill(index, 0, &mut bytes);
                        bytes
                    })
                    .collect();
                sent = producer.produce_all(&run).unwrap();
                assert_eq!(sent, run.len() as u64);
            }
            9 => producer.message(bytes).kind(kind).send_large().unwrap(),
            _ => producer.message(bytes).kind(kind).send().unwrap(),
        }
        for index in index..index + sent {
            let len = len_of(index, longest);
            slots += len.div_ceil(240).max(1) as u64;
            sum += len as u64;
        }
        index += sent;
    }
    (slots, sum)
}

/// Repeats a call that does not wait until the ring has room.
fn until_room(mut call: impl FnMut() -> Result<(), ProduceError>) {
    loop {
        match call() {
            Ok(()) => return,
            Err(ProduceError::Full { .. }) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Sends the messages from `index` on that fit one batch, and says how many those are.
fn in_batch(producer: &mut Producer<'_>, index: u64, count: u64, longest: usize, most: usize) -> u64 {
    let mut batch = producer.batch(most, Wait::Forever).unwrap();
    for index in index..count {
        let (len, kind) = (len_of(index, longest), kind_of(index));
        if batch.room() == 0 || len > 240 {
            break;
        }
        if index % 2 == 0 {
            batch.set_kind(kind).write(len, |slot| fill(index, 0, slot)).unwrap();
        } else {
            let mut bytes = [0; 240];
            fill(index, 0, &mut bytes[..len]);
            batch.set_kind(kind).push(&bytes[..len]).unwrap();
        }
    }
    batch.commit() as u64
}

/// Writes what must never be seen.
fn give_up(producer: &mut Producer<'_>, forgetting: bool) {
    let mut grant = producer.reserve(240, Wait::Forever).unwrap();
    grant.fill(0xbb);
    if forgetting {
        forget(grant);
    } else {
        drop(grant);
    }
    let Ok(mut batch) = producer.batch(3, Wait::No) else { return };
    while batch.set_kind(0xbbbb).push(&[0xbb; 240]).is_ok() {}
    if forgetting { forget(batch) } else { drop(batch) }
}

/// Puts the parts of messages together, in thought.
struct Checker {
    longest: usize,
    /// The message that comes next, or is coming.
    index: u64,
    /// Bytes of it that were seen.
    offset: usize,
}

impl Checker {
    fn part(&mut self, bytes: &[u8], kind: u16, more: bool) {
        let Self { index, offset, .. } = *self;
        assert_eq!(kind, kind_of(index), "the kind of message {index}");
        assert!(holds(index, offset, bytes), "message {index} from byte {offset}: {bytes:x?}");
        self.offset += bytes.len();
        if !more {
            assert_eq!(self.offset, len_of(index, self.longest), "the length of message {index}");
            self.index += 1;
            self.offset = 0;
        }
    }
}

/// Takes everything until the end of the stream, and says how many messages that were.
pub(crate) fn consume_mixed(consumer: &mut Consumer<'_>, longest: usize, seed: u64, pace: Pace) -> u64 {
    let mut random = Random(!seed);
    let mut checker = Checker { longest, index: 0, offset: 0 };
    let mut bytes = Vec::new();
    loop {
        pace.pause(&mut random);
        let forgetting = random.below(8) == 0;
        let most = random.below(100) as usize + 1;
        let outcome = match random.below(10) {
            0 | 1 => consumer.next(PATIENCE).map(|message| {
                checker.part(&message, message.kind(), message.has_more());
                if forgetting { forget(message) } else { drop(message) }
            }),
            2 => {
                if let Some(message) = consumer.try_consume() {
                    checker.part(&message, message.kind(), message.has_more());
                    pace.pause(&mut random);
                    if forgetting { forget(message) } else { drop(message) }
                }
                consumer.status()
            }
            3 => consumer.batch(most, Wait::Forever).map(|batch| {
                batch.iter().for_each(|part| checker.part(&part, part.kind(), part.has_more()));
                if forgetting { forget(batch) } else { drop(batch) }
            }),
            4 => {
                if let Ok(batch) = consumer.batch(most, Wait::No) {
                    batch.iter().for_each(|part| checker.part(&part, part.kind(), part.has_more()));
                }
                consumer.status()
            }
            5 => consumer.drain(|part| checker.part(&part, part.kind(), part.has_more())).map(drop),
            6 => consumer
                .messages()
                .take(most)
                .try_for_each(|part| part.map(|part| checker.part(&part, part.kind(), part.has_more()))),
            7 => {
                let there = consumer.available();
                for _ in 0..there {
                    let message = consumer.try_consume().unwrap();
                    checker.part(&message, message.kind(), message.has_more());
                }
                consumer.status()
            }
            8 => match consumer.large(&mut bytes, Wait::No) {
                Ok(large) => {
                    checker.part(&bytes, large.kind, false);
                    Ok(())
                }
                Err(ConsumeError::Empty) => Ok(()),
                Err(error) => Err(error),
            },
            _ => consumer.large(&mut bytes, PATIENCE).map(|large| checker.part(&bytes, large.kind, false)),
        };
        match outcome {
            Ok(()) => {}
            Err(ConsumeError::EndOfStream) if checker.offset == 0 => return checker.index,
            Err(error) => panic!("{error} after {} messages", checker.index),
        }
    }
}
