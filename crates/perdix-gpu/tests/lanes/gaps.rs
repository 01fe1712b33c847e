//! Proves that messages dropped because the ring was full are counted, and told of in their place: what is received and what is
//! missing is all that was sent, whoever sends and however the consumer keeps up.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use perdix_core::{Consumer, DeviceRing, Poll};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::{BlockProducer, Error, FromFn, GridProducer, ThreadProducer, WarpProducer};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};
use perdix_kernels::{drop_block, drop_grid, drop_thread, drop_warp};

use crate::common::{Line, MODES, line};

const PATTERN: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 1 };
const GRID: Pattern = Pattern { len: 16, sentinels: 0 };

/// Reads to the end of the stream, sleeping after every `every` messages and gaps, and checks that every message of one sender is
/// there or told to be missing. Says how many were missing, and how many notices there were.
fn read_one(consumer: &mut Consumer, count: u64, every: u64) -> (u64, u64) {
    let (begun, mut id, mut missing, mut gaps) = (Instant::now(), 0, 0, 0);
    loop {
        assert!(begun.elapsed() < Duration::from_secs(100), "the stream stands still at {id}");
        match consumer.poll().unwrap() {
            Poll::Ready(message) => {
                let meta = message.meta();
                let mut bytes = vec![0; meta.len()];
                message.copy_to(&mut bytes);
                message.take();
                assert!(PATTERN.matches(id, meta.kind(), &bytes), "message {id}: {bytes:02x?}");
                id += 1;
            }
            Poll::Gap(dropped) => {
                assert_eq!(consumer.take_gap(), Some(dropped));
                (id, missing, gaps) = (id + dropped, missing + dropped, gaps + 1);
            }
            Poll::Empty => std::thread::yield_now(),
            Poll::Ended => {
                assert_eq!(id, count);
                return (missing, gaps);
            }
        }
        consumer.recycle();
        if id % every == 0 {
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

#[test]
fn one_producer_s_messages_are_there_or_told_to_be_missing() {
    type Kernel = unsafe fn(DeviceRing, Pattern, u64, u64, u64);
    let kernels: [(&str, Kernel, u32); 3] =
        [("thread", drop_thread, 1), ("warp", drop_warp, 32), ("block", drop_block, 96)];
    for mode in MODES {
        for (name, kernel, threads) in kernels {
            for capacity in [1, 2, 4, 64] {
                let ring = EmulatedRing::starting_at(capacity, mode, u64::MAX - 20);
                let (count, burst) = (600, if name == "block" { capacity.min(5) } else { 7 });
                let (missing, gaps) = std::thread::scope(|scope| {
                    let reading = scope.spawn(|| {
                        // SAFETY: the ring's only consumer.
                        let mut consumer = unsafe { ring.consumer() }.with_tail_every(1);
                        read_one(&mut consumer, count, 10)
                    });
                    // SAFETY: launched as the kernel asks, alone on a ring that lives on.
                    assert!(launch(1, threads, || unsafe {
                        kernel(ring.handle(), PATTERN, count, burst, 20_000);
                    }));
                    reading.join().unwrap()
                });
                let Line { messages, lost, dropped, fault, .. } = line(&ring);
                assert_eq!((messages, lost, dropped, fault), (count - missing, 0, missing, None), "{name}");
                println!(
                    "{name}, {mode:?}, {capacity} slots: {missing} of {count} dropped, told {gaps} times"
                );
            }
        }
    }
}

#[test]
fn a_grid_s_messages_are_there_or_counted() {
    for mode in MODES {
        for capacity in [1, 2, 8] {
            let ring = EmulatedRing::new(capacity, mode);
            let (count, warps) = (200, 4);
            let (received, missing) = std::thread::scope(|scope| {
                let reading = scope.spawn(|| {
                    // SAFETY: the ring's only consumer.
                    let mut consumer = unsafe { ring.consumer() };
                    read_grid(&mut consumer, warps)
                });
                // SAFETY: nothing else is launched on the ring, which lives on.
                assert!(launch(2, 64, || unsafe { drop_grid(ring.handle(), GRID, count, 5, 20_000) }));
                reading.join().unwrap()
            });
            assert_eq!(received + missing, count * warps);
            let Line { messages, lost, dropped, fault, .. } = line(&ring);
            assert_eq!((messages, lost, dropped, fault), (received, 0, missing, None));
        }
    }
}

/// Messages received, each sender's in order, and messages missing.
fn read_grid(consumer: &mut Consumer, warps: u64) -> (u64, u64) {
    let mut next: HashMap<u64, u64> = (0..warps).map(|warp| (warp, warp << 40)).collect();
    let (mut received, mut missing) = (0, 0);
    loop {
        match consumer.poll().unwrap() {
            Poll::Ready(message) => {
                let meta = message.meta();
                let mut bytes = vec![0; meta.len()];
                message.copy_to(&mut bytes);
                message.take();
                // Word 0 of these messages is their identity.
                let id = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                assert!(GRID.matches(id, meta.kind(), &bytes), "{bytes:02x?}");
                let expected = next.get_mut(&(id >> 40)).unwrap();
                assert!(id >= *expected, "{id:#x} after {expected:#x}");
                *expected = id + 1;
                received += 1;
            }
            Poll::Gap(dropped) => {
                assert_eq!(consumer.take_gap(), Some(dropped));
                missing += dropped;
            }
            Poll::Empty => std::thread::yield_now(),
            Poll::Ended => return (received, missing),
        }
        consumer.recycle();
        if received % 10 == 0 {
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

type Kernel = fn(DeviceRing);

/// Each sends four messages into four slots, drops two, and pauses.
const DROPS: [(u32, Kernel); 4] = [
    (1, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { ThreadProducer::new(ring) }.unwrap();
        (0..6).for_each(|i| assert_eq!(producer.produce_or_drop(i, b"x"), Ok(i < 4)));
        assert_eq!(producer.produce_or_drop(0, &[0; 241]), Err(Error::TooLong));
        producer.pause();
    }),
    (32, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { WarpProducer::new(ring) }.unwrap();
        (0..6).for_each(|i| assert_eq!(producer.produce_or_drop(i, 1, |_| [0; 2]), Ok(i < 4)));
        assert_eq!(producer.produce_or_drop(0, 241, |_| [0; 2]), Err(Error::TooLong));
        producer.pause();
    }),
    (64, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { BlockProducer::new(ring) }.unwrap();
        let messages = FromFn::new(1, 0, |_, _| [0; 2]);
        (0..3).for_each(|i| assert_eq!(producer.produce_batch_or_drop(2, &messages), Ok(i < 2)));
        assert_eq!(producer.produce_batch_or_drop(5, &messages), Err(Error::Full));
        producer.pause();
    }),
    (32, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { GridProducer::new(ring) }.unwrap();
        (0..6).for_each(|i| assert_eq!(producer.produce_or_drop(i, 1, |_| [0; 2]), Ok(i < 4)));
        assert_eq!(producer.produce_or_drop(0, 241, |_| [0; 2]), Err(Error::TooLong));
        producer.pause();
    }),
];

/// Each sends one message in a way that drops none.
const SENDS: [(u32, Kernel); 5] = [
    (1, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { ThreadProducer::new(ring) }.unwrap();
        assert_eq!(producer.produce(9, b"y"), Ok(()));
        producer.finish();
    }),
    (32, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { WarpProducer::new(ring) }.unwrap();
        assert_eq!(producer.try_produce(9, 1, |_| [0; 2]), Ok(()));
        producer.finish();
    }),
    (64, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { BlockProducer::new(ring) }.unwrap();
        assert_eq!(producer.try_produce_batch(1, &FromFn::new(1, 9, |_, _| [0; 2])), Ok(()));
        producer.finish();
    }),
    (32, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { GridProducer::new(ring) }.unwrap();
        assert_eq!(producer.produce(9, 1, |_| [0; 2]), Ok(()));
        producer.finish();
    }),
    (32, |ring| {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { GridProducer::new(ring) }.unwrap();
        assert_eq!(producer.try_produce(9, 1, |_| [0; 2]), Ok(()));
        producer.finish();
    }),
];

