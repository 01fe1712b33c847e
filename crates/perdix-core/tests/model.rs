//! The halves against a model: random sequences of every operation, in both modes, on rings of
//! every small size and with numbers about to wrap, must do what a queue in plain variables does:
//! every result, every byte, every counter, and the words that the other side would read. Messages
//! that were taken stay intact until they are recycled.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;
#[path = "common/messages.rs"]
pub(crate) mod messages;
#[path = "common/queue.rs"]
mod queue;

use std::sync::atomic::Ordering;

use common::{MODES, Region, halves, offset};
use messages::{Message, config, describes, in_place, message};
use perdix_core::{Config, Consumer, Cursor, Fault, PAYLOAD_SIZE, Poll, Producer, Refused};
use proptest::prelude::*;
use queue::Model;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Push(Message),
    PushTooLong(usize),
    Stage(Message),
    StageTooLong(usize),
    StageInPlace(Message),
    Publish,
    Abandon,
    Renew(u64),
    PushOrDrop(Message),
    Finish,
    Fail(Fault),
    Reopen,
    Poll,
    Take(u64),
    TakeRun(u64),
    TakeGap,
    Settle,
    PublishTail,
    Leave,
    Rejoin,
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    prop_oneof![
        12 => message().prop_map(Push),
        1 => prop_oneof![Just(241), 241..100_000usize].prop_map(PushTooLong),
        10 => message().prop_map(Stage),
        1 => prop_oneof![Just(241), 241..100_000usize].prop_map(StageTooLong),
        6 => message().prop_map(StageInPlace),
        8 => Just(Publish),
        1 => Just(Abandon),
        2 => (0..70u64).prop_map(Renew),
        8 => message().prop_map(PushOrDrop),
        1 => Just(Finish),
        1 => prop_oneof![Just(Fault::TimedOut), Just(Fault::TooLong)].prop_map(Fail),
        2 => Just(Reopen),
        5 => Just(Poll),
        14 => (0..10u64).prop_map(Take),
        6 => prop_oneof![0..70u64, any::<u64>()].prop_map(TakeRun),
        6 => Just(TakeGap),
        12 => Just(Settle),
        3 => Just(PublishTail),
        1 => Just(Leave),
        2 => Just(Rejoin),
    ]
}

/// The model and the real thing, in step.
struct Twins {
    model: Model,
    start: u64,
    region: Region,
    producer: Producer,
    consumer: Consumer,
}

impl Twins {
    fn new(config: Config, tail_every: Option<u64>) -> Self {
        let (region, ring) = Region::with_ring(config);
        let (producer, mut consumer) = halves(ring);
        let mut model = Model { capacity: config.capacity, ..Model::default() };
        model.tail_every = (config.capacity / 4).clamp(1, 256);
        if let Some(every) = tail_every {
            consumer = consumer.with_tail_every(every);
            model.tail_every = every.clamp(1, config.capacity);
        }
        Self { model, start: config.start, region, producer, consumer }
    }

    fn run(&mut self, step: Step) {
        use Step::{Fail, Finish, Publish, Push, PushOrDrop, Renew, Stage, StageInPlace};
        // Who has ended the stream publishes nothing before opening it again.
        let publishes = matches!(
            step,
            Push(_) | PushOrDrop(_) | Renew(_) | Stage(_) | StageInPlace(_) | Publish | Finish | Fail(_)
        );
        if !(publishes && self.model.end.is_some()) {
            self.apply(step);
        }
        self.compare();
    }

    fn apply(&mut self, step: Step) {
        let Self { model, producer, consumer, .. } = self;
        match step {
            Step::Push(message) => {
                let result = producer.push(message.kind, message.flags, &message.bytes);
                assert_eq!(result, model.push(message));
            }
            Step::PushTooLong(len) => {
                assert_eq!(producer.push(0, 0, &vec![0; len]), Err(Refused::TooLong));
            }
            Step::Stage(message) => {
                let result = producer.stage(message.kind, message.flags, &message.bytes);
                assert_eq!(result, model.stage(message));
            }
            Step::StageTooLong(len) => assert_eq!(producer.stage(0, 0, &vec![0; len]), Err(Refused::TooLong)),
            Step::StageInPlace(message) => self.stage_in_place(message),
            Step::Publish => assert_eq!(producer.publish(), model.publish()),
            Step::Abandon => {
                producer.abandon();
                model.staged.clear();
            }
            Step::Renew(slots) => assert_eq!(producer.renew(slots), model.renew(slots)),
            Step::PushOrDrop(message) => {
                let result = producer.push_or_drop(message.kind, message.flags, &message.bytes);
                assert_eq!(result, model.push_or_drop(message));
            }
            Step::TakeGap => assert_eq!(consumer.take_gap(), model.take_gap()),
            Step::Finish => {
                producer.finish();
                model.finish(None);
            }
            Step::Fail(fault) => {
                producer.fail(fault);
                model.finish(Some(fault));
            }
            Step::Reopen => {
                producer.reopen();
                let told = consumer.dropped() + consumer.published().1;
                producer.set_dropped(producer.dropped(), producer.dropped() - told);
                model.reopen();
            }
            Step::Poll => drop(self.look()),
            Step::Take(most) => (0..most).for_each(|_| self.take_one()),
            Step::TakeRun(most) => self.take_run(most),
            Step::Settle => {
                consumer.recycle();
                model.recycle();
            }
            Step::PublishTail => {
                consumer.publish_tail();
                model.publish_tail();
            }
            Step::Leave | Step::Rejoin => {
                model.gone = matches!(step, Step::Leave);
                if model.gone {
                    consumer.disconnect();
                } else {
                    consumer.reconnect();
                }
                model.recycle();
                model.publish_tail();
            }
        }
    }

