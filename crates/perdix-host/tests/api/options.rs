//! How long a call waits, the kind, and whether it drops are values that every call takes; and a call that does
//! not wait says why there is nothing.

use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};
use perdix_host::{
    Buffer, ConsumeError, Consumer, Disconnected, Fault, ProduceError, Producer, ReceiveError, Typed, Wait,
};

use crate::common::MODES;
use crate::ring;

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Step(u64);

impl Typed for Step {
    const KIND: u16 = 9;
}

const LIMIT: Duration = Duration::from_millis(3);
const FULL: ProduceError = ProduceError::Full { needed: 1, capacity: 2 };

fn stream(error: ReceiveError) -> ConsumeError {
    match error {
        ReceiveError::Stream(error) => error,
        other => panic!("{other:?}"),
    }
}

type Consume = fn(&mut Consumer<'_>, Wait) -> Result<(), ConsumeError>;

const CONSUME: [(&str, Consume); 5] = [
    ("next", |consumer, wait| consumer.next(wait).map(drop)),
    ("batch", |consumer, wait| consumer.batch(9, wait).map(drop)),
    ("large", |consumer, wait| consumer.large(&mut Vec::new(), wait).map(drop)),
    ("value", |consumer, wait| consumer.value::<Step>(wait).map(drop).map_err(stream)),
    ("value_copy", |consumer, wait| consumer.value_copy::<Step>(wait).map(drop).map_err(stream)),
];

type Produce = fn(&mut Producer<'_>, Wait) -> Result<(), ProduceError>;

const PRODUCE: [(&str, Produce); 4] = [
    ("message", |producer, wait| producer.message(b"x").kind(1).wait(wait).send()),
    ("large message", |producer, wait| producer.message(b"x").wait(wait).send_large()),
    ("value", |producer, wait| producer.value(&Step(1)).wait(wait).send()),
    ("reserve_value", |producer, wait| producer.reserve_value::<Step>(wait).map(|grant| grant.commit())),
];

#[test]
fn an_empty_ring_says_so_by_the_wait() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        for (name, call) in CONSUME {
            assert_eq!(call(&mut consumer, Wait::No), Err(ConsumeError::Empty), "{name}");
            let start = Instant::now();
            let timed_out = call(&mut consumer, LIMIT.into());
            assert!(matches!(timed_out, Err(ConsumeError::TimedOut { .. })), "{name}: {timed_out:?}");
            assert!(start.elapsed() >= LIMIT, "{name}");
            for wait in [Wait::No, Wait::Forever, Wait::For(LIMIT)] {
                producer.value(&Step(1)).send().unwrap();
                assert_eq!(call(&mut consumer, wait), Ok(()), "{name}");
            }
        }
        assert_eq!(consumer.available(), 0);
    }
}

#[test]
fn a_full_ring_says_so_by_the_wait() {
    for mode in MODES {
        for (name, call) in PRODUCE {
            let mut buffer = Buffer::builder().slots(2).mode(mode).release_every(1).build().unwrap();
            let (mut producer, mut consumer) = buffer.split_mut();
            producer.produce_all([b"a", b"b"]).unwrap();
            assert_eq!(call(&mut producer, Wait::No), Err(FULL), "{name}");
            let timed_out = call(&mut producer, LIMIT.into());
            assert!(matches!(timed_out, Err(ProduceError::TimedOut { .. })), "{name}: {timed_out:?}");
            for wait in [Wait::No, Wait::Forever, Wait::For(LIMIT)] {
                drop(consumer.consume().unwrap());
                assert_eq!(call(&mut producer, wait), Ok(()), "{name}");
            }
        }
    }
}

#[test]
fn kinds_and_drops_are_options() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!(producer.message(b"a").kind(3).send_or_drop(), Ok(true));
        assert_eq!(producer.value(&Step(5)).send_or_drop(), Ok(true));
        assert_eq!(producer.value(&Step(6)).send_or_drop(), Ok(false));
        assert_eq!(producer.unreported_drops(), 1);
        assert_eq!(consumer.try_next().map(|message| message.kind()), Ok(3));
        assert_eq!(consumer.value::<Step>(Wait::No).map(|step| *step), Ok(Step(5)));
        assert_eq!(consumer.try_next().err(), Some(ConsumeError::Empty));
        producer.produce(b"b").unwrap();
        let gap = ConsumeError::Gap { dropped: 1, position: 3 };
        assert_eq!(consumer.try_next().err(), Some(gap));
        assert_eq!(&consumer.try_next().unwrap()[..], b"b");
        let too_long = Err(ProduceError::TooLong { len: 241, limit: 240 });
        assert_eq!(producer.message(&[0; 241]).send(), too_long);
        let too_long = Err(ProduceError::TooLong { len: 481, limit: 480 });
        assert_eq!(producer.message(&[0; 481]).send_large(), too_long);
    }
}

/// A loop of `try_consume` would spin on `None` here for ever.
#[test]
fn a_loop_that_polls_gets_past_a_gap_to_the_end() {
    for mode in MODES {
        for slots in [1, 2, 8] {
            let mut buffer = ring(slots, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            for i in 0..20_u8 {
                producer.message(&[i]).send_or_drop().unwrap();
            }
            producer.finish();
            let (mut messages, mut dropped) = (0, 0);
            loop {
                match consumer.try_next() {
                    Ok(message) => messages += message.len() as u64,
                    Err(ConsumeError::Gap { dropped: here, .. }) => dropped += here,
                    Err(error) => break assert_eq!(error, ConsumeError::EndOfStream),
                }
            }
            assert_eq!((messages, dropped), (slots as u64, 20 - slots as u64));
        }
    }
}

#[test]
fn a_call_that_does_not_wait_names_a_failure() {
    for mode in MODES {
        for (name, call) in CONSUME {
            let (producer, mut consumer) = ring(2, mode).split();
            let _ = std::thread::spawn(move || {
                let _producer = producer;
                std::panic::resume_unwind(Box::new("on purpose"));
            })
            .join();
            let failed = ConsumeError::ProducerFailed { fault: Fault::Panicked, first_missing: 0 };
            assert_eq!(call(&mut consumer, Wait::No), Err(failed), "{name}");
        }
    }
}

#[test]
fn a_loop_that_polls_learns_that_the_producer_is_lost() {
    for (name, call) in CONSUME {
        let (mut producer, mut consumer) = ring(2, perdix_host::Mode::Fenced).into_emulated();
        producer.run(|_| true).unwrap(); // a kernel that ends without ending the stream
        let polls = (0..1000).find_map(|_| match call(&mut consumer, Wait::No) {
            Err(ConsumeError::Empty) => None,
            other => Some(other),
        });
        assert!(matches!(polls, Some(Err(ConsumeError::ProducerLost { .. }))), "{name}: {polls:?}");
    }
}

#[test]
fn the_producer_can_ask_whether_somebody_reads() {
    let mut buffer = ring(2, perdix_host::Mode::Fenced);
    let (producer, consumer) = buffer.split_mut();
    assert_eq!(producer.status(), Ok(()));
    drop(consumer);
    assert_eq!(producer.status(), Err(Disconnected::Gone));
}
