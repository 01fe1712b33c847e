//! Messages dropped because the ring was full: the consumer is told how many, in their place, whichever call it uses.

use std::time::Duration;

use perdix_host::{
    Buffer, ConsumeError, ConsumeRecordsError, Consumer, ProduceError, Producer, ShardError, ShardedConsumer,
    Wait,
};

use crate::common::MODES;
use crate::{gap, ring};

/// A ring of 4 slots: two messages, a gap of 5, and one more message.
fn with_gap<'b>(buffer: &'b mut Buffer) -> (Producer<'b>, Consumer<'b>) {
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.produce_all([b"x", b"x", b"a", b"b"]).unwrap();
    for _ in 0..5 {
        assert_eq!(producer.message(b"dropped").send_or_drop(), Ok(false));
    }
    assert_eq!(producer.unreported_drops(), 5);
    drop(consumer.batch(2, Wait::Forever).unwrap());
    assert_eq!(producer.message(b"c").send_or_drop(), Ok(true));
    assert_eq!(producer.unreported_drops(), 0);
    (producer, consumer)
}

/// The ring releases every slot at once.
fn buffer(mode: perdix_host::Mode) -> Buffer {
    crate::common::watch_process();
    Buffer::builder().slots(4).mode(mode).release_every(1).build().unwrap()
}

const GAP: ConsumeError = ConsumeError::Gap { dropped: 5, position: 5 };

fn stream(result: Result<(), ConsumeRecordsError>) -> ConsumeError {
    match result {
        Err(ConsumeRecordsError::Stream(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_call_stops_at_the_gap_and_goes_on_behind_it() {
    type Call = fn(&mut Consumer<'_>) -> ConsumeError;
    let calls: [(&str, Call); 13] = [
        ("consume", |consumer| consumer.consume().unwrap_err()),
        ("next", |consumer| consumer.next(Duration::ZERO).unwrap_err()),
        ("batch", |consumer| consumer.batch(9, Wait::Forever).unwrap_err()),
        ("batch with a limit", |consumer| consumer.batch(9, Duration::ZERO).unwrap_err()),
        ("for_each", |consumer| {
            consumer.for_each(|message| panic!("{message:?} before the gap")).unwrap_err()
        }),
        ("messages", |consumer| consumer.messages().next().unwrap().unwrap_err()),
        ("status", |consumer| {
            assert!(consumer.try_consume().is_none());
            assert_eq!(consumer.available(), 0);
            consumer.status().unwrap_err()
        }),
        ("try_next", |consumer| consumer.try_next().unwrap_err()),
        ("batch now", |consumer| consumer.batch(9, Wait::No).unwrap_err()),
        ("drain", |consumer| consumer.drain(|message| panic!("{message:?} before the gap")).unwrap_err()),
        ("large", |consumer| consumer.large(&mut Vec::new(), Wait::No).unwrap_err()),
        ("records", |consumer| stream(consumer.records::<u8>(0, Wait::Forever).map(drop))),
        ("records now", |consumer| stream(consumer.records::<u8>(0, Wait::No).map(drop))),
    ];
    for mode in MODES {
        for (name, call) in calls {
            let mut buffer = buffer(mode);
            let (producer, mut consumer) = with_gap(&mut buffer);
            assert_eq!(consumer.drain(|_| ()), Ok(2), "{name}");
            assert_eq!(call(&mut consumer), GAP, "{name}");
            let message = consumer.consume().unwrap();
            assert_eq!((&message[..], message.number()), (&b"c"[..], 5), "{name}");
            drop(message);
            assert_eq!(consumer.status(), Ok(()), "{name}: told once");
            producer.finish();
            assert_eq!(consumer.consume().err(), Some(ConsumeError::EndOfStream), "{name}");
        }
    }
}

#[test]
fn an_iterator_goes_on_behind_the_gap() {
    let mut buffer = buffer(perdix_host::Mode::Fenced);
    let (producer, mut consumer) = with_gap(&mut buffer);
    producer.finish();
    let all: Vec<_> = consumer.messages().map(|item| item.map(|message| message[0])).collect();
    assert_eq!(all, [Ok(b'a'), Ok(b'b'), Err(GAP), Ok(b'c')]);
}

#[test]
fn what_is_dropped_last_is_told_at_the_end() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        for i in 0..7 {
            assert_eq!(producer.message(&[i]).send_or_drop(), Ok(i < 2));
        }
        producer.finish();
        assert_eq!(consumer.drain(|_| ()), Ok(2));
        assert_eq!(consumer.status(), Err(ConsumeError::Gap { dropped: 5, position: 2 }));
        assert_eq!(consumer.status(), Err(ConsumeError::EndOfStream));
        // Neither told again nor forgotten when the stream goes on.
        drop(consumer);
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!((producer.unreported_drops(), producer.message(b"x").send_or_drop()), (0, Ok(true)));
        assert_eq!(consumer.drain(|_| ()), Ok(1));
        assert_eq!(consumer.status(), Ok(()));
    }
}

#[test]
fn halves_that_are_made_anew_tell_what_was_not_told() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, consumer) = buffer.split_mut();
        for i in 0..4 {
            producer.message(&[i]).send_or_drop().unwrap();
        }
        drop((producer, consumer));
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!(producer.unreported_drops(), 2);
        assert_eq!(consumer.drain(|_| ()), Ok(2));
        assert_eq!(producer.try_produce(b"x"), Ok(()));
        assert_eq!(consumer.consume().err(), Some(ConsumeError::Gap { dropped: 2, position: 3 }));
        assert_eq!(&consumer.consume().unwrap()[..], b"x");
    }
}

