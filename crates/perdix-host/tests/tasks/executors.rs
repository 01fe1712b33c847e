//! Streams of messages through small rings, on the executors of two crates.

use std::time::Duration;

use futures_executor::{ThreadPool, block_on};
use futures_util::future::join_all;
use futures_util::{FutureExt, SinkExt, StreamExt, stream};
use perdix_host::{Consumer, MessageSink, MessageStream, Producer, Wait};

use crate::{MODES_AND_SLOTS, common, ring};

const MESSAGES: u64 = 6_000;

async fn send(mut sink: MessageSink<'static>) {
    // Some one by one, the others as they come.
    for index in 0..500 {
        sink.send(common::message(index, 240)).await.unwrap();
    }
    let mut others = stream::iter((500..MESSAGES).map(|index| Ok(common::message(index, 240))));
    sink.send_all(&mut others).await.unwrap();
    sink.close().await.unwrap();
    assert!(sink.into_inner().is_none());
}

async fn receive(mut messages: MessageStream<'static>) -> u64 {
    let mut count = 0;
    while let Some(message) = messages.next().await {
        let message = message.unwrap();
        assert_eq!(message.number(), count);
        assert!(message[..] == common::message(count, 240), "message {count}");
        count += 1;
    }
    assert!(messages.next().await.is_none());
    count
}

/// The same without copies: written and read in place.
async fn send_in_place(mut producer: Producer<'static>) {
    for index in 0..MESSAGES {
        producer.room(1).await.unwrap();
        let message = common::message(index, 240);
        let mut grant = producer.reserve(message.len(), Wait::No).unwrap();
        grant.copy_from_slice(&message);
        grant.commit();
    }
}

async fn receive_in_place(mut consumer: Consumer<'static>) -> u64 {
    let mut count = 0;
    while let Ok(message) = consumer.next_message().await {
        assert!(message[..] == common::message(count, 240), "message {count}");
        count += 1;
    }
    count
}

#[test]
fn many_rings_on_one_thread() {
    for (mode, slots) in MODES_AND_SLOTS {
        let (producers, consumers): (Vec<_>, Vec<_>) = (0..3).map(|_| ring(slots, mode).split()).unzip();
        let sending = join_all(producers.into_iter().map(|producer| send(producer.into_sink())));
        let receiving = join_all(consumers.into_iter().map(|consumer| receive(consumer.into_stream())));
        let (_, counts) = block_on(futures_util::future::join(sending, receiving));
        assert_eq!(counts, [MESSAGES; 3]);
    }
}

#[test]
fn many_rings_on_a_pool_of_threads() {
    let pool = ThreadPool::builder().pool_size(3).create().unwrap();
    for (mode, slots) in MODES_AND_SLOTS {
        let (done, counts) = std::sync::mpsc::channel();
        for _ in 0..4 {
            let (producer, consumer) = ring(slots, mode).split();
            let done = done.clone();
            pool.spawn_ok(send_in_place(producer));
            pool.spawn_ok(async move { done.send(receive_in_place(consumer).await).unwrap() });
        }
        drop(done);
        assert_eq!(counts.iter().collect::<Vec<_>>(), [MESSAGES; 4]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rings_on_tokio() {
    for (mode, slots) in MODES_AND_SLOTS {
        let counts = (0..4).map(|_| {
            let (producer, consumer) = ring(slots, mode).split();
            tokio::spawn(send(producer.into_sink()));
            tokio::spawn(receive(consumer.into_stream()))
        });
        let counts: Vec<_> = join_all(counts).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(counts, [MESSAGES; 4]);
    }
}

/// A thread that produces at its own pace, and a task that gives up waiting again and again.
#[tokio::test(flavor = "current_thread")]
async fn a_wait_that_is_given_up_loses_nothing() {
    for (mode, slots) in MODES_AND_SLOTS {
        let (mut producer, mut consumer) = ring(slots, mode).split();
        assert!(consumer.next_message().now_or_never().is_none());
        let producing = std::thread::spawn(move || {
            for index in 0..600_u64 {
                producer.produce(&index.to_le_bytes()).unwrap();
                if index % 16 == 0 {
                    std::thread::sleep(Duration::from_micros(50));
                }
            }
        });
        let mut next = 0_u64;
        while next < 600 {
            let number = match next % 3 {
                0 => consumer.next_message().now_or_never().map(|message| message.unwrap().number()),
                1 => {
                    consumer.stream().next().now_or_never().map(|message| message.unwrap().unwrap().number())
                }
                _ => {
                    let wait = tokio::time::timeout(Duration::from_micros(1), consumer.next_message());
                    wait.await.ok().map(|message| message.unwrap().number())
                }
            };
            if let Some(number) = number {
                assert_eq!(number, next);
                next += 1;
            }
        }
        producing.join().unwrap();
    }
}
