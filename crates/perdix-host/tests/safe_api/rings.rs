//! Calls of rings as a whole: buffers, sets of rings, clients, emulated kernels.

use std::mem::forget;
use std::num::NonZeroUsize;
use std::time::Duration;

use perdix_host::{Buffer, Client, MemoryKind, Mode, ShardedConsumer, Shards, WaitStrategy};

use super::halves::{bytes, size, wait};
use super::{Call, SHORT, done, heap, pick};
use crate::common::Random;

fn buffer(random: &mut Random) -> Buffer {
    heap(random).build().unwrap()
}

fn shards(random: &mut Random) -> Shards {
    Shards::builder(1 + random.below(4) as usize).ring(heap(random)).build().unwrap()
}

/// A consumer of several rings into which something was sent. Some have ended, and some not.
fn sharded(random: &mut Random, call: impl FnOnce(&mut ShardedConsumer<'_>, &mut Random)) {
    let mut shards = shards(random);
    let (mut producers, consumers) = shards.split_mut();
    for producer in &mut producers {
        (0..random.below(9)).for_each(|_| done(producer.message(&bytes(random)).send_or_drop()));
    }
    producers.truncate(random.below(4) as usize);
    let mut consumer = ShardedConsumer::new(consumers);
    call(&mut consumer, random);
    let _ = consumer.drain(|_, _| ());
    if random.below(4) == 0 {
        forget(producers);
        forget(consumer);
    }
}

/// The same, when all streams have ended.
fn ended(random: &mut Random, call: impl FnOnce(&mut ShardedConsumer<'_>)) {
    let (mut producers, consumers) = shards(random).split();
    for producer in &mut producers {
        (0..random.below(9)).for_each(|_| done(producer.message(&bytes(random)).send_or_drop()));
    }
    done(producers);
    call(&mut ShardedConsumer::new(consumers));
}

/// A client whose requests are answered before they are sent, sometimes wrongly.
fn client(random: &mut Random, call: impl FnOnce(&mut Client<'_>, &mut Random)) {
    let (mut there, mut back) = (buffer(random), buffer(random));
    let (requests, asked) = there.split_mut();
    let (mut answers, responses) = back.split_mut();
    let mut client = Client::new(requests, responses);
    client.set_limit(SHORT);
    for _ in 0..random.below(4) {
        let _ = client.send(&bytes(random));
        let _ = answers.message(&bytes(random)).kind(random.below(4) as u16).send_or_drop();
    }
    if random.below(3) == 0 {
        done((asked, answers));
        call(&mut client, random);
    } else {
        call(&mut client, random);
    }
}

fn emulated(random: &mut Random) {
    let mut buffer = buffer(random);
    let (mut kernel, mut consumer) = buffer.split_emulated();
    for _ in 0..random.below(3) {
        let returns = random.below(3) != 0;
        let _ = kernel.run(|handle| {
            std::hint::black_box(handle);
            returns
        });
        let _ = consumer.try_next();
    }
    if random.below(2) == 0 {
        done(kernel);
    } else {
        forget(kernel);
    }
    done(consumer);
    let (mut producer, mut consumer) = buffer.split_mut();
    let _ = producer.try_produce(&bytes(random));
    let _ = consumer.try_next();
}

pub(crate) const CALLS: &[(&str, Call)] = &[
    ("Buffer::new", |r| done(Buffer::new(pick(r, &[0, 1, 3, 8, usize::MAX])))),
    ("Buffer::builder", |_| done(Buffer::builder())),
    ("Builder::slots", |r| done(Buffer::builder().slots(pick(r, &[0, 1, 5, 8, usize::MAX])).build())),
    ("Builder::mode", |_| done(Buffer::builder().slots(4).mode(Mode::FenceFree).build())),
    ("Builder::wait", |_| done(Buffer::builder().slots(4).wait(WaitStrategy::Spin).build())),
    ("Builder::producer_wait", |_| {
        done(Buffer::builder().slots(4).producer_wait(WaitStrategy::Yield).build());
    }),
    ("Builder::consumer_wait", |_| {
        done(Buffer::builder().slots(4).consumer_wait(WaitStrategy::Yield).build());
    }),
    ("Builder::release_every", |r| done(Buffer::builder().slots(4).release_every(size(r)).build())),
    ("Builder::first_message", |r| done(Buffer::builder().slots(4).first_message(r.next()).build())),
    ("Builder::memory", |r| {
        done(Buffer::builder().slots(4).memory(pick(r, &[MemoryKind::Heap, MemoryKind::Shared])).build());
    }),
    ("Builder::build", |r| done(buffer(r))),
    ("Buffer::split_mut", |r| {
        let mut buffer = buffer(r);
        for _ in 0..3 {
            let (mut producer, mut consumer) = buffer.split_mut();
            let _ = producer.try_produce(&bytes(r));
            let _ = consumer.try_next().map(forget);
            match r.below(3) {
                0 => forget((producer, consumer)),
                1 => forget(producer),
                _ => forget(consumer),
            }
        }
    }),
    ("Buffer::try_split_mut", |r| done(buffer(r).try_split_mut(SHORT).map(done))),
    ("Buffer::split", |r| {
        let (mut producer, consumer) = buffer(r).split();
        done(consumer);
        let _ = producer.try_produce(&bytes(r));
    }),
    ("Buffer::capacity", |r| assert!(buffer(r).capacity() != 0)),
    ("Buffer::mode", |r| done(buffer(r).mode())),
    ("Buffer::memory", |r| done(buffer(r).memory())),
    ("Buffer::memory_reason", |r| assert!(!buffer(r).memory_reason().is_empty())),
    ("Buffer::counters", |r| {
        let counters = buffer(r).counters();
        counters.read();
    }),
    ("Buffer::close", |r| buffer(r).close(SHORT).unwrap()),
    ("Buffer::split_emulated", emulated),
    ("EmulatedProducer::run", emulated),
    ("Buffer::into_emulated", |r| {
        let (kernel, mut consumer) = buffer(r).into_emulated();
        done(kernel);
        let _ = consumer.try_next();
    }),
    ("EmulatedProducer::set_limit", |r| {
        let (mut kernel, _consumer) = buffer(r).into_emulated();
        kernel.set_limit(Duration::MAX);
        let _ = kernel.run(|_| true);
    }),
    ("EmulatedProducer::counters", |r| {
        let (kernel, _consumer) = buffer(r).into_emulated();
        kernel.counters().read();
    }),
    ("Shards::new", |r| done(Shards::new(pick(r, &[0, 1, 3, usize::MAX]), pick(r, &[0, 4])))),
    ("Shards::builder", |_| done(Shards::builder(0))),
    ("ShardsBuilder::ring", |r| done(shards(r))),
    ("ShardsBuilder::build", |r| done(Shards::builder(size(r)).ring(heap(r)).build())),
    ("Shards::split_mut", |r| {
        let mut shards = shards(r);
        forget(shards.split_mut());
        let (mut producers, consumers) = shards.split_mut();
        done(consumers);
        let _ = producers[0].try_produce(&bytes(r));
    }),
    ("Shards::split", |r| done(shards(r).split())),
    ("Shards::len", |r| assert!((1..5).contains(&shards(r).len()))),
    ("Shards::is_empty", |r| assert!(!shards(r).is_empty())),
    ("Shards::capacity", |r| assert!(shards(r).capacity() != 0)),
    ("Shards::rings", |r| assert!(!shards(r).rings().is_empty())),
    ("Shards::counters", |r| done(shards(r).counters())),
    ("ShardCounters::read", |r| {
        shards(r).counters().read();
    }),
    ("ShardCounters::rings", |r| assert!(!shards(r).counters().rings().is_empty())),
    ("ShardedConsumer::new", |_| done(ShardedConsumer::new(Vec::new()))),
    ("ShardedConsumer::with_wait", |r| {
        let (_producers, consumers) = shards(r).split();
        let mut consumer = ShardedConsumer::new(consumers).with_wait(WaitStrategy::Spin);
        let _ = consumer.next(SHORT);
    }),
    ("ShardedConsumer::into_parts", |r| {
        let (_producers, consumers) = shards(r).split();
        let parts = NonZeroUsize::new(size(r)).unwrap_or(NonZeroUsize::MIN);
        ShardedConsumer::new(consumers).into_parts(parts).iter_mut().for_each(|part| done(part.try_next()));
    }),
    ("ShardedConsumer::len", |r| sharded(r, |rx, _| assert!((1..5).contains(&rx.len())))),
    ("ShardedConsumer::is_empty", |r| sharded(r, |rx, _| assert!(!rx.is_empty()))),
    ("ShardedConsumer::open", |r| sharded(r, |rx, _| assert!(rx.open() <= rx.len()))),
    ("ShardedConsumer::counters", |r| sharded(r, |rx, _| done(rx.counters()))),
    ("ShardedConsumer::try_next", |r| sharded(r, |rx, _| done(rx.try_next().map(|(_, m)| forget(m))))),
    ("ShardedConsumer::consume", |r| ended(r, |rx| while rx.consume().is_ok() {})),
    ("ShardedConsumer::next", |r| sharded(r, |rx, r| (0..9).for_each(|_| done(rx.next(wait(r)))))),
    ("ShardedConsumer::batch", |r| {
        sharded(r, |rx, r| (0..9).for_each(|_| done(rx.batch(size(r), wait(r)).map(|(_, m)| forget(m)))));
    }),
    ("ShardedConsumer::drain", |r| sharded(r, |rx, _| done(rx.drain(|_, _| ())))),
    ("ShardedConsumer::for_each", |r| ended(r, |rx| while rx.for_each(|_, _| ()).is_err() {})),
    ("Client::new", |r| {
        let (requests, asked) = buffer(r).split();
        let (answers, responses) = buffer(r).split();
        done((asked, answers));
        let _ = Client::new(requests, responses).call(&bytes(r));
    }),
    ("Client::set_limit", |r| client(r, |client, _| client.set_limit(Duration::ZERO))),
    ("Client::call", |r| client(r, |client, r| done(client.call(&bytes(r))))),
    ("Client::call_value", |r| client(r, |client, r| done(client.call_value::<u64, u32>(3, &r.next())))),
    ("Client::send", |r| client(r, |client, r| (0..9).for_each(|_| done(client.send(&bytes(r)))))),
    ("Client::request", |r| client(r, |client, r| forget(client.request(&bytes(r))))),
    ("Request::kind", |r| client(r, |client, r| done(client.request(&bytes(r)).kind(7)))),
    ("Request::call", |r| client(r, |client, r| done(client.request(&bytes(r)).call()))),
    ("Request::send", |r| client(r, |client, r| done(client.request(&bytes(r)).send()))),
    ("Client::receive", |r| {
        client(r, |client, r| (0..9).for_each(|_| done(client.receive(wait(r)).map(forget))));
    }),
    ("Response::id", |r| client(r, |client, r| done(client.receive(wait(r)).map(|response| response.id())))),
    ("Response::value", |r| {
        client(r, |client, r| done(client.receive(wait(r)).map(|response| response.value::<u64>().is_ok())));
    }),
    ("Client::open", |r| {
        client(r, |client, _| {
            client.open();
        });
    }),
    ("Client::most_open", |r| client(r, |client, _| assert!(client.most_open() != 0))),
    #[cfg(feature = "metrics")]
    ("RingMetrics::new", |r| done(perdix_host::metrics::RingMetrics::new("ring", buffer(r).counters()))),
    #[cfg(feature = "metrics")]
    ("RingMetrics::sample", |r| {
        let metrics = perdix_host::metrics::RingMetrics::new("ring", buffer(r).counters());
        metrics.sample();
        metrics.sample();
    }),
    #[cfg(feature = "metrics")]
    ("Sampler::start", |r| {
        let metrics = perdix_host::metrics::RingMetrics::new("ring", buffer(r).counters());
        done(perdix_host::metrics::Sampler::start(vec![metrics], SHORT));
    }),
    #[cfg(feature = "metrics")]
    ("describe", |_| perdix_host::metrics::describe()),
];
