//! Messages dropped because the ring was full: the consumer is told how many, in their place, whichever call it uses.

use std::time::Duration;

use perdix_host::{
    Buffer, ConsumeError, ConsumeRecordsError, Consumer, ProduceError, Producer, ShardError, ShardedConsumer,
};

use crate::common::MODES;
use crate::ring;

/// A ring of 4 slots: two messages, a gap of 5, and one more message.
fn with_gap<'b>(buffer: &'b mut Buffer) -> (Producer<'b>, Consumer<'b>) {
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.produce_all([b"x", b"x", b"a", b"b"]).unwrap();
    for _ in 0..5 {
        assert_eq!(producer.produce_or_drop(b"dropped"), Ok(false));
    }
    assert_eq!(producer.untold_drops(), 5);
    drop(consumer.consume_batch(2).unwrap());
    assert_eq!(producer.produce_or_drop(b"c"), Ok(true));
    assert_eq!(producer.untold_drops(), 0);
    (producer, consumer)
}

/// The ring releases every slot at once.
fn buffer(mode: perdix_host::Mode) -> Buffer {
    crate::common::watch_process();
    Buffer::builder().slots(4).mode(mode).release_every(1).build().unwrap()
}

const GAP: ConsumeError = ConsumeError::Gap { dropped: 5, position: 5 };

#[test]
fn every_call_stops_at_the_gap_and_goes_on_behind_it() {
    type Call = fn(&mut Consumer<'_>) -> ConsumeError;
    let calls: [(&str, Call); 9] = [
        ("consume", |consumer| consumer.consume().unwrap_err()),
        ("consume_timeout", |consumer| consumer.consume_timeout(Duration::ZERO).unwrap_err()),
        ("consume_batch", |consumer| consumer.consume_batch(9).unwrap_err()),
        ("consume_batch_timeout", |consumer| consumer.consume_batch_timeout(9, Duration::ZERO).unwrap_err()),
        ("for_each", |consumer| {
            consumer.for_each(|message| panic!("{message:?} before the gap")).unwrap_err()
        }),
        ("messages", |consumer| consumer.messages().next().unwrap().unwrap_err()),
        ("status", |consumer| {
            assert!(consumer.try_consume().is_none() && consumer.try_consume_batch(9).is_none());
            assert_eq!((consumer.drain(|_| ()), consumer.available()), (0, 0));
            consumer.status().unwrap_err()
        }),
        ("try_consume_large", |consumer| consumer.try_consume_large(&mut Vec::new()).unwrap_err()),
        ("records", |consumer| {
            assert!(consumer.try_records::<u8>(0).unwrap().is_none());
            match consumer.records::<u8>(0) {
                Err(ConsumeRecordsError::Stream(error)) => error,
                other => panic!("{other:?}"),
            }
        }),
    ];
    for mode in MODES {
        for (name, call) in calls {
            let mut buffer = buffer(mode);
            let (producer, mut consumer) = with_gap(&mut buffer);
            assert_eq!(consumer.drain(|_| ()), 2, "{name}");
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
            assert_eq!(producer.produce_or_drop(&[i]), Ok(i < 2));
        }
        producer.finish();
        assert_eq!(consumer.drain(|_| ()), 2);
        assert_eq!(consumer.status(), Err(ConsumeError::Gap { dropped: 5, position: 2 }));
        assert_eq!(consumer.status(), Err(ConsumeError::EndOfStream));
        // Neither told again nor forgotten when the stream goes on.
        drop(consumer);
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!((producer.untold_drops(), producer.produce_or_drop(b"x")), (0, Ok(true)));
        assert_eq!(consumer.drain(|_| ()), 1);
        assert_eq!(consumer.status(), Ok(()));
    }
}

#[test]
fn halves_that_are_made_anew_tell_what_was_not_told() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (mut producer, consumer) = buffer.split_mut();
        for i in 0..4 {
            producer.produce_or_drop(&[i]).unwrap();
        }
        drop((producer, consumer));
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!(producer.untold_drops(), 2);
        assert_eq!(consumer.drain(|_| ()), 2);
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
                producer.produce_or_drop(&i.to_le_bytes()).unwrap();
                if i % 3 != 2 {
                    continue;
                }
                if let Some(dropped) = consumer.take_gap() {
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
            assert_eq!(producer.produce_or_drop(&[i as u8]), Ok(goes));
        }
        assert_eq!(consumer.drain(|_| ()), 1);
        assert_eq!(producer.produce_or_drop(b"goes with the notice"), Ok(false));
        assert_eq!((producer.untold_drops(), consumer.take_gap()), (0, Some(3)));
        assert_eq!(producer.produce_or_drop(b"goes"), Ok(true));
        assert_eq!(consumer.drain(|_| ()), 1);
    }
}

#[test]
fn other_calls_tell_first_and_lose_nothing() {
    type Call = fn(&mut Producer<'_>) -> Result<(), ProduceError>;
    let calls: [(&str, Call); 6] = [
        ("try_produce", |producer| producer.try_produce(b"x")),
        ("produce", |producer| producer.produce(b"x")),
        ("reserve", |producer| producer.reserve(1).map(|grant| grant.commit())),
        ("batch", |producer| {
            let mut batch = producer.batch(4)?;
            batch.push(b"x")?;
            batch.commit();
            Ok(())
        }),
        ("produce_all", |producer| producer.produce_all([b"x"]).map(drop).map_err(|error| error.source)),
        ("produce_large", |producer| producer.produce_large(0, b"x")),
    ];
    for mode in MODES {
        for (name, call) in calls {
            let mut buffer = ring(4, mode);
            let (mut producer, mut consumer) = buffer.split_mut();
            producer.produce_all([b"a"; 4]).unwrap();
            assert_eq!(producer.produce_or_drop(b"dropped"), Ok(false));
            assert_eq!(consumer.drain(|_| ()), 4);
            call(&mut producer).unwrap();
            assert_eq!((producer.untold_drops(), consumer.take_gap()), (0, Some(1)), "{name}");
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
        assert_eq!(producer.produce_or_drop(&[0; 241]), Err(too_long));
        drop(consumer);
        assert_eq!(producer.produce_or_drop_kind(1, b"b"), Err(ProduceError::ConsumerGone));
        assert_eq!((producer.counters().read().dropped, producer.untold_drops()), (0, 0));
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