/// A producer under lasting pressure, and a consumer that frees one slot at a time.
#[test]
fn at_least_every_second_slot_carries_a_message() {
    for mode in MODES {
        for slots in [2, 4, 64] {
            let mut buffer = Buffer::builder().slots(slots).mode(mode).release_every(1).build().unwrap();
            let (mut producer, mut consumer) = buffer.split_mut();
            let (mut received, mut gaps, mut missing) = (0, 0, 0);
            for i in 0..1000_u64 {
                producer.message(&i.to_le_bytes()).send_or_drop().unwrap();
                if i % 3 != 2 {
                    continue;
                }
                if let Some(dropped) = gap(&mut consumer) {
                    missing += dropped;
                    gaps += 1;
                } else {
                    let message = consumer.try_consume().unwrap();
                    assert_eq!(message[..], u64::to_le_bytes(received + missing));
                    received += 1;
                }
            }
            producer.finish();
            loop {
                match consumer.consume() {
                    Ok(_) => received += 1,
                    Err(ConsumeError::Gap { dropped, .. }) => missing += dropped,
                    Err(error) => break assert_eq!(error, ConsumeError::EndOfStream),
                }
            }
            assert_eq!(received + missing, 1000);
            assert!(received >= gaps, "{received} messages and {gaps} gaps");
        }
    }
}