#[test]
fn the_next_producer_tells_what_the_last_one_dropped() {
    for mode in MODES {
        for (which, (few, drops)) in DROPS.iter().enumerate() {
            for (then, (many, sends)) in SENDS.iter().enumerate() {
                let ring = EmulatedRing::new(4, mode);
                assert!(launch(1, *few, || drops(ring.handle())));
                assert_eq!((line(&ring).end, line(&ring).dropped), (None, 2), "{which}");
                // SAFETY: the ring's only consumer.
                let mut consumer = unsafe { ring.consumer() };
                assert_eq!(consumer.available(9), 4);
                // SAFETY: they were found there.
                unsafe { consumer.take(4, 4) };
                consumer.recycle();
                assert_eq!(consumer.look(), Ok(Poll::Empty));
                assert!(launch(1, *many, || sends(ring.handle())));
                assert_eq!(consumer.look(), Ok(Poll::Gap(2)), "{which}, {then}");
                assert_eq!(consumer.take_gap(), Some(2));
                assert_eq!(consumer.available(9), 1, "{which}, {then}");
                // SAFETY: it was found there.
                unsafe { consumer.take(1, 1) };
                consumer.recycle();
                assert_eq!(consumer.look(), Ok(Poll::Ended));
            }
        }
    }
}

/// A batch as long as the ring never fits beside a notice.
#[test]
fn a_block_s_batch_as_long_as_the_ring_goes_after_the_notice() {
    for mode in MODES {
        let ring = EmulatedRing::new(4, mode);
        let turn = |goes: bool| {
            assert!(launch(1, 64, || {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { BlockProducer::new(ring.handle()) }.unwrap();
                assert_eq!(producer.produce_batch_or_drop(4, &FromFn::new(1, 0, |_, _| [0; 2])), Ok(goes));
                producer.pause();
            }));
        };
        turn(true);
        turn(false);
        assert_eq!(line(&ring).dropped, 4);
        // SAFETY: the ring's only consumer.
        let mut consumer = unsafe { ring.consumer() };
        assert_eq!(consumer.available(9), 4);
        // SAFETY: they were found there.
        unsafe { consumer.take(4, 4) };
        consumer.recycle();
        turn(false);
        assert_eq!((line(&ring).dropped, consumer.take_gap()), (8, Some(8)));
        consumer.recycle();
        consumer.publish_tail();
        turn(true);
        assert_eq!(consumer.available(9), 4);
    }
}
