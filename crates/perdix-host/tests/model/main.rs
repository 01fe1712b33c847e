//! Proves that random interleavings of every operation of both halves do what a queue would do: same messages, same order,
//! refused exactly when there is no room, whatever is forgotten, given up, split again or left behind.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test
#![allow(clippy::forget_non_drop)] // whether a guard needs Drop is its own business

mod consume;
pub(crate) mod ops;
mod produce;
mod queue;

use ops::{Op, Plan, plan};
use perdix_host::{Buffer, ConsumeError, Consumer, Producer};
use proptest::prelude::*;
use queue::Queue;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn the_ring_does_what_a_queue_does(plan in plan()) {
        run(plan);
    }
}

const CASES: u32 = if cfg!(debug_assertions) { 400 } else { 20_000 };

/// Runs a plan on a buffer and on the model: the test's, or a fuzzer's.
pub(crate) fn run(plan: Plan) {
    let mut builder = Buffer::builder().slots(plan.slots).mode(plan.mode).first_message(plan.start);
    if let Some(every) = plan.release_every {
        builder = builder.release_every(every);
    }
    let mut buffer = builder.build().unwrap();
    let mut queue = Queue::new(plan.slots, plan.start, plan.release_every);
    let mut ops = plan.ops.into_iter();
    let mut end_of = End::Dropped;
    while end_of != End::Plan {
        end_of = session(&mut buffer, &mut queue, &mut ops, end_of);
    }
    let (producer, consumer) = buffer.split_mut();
    queue.split();
    end(producer, consumer, &mut queue);
}

/// How the operations between two splits ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The consumer was dropped.
    Dropped,
    /// The consumer was forgotten.
    Forgotten,
    /// No operation is left.
    Plan,
}

/// Runs the operations up to the next split.
fn session(buffer: &mut Buffer, queue: &mut Queue, ops: &mut impl Iterator<Item = Op>, before: End) -> End {
    let (mut producer, mut consumer) = buffer.split_mut();
    if before == End::Forgotten {
        queue.split_again(consumer.position());
    } else {
        queue.split();
    }
    assert!(producer.status().is_ok());
    consume::run(&mut producer, &mut consumer, queue, ops::Take::Status);
    for op in ops {
        match op {
            Op::Produce(make) => produce::run(&mut producer, queue, make),
            Op::Consume(take) => consume::run(&mut producer, &mut consumer, queue, take),
            Op::Split { forget_producer, forget_consumer } => {
                if forget_producer {
                    std::mem::forget(producer);
                } else {
                    drop(producer);
                }
                if forget_consumer {
                    std::mem::forget(consumer);
                    return End::Forgotten;
                }
                return End::Dropped;
            }
            Op::End => {
                end(producer, consumer, queue);
                return End::Dropped;
            }
            Op::Leave(make) => {
                drop(consumer);
                queue.settle();
                assert!(producer.status().is_err());
                queue.gone = true;
                for make in make {
                    produce::run(&mut producer, queue, make);
                }
                return End::Dropped;
            }
        }
        assert_eq!(consumer.position(), queue.next);
        assert_eq!(consumer.available(), queue.run());
    }
    End::Plan
}

/// Ends the stream: the consumer gets all that is left, then the end.
fn end(producer: Producer<'_>, mut consumer: Consumer<'_>, queue: &mut Queue) {
    let counters = producer.counters();
    producer.finish();
    let mut missing = 0;
    for message in consumer.messages() {
        let message = match message {
            Err(ConsumeError::Gap { dropped, .. }) if queue.gap().is_none() => {
                // What was dropped last, with no room for a notice.
                missing += dropped;
                continue;
            }
            Err(ConsumeError::Gap { dropped, position }) => {
                queue.take_gap(dropped, position);
                continue;
            }
            message => message.unwrap(),
        };
        assert_eq!(missing, 0, "a message after the end");
        queue.take(message.number(), message.kind(), message.has_more(), &message);
    }
    assert!(queue.there.is_empty(), "{} messages are lost", queue.there.len());
    assert_eq!(consumer.status(), Err(ConsumeError::EndOfStream));
    assert_eq!(consumer.consume().err(), Some(ConsumeError::EndOfStream));
    drop(consumer);
    queue.settle();
    let now = counters.read();
    assert_eq!((now.sent, now.sent_bytes), (queue.sent, queue.sent_bytes));
    assert!(queue.forgot || (now.received, now.received_bytes) == (queue.sent, queue.sent_bytes));
    queue.told += missing;
    assert_eq!((now.dropped, queue.told), (queue.dropped, queue.dropped));
    assert!(now.highest_fill <= now.capacity);
}
