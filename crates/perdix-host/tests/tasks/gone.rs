//! The other half leaves while a task waits for it.

use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use futures_util::{FutureExt, SinkExt, StreamExt};
use perdix_host::{ConsumeError, Fault, ProduceError, SinkError};

use crate::common::MODES;
use crate::ring;

/// Long enough for the other side to begin its wait, mostly; the tests hold if it has not.
const A_WHILE: Duration = Duration::from_millis(20);

#[test]
fn the_producer_ends_or_panics() {
    for mode in MODES {
        let (producer, consumer) = ring(4, mode).split();
        let ending = thread::spawn(move || {
            thread::sleep(A_WHILE);
            drop(producer);
        });
        assert!(block_on(consumer.into_stream().next()).is_none());
        ending.join().unwrap();

        let (producer, mut consumer) = ring(4, mode).split();
        let panicking = thread::spawn(move || {
            let mut producer = producer;
            thread::sleep(A_WHILE);
            producer.produce(b"last").unwrap();
            panic!("on purpose");
        });
        let failed = ConsumeError::ProducerFailed { fault: Fault::Panicked, first_missing: 1 };
        assert_eq!(block_on(consumer.next_message()).as_deref(), Ok(&b"last"[..]));
        assert_eq!(block_on(consumer.ready()), Err(failed.clone()));
        let mut messages = consumer.into_stream();
        assert_eq!(block_on(messages.next()).map(Result::err), Some(Some(failed)));
        assert!(block_on(messages.next()).is_none());
        assert!(panicking.join().is_err());
    }
}

#[test]
fn the_consumer_leaves_a_full_ring() {
    for mode in MODES {
        let (producer, consumer) = ring(4, mode).split();
        let mut sink = producer.into_sink();
        let leaving = thread::spawn(move || {
            thread::sleep(A_WHILE);
            drop(consumer);
        });
        let result = block_on(async {
            loop {
                sink.send(b"abc").await?;
            }
            #[allow(unreachable_code)] // tells the type
            Ok::<(), SinkError>(())
        });
        assert_eq!(result, Err(SinkError::Produce(ProduceError::ConsumerGone)));
        leaving.join().unwrap();
    }
}

#[test]
fn a_flush_and_a_close_say_that_nobody_will_read() {
    for mode in MODES {
        let gone = Some(Err(SinkError::Produce(ProduceError::ConsumerGone)));
        let (producer, consumer) = ring(4, mode).split();
        let mut sink = producer.into_sink();
        drop(consumer);
        // A slot is known to be free, so the message is taken; but not as sent.
        assert_eq!(sink.feed(b"abc").now_or_never(), Some(Ok(())));
        assert_eq!(sink.flush().now_or_never(), gone);
        assert_eq!(sink.send(b"def").now_or_never(), gone);
        assert_eq!(sink.close().now_or_never(), gone);
        // It is closed all the same.
        assert_eq!(sink.send(b"abc").now_or_never(), Some(Err(SinkError::Closed)));
        assert_eq!(sink.close().now_or_never(), Some(Ok(())));
    }
}