#[test]
fn a_ring_of_one_slot_tells_and_goes_on() {
    for mode in MODES {
        let mut buffer = ring(1, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        for (i, goes) in [true, false, false].into_iter().enumerate() {
            assert_eq!(producer.message(&[i as u8]).send_or_drop(), Ok(goes));
        }
        assert_eq!(consumer.drain(|_| ()), Ok(1));
        assert_eq!(producer.message(b"goes with the notice").send_or_drop(), Ok(false));
        assert_eq!((producer.unreported_drops(), gap(&mut consumer)), (0, Some(3)));
        assert_eq!(producer.message(b"goes").send_or_drop(), Ok(true));
        assert_eq!(consumer.drain(|_| ()), Ok(1));
    }
}

#[test]
fn other_calls_tell_first_and_lose_nothing() {
    type Call = fn(&mut Producer<'_>) -> Result<(), ProduceError>;
    let calls: [(&str, Call); 6] = [
        ("try_produce", |producer| producer.try_produce(b"x")),
        ("produce", |producer| producer.produce(b"x")),
        ("reserve", |producer| producer.reserve(1, Wait::Forever).map(|grant| grant.commit())),
        ("batch", |producer| {
            let mut batch = producer.batch(4, Wait::Forever)?;
            batch.push(b"x")?;
            batch.commit();
            Ok(())
        }),
        ("produce_all", |producer| producer.produce_all([b"x"]).map(drop).map_err(|error| error.source)),
        ("produce_large", |producer| producer.message(b"x").send_large()),
    ];
    for mode in MODES {
        for (name, call) in calls {
            let mut buffer = ring(4, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            producer.produce_all([b"a"; 4]).unwrap();
            assert_eq!(producer.message(b"dropped").send_or_drop(), Ok(false));
            assert_eq!(consumer.drain(|_| ()), Ok(4));
            call(&mut producer).unwrap();
            assert_eq!((producer.unreported_drops(), gap(&mut consumer)), (0, Some(1)), "{name}");
            assert_eq!(consumer.available(), 1, "{name}");
        }
    }
}

#[test]
fn what_cannot_be_sent_is_not_counted_as_dropped() {
    for mode in MODES {
        let mut buffer = ring(1, mode);
        let (mut producer, consumer) = buffer.split_mut();
        producer.produce(b"a").unwrap();
        let too_long = ProduceError::TooLong { len: 241, limit: 240 };
        assert_eq!(producer.message(&[0; 241]).send_or_drop(), Err(too_long));
        drop(consumer);
        assert_eq!(producer.message(b"b").kind(1).send_or_drop(), Err(ProduceError::ConsumerGone));
        assert_eq!((producer.counters().read().dropped, producer.unreported_drops()), (0, 0));
    }
}

#[test]
fn a_gap_of_one_ring_does_not_end_it() {
    for mode in MODES {
        let mut buffer = buffer(mode);
        let (producer, consumer) = with_gap(&mut buffer);
        producer.finish();
        let mut consumer = ShardedConsumer::new(vec![consumer]);
        let mut all = Vec::new();
        let gap = consumer.for_each(|_, message| all.push(message[0]));
        assert_eq!(gap, Err(ShardError::Ring { ring: 0, source: GAP }));
        assert_eq!(consumer.open(), 1);
        assert_eq!(consumer.for_each(|_, message| all.push(message[0])), Ok(1));
        assert_eq!(all, b"abc");
    }
}

/// A ring in which kernels left two gap markers of nothing ahead of a message, and ended without ending the stream.
fn behind_markers_of_nothing(buffer: &mut Buffer) -> Consumer<'_> {
    let (mut kernel, consumer) = buffer.split_emulated();
    let launch = |handle: perdix_core::DeviceRing| {
        // SAFETY: the ring is valid until this returns.
        let ring = unsafe { handle.ring() }.unwrap();
        for number in 0..2 {
            // SAFETY: this is the only producer, and the slots are free.
            let slot = unsafe { ring.slot(number) };
            // SAFETY: as above.
            unsafe { perdix_core::publish_gap_marker(slot, number, 0, ring.mode()) };
        }
        // SAFETY: as above; the messages before are the markers.
        let mut producer = unsafe { perdix_core::Producer::resume_at(ring, 2) };
        producer.push(0, 0, b"published").is_ok()
    };
    kernel.run(launch).unwrap();
    consumer
}

#[test]
fn no_call_stops_at_a_marker_of_nothing() {
    type Call = fn(&mut Consumer<'_>) -> bool;
    let calls: [(&str, Call); 12] = [
        ("try_consume", |rx| rx.try_consume().as_deref() == Some(b"published")),
        ("try_next", |rx| rx.try_next().is_ok_and(|message| message[..] == *b"published")),
        ("consume", |rx| rx.consume().is_ok()),
        ("next", |rx| rx.next(Duration::ZERO).is_ok()),
        ("batch", |rx| rx.batch(9, Wait::No).is_ok_and(|batch| batch.len() == 1)),
        ("drain", |rx| rx.drain(|_| ()) == Ok(1)),
        ("for_each", |rx| {
            let mut count = 0;
            rx.for_each(|_| count += 1).is_err() && count == 1
        }),
        ("large", |rx| rx.large(&mut Vec::new(), Wait::No).is_ok()),
        ("records", |rx| rx.records::<u8>(0, Wait::No).is_ok_and(|batch| batch.len() == 9)),
        ("messages", |rx| rx.messages().next().is_some_and(|message| message.is_ok())),
        ("reader", |rx| {
            let mut bytes = [0; 9];
            std::io::Read::read(&mut rx.reader().wait(Wait::No), &mut bytes).is_ok_and(|read| read == 9)
        }),
        ("status", |rx| rx.status().is_ok() && rx.try_consume().is_some()),
    ];
    for mode in MODES {
        for (name, call) in calls {
            let mut buffer = ring(8, mode);
            let mut consumer = behind_markers_of_nothing(&mut buffer);
            assert!(call(&mut consumer), "{name}, {mode:?}");
            let lost = consumer.status();
            assert!(
                matches!(lost, Err(ConsumeError::ProducerLost { first_missing: 3, .. })),
                "{name}: {lost:?}"
            );
        }
    }
}
