//! The consumer's operations on the ring and on the model.

use std::mem::forget;
use std::time::Duration;

use perdix_host::{ConsumeError, Consumer, Message, MessageBatch, Producer, Wait};

use super::ops::{Fate, Make, Take};
use super::produce;
use super::queue::Queue;

pub(crate) fn run(producer: &mut Producer<'_>, consumer: &mut Consumer<'_>, queue: &mut Queue, take: Take) {
    match take {
        Take::One { during, fate } => {
            queue.look();
            match consumer.try_consume() {
                None => assert_eq!(queue.run(), 0),
                Some(message) => one(producer, queue, message, during, fate),
            }
        }
        Take::Timeout => {
            queue.look();
            match consumer.next(Duration::ZERO) {
                Ok(message) => one(producer, queue, message, Vec::new(), Fate::Drop),
                Err(ConsumeError::Gap { dropped, position }) => queue.take_gap(dropped, position),
                Err(error) => {
                    assert!(matches!(error, ConsumeError::TimedOut { .. }) && queue.there.is_empty());
                }
            }
        }
        Take::Batch { most, during, fate } => {
            queue.look();
            let there = queue.run();
            match consumer.batch(most, Wait::No) {
                Err(ConsumeError::Gap { dropped, position }) => queue.take_gap(dropped, position),
                Err(error) => assert_eq!((error, there), (ConsumeError::Empty, 0)),
                Ok(batch) => {
                    assert_eq!(batch.len(), most.min(there));
                    several(producer, queue, batch, during, fate);
                }
            }
        }
        Take::Drain => {
            let there = queue.run();
            let count = consumer.drain(|got| queue.take(got.number(), got.kind(), got.has_more(), &got));
            queue.settle();
            queue.look();
            match count {
                Err(ConsumeError::Gap { dropped, position }) => queue.take_gap(dropped, position),
                count => assert_eq!(count, Ok(there)),
            }
        }
        Take::Status => {
            queue.look();
            match consumer.status() {
                Err(ConsumeError::Gap { dropped, position }) => queue.take_gap(dropped, position),
                status => assert_eq!((status, queue.gap()), (Ok(()), None)),
            }
        }
        Take::Large => {
            queue.look();
            let mut bytes = b"rubbish".to_vec();
            let large = match consumer.large(&mut bytes, Wait::No) {
                Err(ConsumeError::Gap { dropped, position }) => return queue.take_gap(dropped, position),
                large => large,
            };
            let Some((kind, slots, want)) = queue.whole() else {
                return assert_eq!(large, Err(ConsumeError::Empty));
            };
            let large = large.unwrap();
            assert_eq!((large.kind, large.number, large.slots), (kind, queue.next, slots));
            assert_eq!(bytes, want);
            queue.take_whole(slots);
            queue.settle();
        }
    }
}

/// Checks a message, lets the producer work while it is held, and checks it again.
fn one(producer: &mut Producer<'_>, queue: &mut Queue, message: Message<'_>, during: Vec<Make>, fate: Fate) {
    let before = message.to_vec();
    queue.take(message.number(), message.kind(), message.has_more(), &message);
    for make in during {
        produce::run(producer, queue, make);
    }
    assert_eq!(message[..], before, "overwritten while borrowed");
    match fate {
        Fate::Drop => {
            drop(message);
            queue.settle();
        }
        Fate::Forget => forget(message),
    }
}

/// The same with a batch.
fn several(
    producer: &mut Producer<'_>,
    queue: &mut Queue,
    batch: MessageBatch<'_>,
    during: Vec<Make>,
    fate: Fate,
) {
    let before: Vec<Vec<u8>> = batch.iter().map(|got| got.to_vec()).collect();
    batch.iter().for_each(|got| queue.take(got.number(), got.kind(), got.has_more(), &got));
    for make in during {
        produce::run(producer, queue, make);
    }
    for (index, before) in before.iter().enumerate() {
        assert_eq!(&batch.get(index).unwrap()[..], before, "overwritten while borrowed");
    }
    match fate {
        Fate::Drop => {
            drop(batch);
            queue.settle();
        }
        Fate::Forget => forget(batch),
    }
}
