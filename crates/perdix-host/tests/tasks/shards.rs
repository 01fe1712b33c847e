//! Several rings as one stream.

use std::thread;

use futures_executor::block_on;
use futures_util::StreamExt;
use perdix_host::{ConsumeError, Fault, ShardError, ShardedConsumer, Shards};

use crate::common::watch_process;

#[test]
fn all_messages_of_all_rings_come_in_their_rings_order() {
    watch_process();
    let (producers, consumers) = Shards::new(5, 8).unwrap().split();
    let producing: Vec<_> = producers
        .into_iter()
        .map(|mut producer| {
            thread::spawn(move || producer.produce_all((0..5000_u16).map(u16::to_le_bytes)).unwrap())
        })
        .collect();
    let mut next = [0_u16; 5];
    let mut messages = ShardedConsumer::new(consumers).into_stream();
    block_on(async {
        while let Some(item) = messages.next().await {
            let (ring, message) = item.unwrap();
            assert_eq!(message[..], next[ring].to_le_bytes());
            next[ring] += 1;
        }
    });
    assert_eq!(next, [5000; 5]);
    producing.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), 5000));
}

#[test]
fn a_ring_that_fails_is_an_item_and_the_others_go_on() {
    watch_process();
    let (mut producers, consumers) = Shards::new(2, 8).unwrap().split();
    let mut messages = ShardedConsumer::new(consumers).into_stream();
    let mut last = producers.pop().unwrap();
    let failing = producers.pop().unwrap();
    let threads = thread::spawn(move || {
        let _failing = failing;
        panic!("on purpose");
    });
    let source = ConsumeError::ProducerFailed { fault: Fault::Panicked, first_missing: 0 };
    let item = block_on(messages.next()).unwrap();
    assert_eq!(item.err(), Some(ShardError::Ring { ring: 0, source }));
    assert!(threads.join().is_err());
    last.produce(b"abc").unwrap();
    assert_eq!(block_on(messages.next()).unwrap().unwrap().0, 1);
    drop(last);
    assert!(block_on(messages.next()).is_none());
    assert_eq!(messages.into_inner().open(), 0);
}
