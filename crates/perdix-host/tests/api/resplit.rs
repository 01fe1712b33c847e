//! Halves that are dropped, forgotten or finished, and the next halves of the same buffer.

use std::mem::forget;
use std::thread;

use perdix_host::{Buffer, ConsumeError, ProduceError, Wait};

use crate::{MODES, ring};

#[test]
fn the_next_halves_go_on_where_the_last_stopped() {
    for mode in MODES {
        // Whether the producer and the consumer are dropped or forgotten.
        for (forget_producer, forget_consumer) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let mut buffer = ring(4, mode);
            let (mut sent, mut seen) = (0u8, 0u8);
            for round in 0..40 {
                let (mut producer, mut consumer) = buffer.split_mut();
                assert_eq!(consumer.status(), Ok(()), "a new stream is open");
                assert!(producer.status().is_ok());
                assert_eq!(consumer.available(), usize::from(sent.wrapping_sub(seen)));
                while producer.try_produce(&[sent]).is_ok() {
                    sent = sent.wrapping_add(1);
                }
                for _ in 0..round % 5 {
                    let message = consumer.try_consume().unwrap();
                    assert_eq!(message[0], seen);
                    seen = seen.wrapping_add(1);
                    if round % 2 == 0 {
                        forget(message);
                    }
                }
                if forget_producer {
                    forget(producer);
                } else {
                    drop(producer);
                }
                if forget_consumer {
                    forget(consumer);
                    // What it had not handed back comes again; with four slots it tells of each that it hands back.
                    if round % 2 == 0 {
                        seen = seen.wrapping_sub(round % 5);
                    }
                } else {
                    drop(consumer);
                }
            }
            let (producer, mut consumer) = buffer.split_mut();
            producer.finish();
            let rest: Vec<u8> = consumer.messages().map(|message| message.unwrap()[0]).collect();
            let want: Vec<u8> = (0..sent.wrapping_sub(seen)).map(|i| seen.wrapping_add(i)).collect();
            assert_eq!(rest, want, "{mode:?}");
            let now = consumer.counters().read();
            assert!(forget_consumer || now.sent == now.received);
        }
    }
}

#[test]
fn the_end_and_the_leaving_are_taken_back() {
    for mode in MODES {
        let mut buffer = ring(2, mode);
        let (producer, mut consumer) = buffer.split_mut();
        drop(producer);
        assert_eq!(consumer.status(), Err(ConsumeError::EndOfStream));
        drop(consumer);
        let (mut producer, consumer) = buffer.split_mut();
        drop(consumer);
        producer.try_produce(b"a").unwrap();
        producer.try_produce(b"b").unwrap();
        assert_eq!(producer.try_produce(b"c"), Err(ProduceError::ConsumerGone));
        drop(producer);
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!(consumer.status(), Ok(()));
        assert_eq!(producer.try_produce(b"c"), Err(ProduceError::Full { needed: 1, capacity: 2 }));
        assert_eq!(&consumer.consume().unwrap()[..], b"a");
        assert_eq!(&consumer.consume().unwrap()[..], b"b");
        producer.try_produce(b"c").unwrap();
        assert_eq!(&consumer.consume().unwrap()[..], b"c");
    }
}

#[test]
fn what_was_not_committed_is_not_in_the_next_stream() {
    for mode in MODES {
        let mut buffer = ring(4, mode);
        let (mut producer, consumer) = buffer.split_mut();
        forget(consumer);
        let mut batch = producer.batch(4, Wait::Forever).unwrap();
        batch.push(b"lost").unwrap();
        forget(batch);
        forget(producer);
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!(consumer.available(), 0);
        let mut batch = producer.batch(4, Wait::Forever).unwrap();
        batch.push(b"kept").unwrap();
        assert_eq!(batch.commit(), 1);
        assert_eq!(&consumer.try_consume().unwrap()[..], b"kept");
        assert!(consumer.try_consume().is_none());
    }
}

#[test]
fn a_split_buffer_can_be_split_for_good() {
    let mut buffer = Buffer::new(4).unwrap();
    let (mut producer, _) = buffer.split_mut();
    producer.try_produce(b"left").unwrap();
    drop(producer);
    let (mut producer, mut consumer) = buffer.split();
    let writer = thread::spawn(move || producer.produce(b"more"));
    let reader = thread::spawn(move || {
        let all: Vec<_> = consumer.messages().map(|message| message.unwrap().to_vec()).collect();
        all
    });
    assert_eq!(writer.join().unwrap(), Ok(()));
    assert_eq!(reader.join().unwrap(), [b"left", b"more"]);
}

#[test]
fn the_memory_lives_until_the_last_half_is_gone() {
    for mode in MODES {
        let (mut producer, consumer) = ring(2, mode).split();
        drop(consumer);
        assert_eq!(producer.try_produce(&[1; 240]), Ok(()));
        drop(producer);
        let (mut producer, mut consumer) = ring(2, mode).split();
        producer.try_produce(&[2; 240]).unwrap();
        drop(producer);
        assert_eq!(&consumer.consume().unwrap()[..], &[2; 240]);
    }
}