    fn stage_in_place(&mut self, message: Message) {
        let expected = self.model.stage(message.clone());
        match self.producer.vacant() {
            Err(refused) => assert_eq!(Err(refused), expected),
            Ok(mut free) => {
                assert_eq!(expected, Ok(()));
                let len = message.bytes.len();
                if len % 2 == 0 {
                    free.payload_mut()[..len].copy_from_slice(&message.bytes);
                } else {
                    free.write(&message.bytes);
                }
                free.stage(message.kind, message.flags, len);
            }
        }
    }

    fn look(&mut self) -> Poll {
        let found = self.consumer.look().unwrap();
        match (found, self.model.queue.front()) {
            (Poll::Ready(meta), Some(Ok(message))) => {
                assert!(describes(self.consumer.ring(), self.consumer.next(), meta, message));
            }
            (Poll::Gap(dropped), _) => assert_eq!(Some(dropped), self.model.next_gap()),
            (Poll::Empty, None) => assert_eq!(self.model.end, None),
            (Poll::Ended, None) => assert_eq!(self.model.end, Some(self.model.head)),
            (found, expected) => panic!("found {found:?}, expected {expected:?}"),
        }
        if !matches!(found, Poll::Ready(_)) && self.model.tail != self.model.recycled {
            self.model.publish_tail();
        }
        found
    }

    fn take_one(&mut self) {
        let Poll::Ready(_) = self.look() else { return };
        let mut bytes = [0xaa; PAYLOAD_SIZE + 1];
        let Ok(Poll::Ready(message)) = self.consumer.poll() else { panic!("it was there") };
        let len = message.copy_to(&mut bytes);
        assert_eq!(message.payload(), &bytes[..len]);
        message.take();
        assert_eq!(bytes[..len], self.model.take().unwrap().bytes);
        assert_eq!(bytes[len], 0xaa);
    }

    fn take_run(&mut self, most: u64) {
        let (count, bytes) = self.consumer.available_sized(most);
        assert_eq!(count, most.min(self.model.run()));
        assert_eq!(count, self.consumer.available(most));
        for ahead in 0..count {
            let number = self.consumer.next().wrapping_add(ahead);
            let meta = self.consumer.peek(ahead).unwrap().unwrap();
            let message = self.model.take().unwrap();
            assert!(describes(self.consumer.ring(), number, meta, &message));
        }
        // SAFETY: the run was found there.
        unsafe { self.consumer.take(count, bytes) };
    }
    /// Everything that can be seen from outside, above all in shared memory.
    fn compare(&mut self) {
        let Self { model, start, region, producer, consumer } = self;
        let number = |count: u64| start.wrapping_add(count);
        let load = |offset: usize| region.word(offset).load(Ordering::Relaxed);
        let next = model.recycled + model.held.len() as u64;
        assert_eq!(producer.head(), number(model.head));
        assert_eq!(producer.staged(), model.staged.len() as u64);
        assert_eq!(producer.credit(), model.capacity - (model.head - model.cached_tail));
        assert_eq!(producer.consumer_disconnected(), model.gone);
        assert_eq!(consumer.next(), number(next));
        assert_eq!(consumer.taken(), model.taken.into());
        assert_eq!(consumer.available(u64::MAX), model.run());
        assert_eq!(consumer.published().0, model.queue.len() as u64);
        assert_eq!((producer.unreported(), producer.dropped()), (model.gap, model.produced[3]));
        assert_eq!(consumer.until_end(), model.end.map(|end| end - next));
        assert_eq!(consumer.fault(), model.fault);
        assert_eq!(load(offset::FAULT), model.fault.map_or(0, |fault| fault as u64));
        assert_eq!(load(offset::TAIL), Cursor::new(number(model.tail), model.gone).word());
        assert_eq!(load(offset::END), model.end.map_or(0, |end| Cursor::new(number(end), true).word()));
        assert_eq!([0, 8].map(|i| load(offset::CONSUMER_STATS + i)), model.taken_published);
        assert_eq!([0, 8, 16, 24, 32].map(|i| load(offset::PRODUCER_STATS + i)), model.produced);
        assert!(model.produced[4] <= model.capacity);
        for (ahead, message) in (0..).zip(&model.held) {
            let Ok(message) = message else { continue };
            let found = in_place(consumer.ring(), number(model.recycled + ahead), message.bytes.len());
            assert_eq!(found, message.bytes, "a message that is still held");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 150 } else { 5000 }))]

    #[test]
    fn the_ring_does_what_a_queue_does(
        config in config(&MODES),
        tail_every in prop::option::of(0..70u64),
        steps in prop::collection::vec(step(), 0..300),
    ) {
        run(config, tail_every, steps);
    }
}

/// Runs the steps on a ring and on the model: the test's, or a fuzzer's.
pub(crate) fn run(config: Config, tail_every: Option<u64>, steps: impl IntoIterator<Item = Step>) {
    let mut twins = Twins::new(config, tail_every);
    twins.compare();
    steps.into_iter().for_each(|step| twins.run(step));
}
