//! What sets can be made, what calls do at their limits, and what the types promise.

use std::time::{Duration, Instant};

use perdix_host::{
    Buffer, CreateError, Mode, ShardCounters, ShardError, ShardedConsumer, Shards, Wait, WaitStrategy,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};

use crate::common::MODES;
use crate::{shards, split, turn};

assert_impl_all!(Shards: Send);
assert_impl_all!(ShardedConsumer<'static>: Send);
assert_not_impl_any!(ShardedConsumer<'static>: Sync, Clone);
assert_impl_all!(ShardCounters: Send, Sync, Clone);
assert_impl_all!(ShardError: std::error::Error, Send, Sync);

#[test]
fn wrong_counts_are_refused_with_the_limit() {
    for asked in [0, Shards::MOST + 1, usize::MAX] {
        let error = Shards::new(asked, 4).unwrap_err();
        assert_eq!(error, CreateError::Shards { asked, limit: 1024 });
        let text = error.to_string();
        assert!(text.contains(&format!("{asked} rings")) && text.ends_with("from 1 to 1024"), "{text}");
    }
    assert!(matches!(Shards::new(2, 3), Err(CreateError::Slots(error)) if error.nearest == 4));
}

#[test]
fn the_smallest_and_the_largest_set_work() {
    for count in [1, Shards::MOST] {
        let mut shards = shards(count, 1, Mode::Fenced);
        assert_eq!((shards.len(), shards.is_empty(), shards.capacity()), (count, false, 1));
        let (mut producers, mut consumer) = split(&mut shards);
        for (index, producer) in producers.iter_mut().enumerate() {
            producer.try_produce(&[index as u8]).unwrap();
        }
        drop(producers);
        for index in 0..count {
            assert_eq!(turn(&mut consumer, 5), Ok(Some((index, vec![index as u8]))));
        }
        assert_eq!(turn(&mut consumer, 5), Err(ShardError::EndOfStream));
    }
}

#[test]
fn every_ring_is_as_ordered() {
    for mode in MODES {
        let ring = Buffer::builder().slots(8).mode(mode).first_message(7).wait(WaitStrategy::Yield);
        let mut shards = Shards::builder(3).ring(ring).build().unwrap();
        assert!(shards.rings().iter().all(|ring| (ring.capacity(), ring.mode()) == (8, mode)));
        let (producers, mut consumers) = shards.split_mut();
        assert_eq!((producers.len(), consumers.len()), (3, 3));
        assert!(consumers.iter_mut().all(|consumer| consumer.position() == 7));
    }
}

#[test]
fn the_end_is_when_all_rings_have_ended() {
    for mode in MODES {
        let mut shards = shards(3, 4, mode);
        let (mut producers, mut consumer) = split(&mut shards);
        producers[1].produce_all([b"a", b"b"]).unwrap();
        assert_eq!((consumer.len(), consumer.open()), (3, 3));
        drop(producers.remove(2));
        assert_eq!(turn(&mut consumer, 1), Ok(Some((1, vec![b'a']))));
        drop(producers.remove(1));
        // Ring 2 has ended, ring 0 has nothing, ring 1 still has what was published before its end.
        assert_eq!(turn(&mut consumer, 9), Ok(Some((1, vec![b'b']))));
        assert_eq!((turn(&mut consumer, 9), consumer.open()), (Ok(None), 1));
        producers[0].produce(b"c").unwrap();
        drop(producers);
        assert_eq!(turn(&mut consumer, 9), Ok(Some((0, vec![b'c']))));
        for _ in 0..3 {
            assert_eq!(turn(&mut consumer, 9), Err(ShardError::EndOfStream));
            assert_eq!(consumer.consume().err(), Some(ShardError::EndOfStream));
            assert_eq!(consumer.for_each(|_, _| panic!("called")), Ok(0));
        }
        assert_eq!((consumer.len(), consumer.open()), (3, 0));
    }
}

#[test]
fn of_no_rings_the_stream_has_ended() {
    let mut none = ShardedConsumer::new(Vec::new());
    assert!(none.is_empty());
    assert_eq!(none.try_next().err(), Some(ShardError::EndOfStream));
    assert_eq!(none.next(Duration::MAX).err(), Some(ShardError::EndOfStream));
    assert_eq!((none.for_each(|_, _| ()), none.drain(|_, _| ())), (Ok(0), Err(ShardError::EndOfStream)));
    assert!(none.into_parts(std::num::NonZeroUsize::MAX).is_empty());
}

#[test]
fn a_time_limit_ends_the_wait() {
    for strategy in [WaitStrategy::Spin, WaitStrategy::Yield, WaitStrategy::Backoff] {
        let mut shards = shards(2, 4, Mode::Fenced);
        let (_producers, consumer) = split(&mut shards);
        let mut consumer = consumer.with_wait(strategy);
        for limit in [Duration::ZERO, Duration::from_millis(5)] {
            let begun = Instant::now();
            for error in [consumer.next(limit).err(), consumer.batch(3, limit).err()] {
                assert!(
                    matches!(error, Some(ShardError::TimedOut { waited }) if waited >= limit),
                    "{error:?}"
                );
            }
            assert!(begun.elapsed() >= 2 * limit);
        }
    }
}

#[test]
fn a_batch_of_none_takes_none() {
    let mut shards = shards(2, 4, Mode::Fenced);
    let (mut producers, mut consumer) = split(&mut shards);
    producers[1].produce(b"x").unwrap();
    assert_eq!(turn(&mut consumer, 0), Ok(Some((1, vec![]))));
    let (ring, batch) = consumer.batch(0, Wait::Forever).unwrap();
    assert_eq!((ring, batch.len()), (1, 0));
    drop(batch);
    assert_eq!(turn(&mut consumer, usize::MAX), Ok(Some((1, vec![b'x']))));
}

#[test]
fn counters_are_kept_for_each_ring_and_summed() {
    for mode in MODES {
        let mut shards = shards(3, 4, mode);
        let counters = shards.counters();
        let (mut producers, mut consumer) = split(&mut shards);
        producers[0].produce_all(["abc", "de"]).unwrap();
        producers[2].produce_all(["f", "g", "h", ""]).unwrap();
        assert_eq!(producers[2].message(b"no room").send_or_drop(), Ok(false));
        assert_eq!(consumer.drain(|_, _| ()), Ok(6));
        let sent: Vec<u64> = counters.rings().iter().map(|ring| ring.read().sent).collect();
        assert_eq!(sent, [2, 0, 4]);
        let all = counters.read();
        assert_eq!((all.capacity, all.sent, all.received, all.full, all.dropped), (12, 6, 6, 1, 1));
        assert_eq!((all.sent_bytes, all.received_bytes, all.highest_fill), (8, 8, 4));
        assert_eq!(consumer.counters().read(), all);
    }
}

#[test]
fn parts_keep_the_indices() {
    for asked in [1, 2, 3, 7, usize::MAX] {
        let count = asked.min(5);
        let mut shards = shards(5, 4, Mode::Fenced);
        let (mut producers, consumer) = split(&mut shards);
        for (index, producer) in producers.iter_mut().enumerate() {
            producer.produce(&[index as u8]).unwrap();
        }
        drop(producers);
        let parts = consumer.into_parts(asked.try_into().unwrap());
        assert_eq!(parts.len(), count);
        let mut seen = 0;
        for (place, mut part) in parts.into_iter().enumerate() {
            assert_eq!(part.len(), (5 + count - 1 - place) / count);
            let result = part.for_each(|ring, message| {
                assert_eq!((ring % count, message[0]), (place, ring as u8));
                seen += 1;
            });
            assert_eq!(result, Ok(part.len() as u64));
        }
        assert_eq!(seen, 5);
    }
}

#[cfg(feature = "cuda")]
#[test]
fn no_gpu_reaches_rings_on_the_heap() {
    use perdix_host::MemoryKind;
    use perdix_host::cuda::GpuError;
    let ring = Buffer::builder().slots(4).memory(MemoryKind::Heap);
    let mut shards = Shards::builder(2).ring(ring).build().unwrap();
    assert_eq!(shards.split_gpu().err(), Some(GpuError::NotReachable));
    let (mut producers, mut consumer) = split(&mut shards);
    producers[1].produce(b"x").unwrap();
    assert_eq!(turn(&mut consumer, 1), Ok(Some((1, vec![b'x']))), "the rings still work");
    drop((producers, consumer));
    assert_eq!(shards.into_gpu().err(), Some(GpuError::NotReachable));
}
