//! Making buffers, what the types promise, memory, counters.

use std::thread;

use perdix_host::{
    Batch, Buffer, Consumer, Counters, CreateError, Grant, MemoryKind, Message, Mode, Producer, Wait,
    WaitStrategy,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};

use crate::MODES;

assert_impl_all!(Producer<'static>: Send);
assert_impl_all!(Consumer<'static>: Send);
assert_not_impl_any!(Producer<'static>: Sync, Clone, Copy);
assert_not_impl_any!(Consumer<'static>: Sync, Clone, Copy);
assert_impl_all!(Buffer: Send);
assert_not_impl_any!(Buffer: Clone);
assert_impl_all!(Counters: Send, Sync, Clone);
assert_not_impl_any!(Message<'static>: Clone);
assert_not_impl_any!(Grant<'static>: Clone);
assert_not_impl_any!(Batch<'static>: Clone);

#[test]
fn illegal_slot_counts_name_the_nearest_legal_one() {
    for (asked, nearest) in
        [(0, 1), (3, 4), (1 << 31, 1 << 30), (usize::MAX, 1 << 30), ((1 << 30) + 1, 1 << 30)]
    {
        let Err(CreateError::Slots(error)) = Buffer::new(asked) else { panic!("{asked} slots were made") };
        assert_eq!((error.asked, error.nearest), (asked as u64, nearest));
        let text = CreateError::Slots(error).to_string();
        assert!(text.contains(&format!("{asked} slots")), "{text}");
        assert!(text.ends_with(&format!("ask for {nearest}")), "{text}");
    }
}

#[test]
fn a_buffer_is_as_ordered() {
    let buffer = Buffer::builder().build().unwrap();
    assert_eq!((buffer.capacity(), buffer.mode(), buffer.memory()), (4096, Mode::Fenced, MemoryKind::Heap));
    for mode in MODES {
        let buffer = Buffer::builder()
            .slots(2)
            .mode(mode)
            .wait(WaitStrategy::Spin)
            .producer_wait(WaitStrategy::Yield)
            .consumer_wait(WaitStrategy::Backoff)
            .build()
            .unwrap();
        assert_eq!((buffer.capacity(), buffer.mode()), (2, mode));
        assert_eq!(buffer.counters().read().capacity, 2);
    }
}

#[test]
fn release_every_is_clamped_and_kept() {
    for (asked, held_back) in [(0, 0), (1, 0), (3, 2), (4, 3), (usize::MAX, 7)] {
        let mut buffer = Buffer::builder().slots(8).release_every(asked).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.produce_all([b"x"; 8]).unwrap();
        for taken in 1..=held_back {
            drop(consumer.try_consume().unwrap());
            assert_eq!(producer.free_slots(), 0, "release_every {asked}, taken {taken}");
        }
        drop(consumer.try_consume().unwrap());
        assert_eq!(producer.free_slots(), held_back + 1, "release_every {asked}");
    }
}

#[test]
fn an_idle_consumer_releases_at_once() {
    for idle in [
        |consumer: &mut Consumer<'_>| assert!(consumer.try_consume().is_none()),
        |consumer: &mut Consumer<'_>| assert!(consumer.batch(9, Wait::No).is_err()),
        |consumer: &mut Consumer<'_>| assert_eq!(consumer.status(), Ok(())),
        |consumer: &mut Consumer<'_>| assert_eq!(consumer.drain(|_| ()), Ok(0)),
        |consumer: &mut Consumer<'_>| {
            assert_eq!(consumer.large(&mut Vec::new(), Wait::No), Err(perdix_host::ConsumeError::Empty));
        },
        |consumer: &mut Consumer<'_>| assert!(consumer.next(std::time::Duration::ZERO).is_err()),
    ] {
        let mut buffer = Buffer::builder().slots(8).release_every(8).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.try_produce(b"x").unwrap();
        drop(consumer.try_consume().unwrap());
        assert_eq!(producer.free_slots(), 7);
        idle(&mut consumer);
        assert_eq!(producer.free_slots(), 8);
    }
}

#[test]
fn counters_count_exactly() {
    for mode in MODES {
        let mut buffer = Buffer::builder().slots(4).mode(mode).release_every(1).build().unwrap();
        let counters = buffer.counters();
        let (mut producer, mut consumer) = buffer.split_mut();
        assert_eq!(counters.read().sent, 0);
        producer.produce_all(["abc", "de", "", "f"]).unwrap();
        for _ in 0..3 {
            producer.try_produce(b"no room").unwrap_err();
        }
        assert_eq!(producer.message(b"no room").send_or_drop(), Ok(false));
        assert_eq!(producer.message(b"no room").send_or_drop(), Ok(false));
        let now = producer.counters().read();
        assert_eq!((now.sent, now.sent_bytes, now.full, now.dropped, now.highest_fill), (4, 6, 1, 2, 4));
        assert_eq!((now.received, now.received_bytes), (0, 0));
        drop(consumer.try_consume().unwrap());
        let now = consumer.counters().read();
        assert_eq!((now.received, now.received_bytes), (1, 3));
        // One slot is free: the notice of the gap would take it.
        assert_eq!(producer.message(b"no room").send_or_drop(), Ok(false));
        assert_eq!(consumer.drain(|_| ()), Ok(3));
        assert_eq!(producer.message(b"goes").send_or_drop(), Ok(true));
        assert_eq!(crate::gap(&mut consumer), Some(3));
        assert_eq!(consumer.drain(|_| ()), Ok(1));
        let now = counters.clone().read();
        assert_eq!((now.sent, now.sent_bytes, now.received, now.received_bytes), (5, 10, 5, 10));
        assert_eq!((now.full, now.dropped, now.highest_fill), (1, 3, 4), "{mode:?}");
    }
}

#[test]
fn looking_for_room_is_not_finding_the_ring_full() {
    let mut buffer = Buffer::new(8).unwrap();
    let counters = buffer.counters();
    let (mut producer, _consumer) = buffer.split_mut();
    producer.try_produce(b"x").unwrap();
    assert_eq!(producer.free_slots(), 7);
    let mut batch = producer.batch(8, Wait::No).unwrap();
    assert_eq!(batch.room(), 7);
    while batch.push(b"y").is_ok() {}
    assert_eq!(batch.commit(), 7);
    assert_eq!((producer.free_slots(), counters.read().full), (0, 0));
    producer.batch(1, Wait::No).unwrap_err();
    assert_eq!(counters.read().full, 1);
}

#[test]
fn the_most_occupied_is_remembered() {
    let mut buffer = Buffer::builder().slots(8).release_every(1).build().unwrap();
    let counters = buffer.counters();
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.produce_all([b"x"; 5]).unwrap();
    assert_eq!(producer.free_slots(), 3);
    assert_eq!(consumer.drain(|_| ()), Ok(5));
    assert_eq!(producer.free_slots(), 8);
    assert_eq!(counters.read().highest_fill, 5);
}

#[test]
fn counters_outlive_the_ring() {
    let (mut producer, mut consumer) = Buffer::new(4).unwrap().split();
    let counters = consumer.counters();
    producer.produce(b"four").unwrap();
    let reader = thread::spawn(move || consumer.consume().map(|message| message.len()));
    assert_eq!(reader.join().unwrap(), Ok(4));
    drop(producer);
    let last = thread::spawn(move || counters.read()).join().unwrap();
    assert_eq!((last.sent, last.received, last.received_bytes), (1, 1, 4));
}

#[test]
fn numbers_start_where_asked_and_wrap() {
    for mode in MODES {
        for start in [0, 5, (1 << 63) - 2, u64::MAX - 2, u64::MAX] {
            let mut buffer = Buffer::builder().slots(2).mode(mode).first_message(start).build().unwrap();
            let (mut producer, mut consumer) = buffer.split_mut();
            for ahead in 0..9 {
                let number = start.wrapping_add(ahead);
                assert_eq!(consumer.position(), number);
                producer.try_produce(&number.to_le_bytes()).unwrap();
                let message = consumer.try_consume().unwrap();
                assert_eq!((message.number(), message.cast::<u64>()), (number, Ok(&number)));
            }
            drop(producer);
            assert!(consumer.consume().is_err_and(|error| error == perdix_host::ConsumeError::EndOfStream));
        }
    }
}
