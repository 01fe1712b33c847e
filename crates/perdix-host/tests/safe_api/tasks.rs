//! Calls of streams, sinks and futures.

use std::mem::forget;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use perdix_host::poller::{self, PollerConfig};
use perdix_host::{Buffer, ShardedConsumer, Shards};

use super::halves::{self, bytes};
use super::{Call, SHORT, done};

pub(crate) const HALVES: &[(&str, halves::Call)] = &[
    ("Consumer::stream", |h| {
        if let Some(consumer) = &mut h.consumer {
            let mut stream = consumer.stream();
            let _ = stream.next().now_or_never();
            let _ = stream.next().now_or_never();
        }
    }),
    ("Consumer::into_stream", |h| h.end_rx(|rx, _| done(rx.into_stream().next().now_or_never()))),
    ("MessageStream::into_inner", |h| {
        if let Some(consumer) = &mut h.consumer {
            let mut stream = consumer.stream();
            let _ = stream.next().now_or_never();
            let _ = stream.into_inner().try_next();
        }
    }),
    ("Consumer::ready", |h| {
        if let Some(consumer) = &mut h.consumer {
            let mut ready = consumer.ready();
            let _ = (&mut ready).now_or_never();
            forget(ready);
        }
    }),
    ("Consumer::next_message", |h| {
        if let Some(consumer) = &mut h.consumer {
            let _ = consumer.next_message().now_or_never();
        }
    }),
    ("Consumer::close_async", |h| {
        h.end_rx(|rx, _| futures_executor::block_on(rx.close_async(SHORT)).unwrap());
    }),
    ("Producer::room", |h| {
        if let Some(producer) = &mut h.producer {
            let slots = halves::size(&mut h.random);
            let _ = producer.room(slots).now_or_never();
        }
    }),
    ("Producer::into_sink", |h| {
        h.end_tx(|tx, r| {
            let mut sink = tx.into_sink();
            (0..9).for_each(|_| done(sink.send(bytes(r)).now_or_never()));
            let _ = sink.flush().now_or_never();
            let _ = sink.close().now_or_never();
        });
    }),
    ("MessageSink::into_inner", |h| {
        if let Some(producer) = h.producer.take() {
            let mut sink = producer.into_sink();
            let _ = sink.feed(bytes(&mut h.random)).now_or_never();
            h.producer = sink.into_inner();
        }
    }),
    ("Producer::close_async", |h| {
        h.end_tx(|tx, _| futures_executor::block_on(tx.close_async(SHORT)).unwrap());
    }),
];

pub(crate) const CALLS: &[(&str, Call)] = &[
    ("Buffer::close_async", |_| {
        let closing = Buffer::new(8).unwrap().close_async(Duration::MAX);
        futures_executor::block_on(closing).unwrap();
    }),
    ("ShardedConsumer::into_stream", |r| {
        let (mut producers, consumers) = Shards::new(2, 8).unwrap().split();
        let _ = producers[0].try_produce(&bytes(r));
        let mut stream = ShardedConsumer::new(consumers).into_stream();
        let _ = stream.next().now_or_never();
        let _ = stream.next().now_or_never();
        done(producers);
        while futures_executor::block_on(stream.next()).is_some() {}
    }),
    ("ShardStream::into_inner", |_| {
        let (producers, consumers) = Shards::new(2, 8).unwrap().split();
        let mut stream = ShardedConsumer::new(consumers).into_stream();
        let _ = stream.next().now_or_never();
        done(producers);
        let _ = stream.into_inner().try_next();
    }),
    ("configure", |_| poller::configure(PollerConfig::default())),
    ("stats", |_| {
        poller::stats();
    }),
];
