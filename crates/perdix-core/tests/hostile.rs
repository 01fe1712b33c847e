//! Shared memory that somebody overwrote: corruption is named where it is noticed, and whatever the
//! words hold, no operation panics, reads out of bounds or loops for ever.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;

use std::sync::atomic::Ordering;

use common::{MODES, Region, halves, offset, take};
use perdix_core::sentinel::SENTINEL;
use perdix_core::{
    AttachError, Config, Consumer, Corruption, Cursor, Fault, MAGIC, Meta, Mode, Poll, Refused, Ring,
    SLOT_SIZE,
};
use proptest::prelude::*;

const FOUR: Config = Config { capacity: 4, mode: Mode::Fenced, start: 0 };

#[test]
fn a_corrupt_tail_stops_the_producer() {
    for tail in [
        Cursor::new(5, false),
        Cursor::new(5, true),
        Cursor::new(u64::MAX, false),
        Cursor::new(1 << 62, false),
    ] {
        let (region, ring) = Region::with_ring(FOUR);
        let (mut producer, mut consumer) = halves(ring);
        for _ in 0..4 {
            producer.push(0, 0, b"full").unwrap();
        }
        region.set(offset::TAIL, tail.word());
        assert_eq!(producer.push(0, 0, b"more"), Err(Refused::CorruptTail), "{tail:?}");
        assert_eq!(producer.stage(0, 0, b"more"), Err(Refused::CorruptTail));
        assert_eq!(producer.vacant().map(drop).unwrap_err(), Refused::CorruptTail);
        // The consumer mends it with its next tail.
        take(&mut consumer, 1);
        consumer.recycle();
        assert_eq!(producer.push(0, 0, b"more"), Ok(()));
    }
}

#[test]
fn a_tail_that_goes_back_is_corrupt() {
    let (region, ring) = Region::with_ring(FOUR);
    let (mut producer, mut consumer) = halves(ring);
    for _ in 0..6 {
        producer.push(0, 0, b"").unwrap();
        take(&mut consumer, 1);
        consumer.recycle();
        producer.renew(1).unwrap();
    }
    region.set(offset::TAIL, Cursor::new(5, false).word());
    assert_eq!(producer.renew(1), Err(Refused::CorruptTail));
}

#[test]
fn a_corrupt_end_is_named() {
    for (end, distance) in [(7, 5), (1, u64::MAX >> 1), (2 + (1 << 62), 1 << 62)] {
        let (region, ring) = Region::with_ring(FOUR);
        let (mut producer, mut consumer) = halves(ring);
        for _ in 0..2 {
            producer.push(0, 0, b"").unwrap();
        }
        take(&mut consumer, 2);
        consumer.recycle();
        region.set(offset::END, Cursor::new(end, true).word());
        let corruption = Corruption::End { message: 2, distance };
        assert_eq!(consumer.look(), Err(corruption));
        assert_eq!(consumer.look(), Err(corruption), "it stays so");
        region.set(offset::END, Cursor::new(end, false).word());
        assert_eq!(consumer.look(), Ok(Poll::Empty), "without the flag the number means nothing");
    }
}

#[test]
fn an_unknown_fault_is_none() {
    let (region, ring) = Region::with_ring(FOUR);
    let (mut producer, consumer) = halves(ring);
    for fault in [Fault::TimedOut, Fault::ConsumerGone, Fault::Corrupt, Fault::TooLong, Fault::Panicked] {
        producer.fail(fault);
        assert_eq!(consumer.fault(), Some(fault));
        assert_eq!(region.word(offset::FAULT).load(Ordering::Relaxed), fault as u64);
    }
    for unknown in [0, 6, 256, u64::MAX, SENTINEL] {
        region.set(offset::FAULT, unknown);
        assert_eq!(consumer.fault(), None);
    }
}

#[test]
fn an_impossible_length_is_named() {
    for mode in MODES {
        for meta in [242, 254, 255, u64::MAX, SENTINEL ^ 1 << 8] {
            let (region, ring) = Region::with_ring(Config { mode, ..FOUR });
            let (mut producer, mut consumer) = halves(ring);
            producer.push(0, 0, b"good").unwrap();
            producer.push(0, 0, b"bad").unwrap();
            region.set(offset::SLOTS + SLOT_SIZE + 8, meta);
            assert_eq!(consumer.available(4), 1, "the good one counts");
            take(&mut consumer, 1);
            let corruption = Corruption::Length { message: 1, meta };
            assert_eq!(consumer.look(), Err(corruption));
            assert_eq!(consumer.look(), Err(corruption), "it stays so");
            consumer.recycle();
        }
    }
}

#[test]
fn arguments_out_of_range_are_harmless() {
    for mode in MODES {
        let (_region, ring) = Region::with_ring(Config { mode, ..FOUR });
        let (mut producer, mut consumer) = halves(ring);
        assert_eq!(producer.ensure(u64::MAX), Err(Refused::Full));
        assert_eq!(producer.ensure(5), Err(Refused::Full));
        assert_eq!(producer.push(0, 0, &[0; 241]), Err(Refused::TooLong));
        producer.vacant().unwrap().stage(0, 0, usize::MAX);
        assert_eq!(producer.publish(), 1);
        assert_eq!(consumer.available(u64::MAX), 1);
        assert_eq!(consumer.look(), Ok(Poll::Ready(Meta::new(240, 0, 0).with_mask(mask_of(mode)))));
        for beyond in [4, 5, u64::MAX] {
            assert_eq!(consumer.peek(beyond), Ok(None), "beyond the ring");
        }
        let Ok(Poll::Ready(message)) = consumer.poll() else { panic!("it is there") };
        assert_eq!(message.copy_to(&mut []), 0);
        message.take();
        consumer.recycle();
        // SAFETY: the halves are not used any more.
        unsafe { ring.clear_free(7, 3) };
        // SAFETY: as above.
        unsafe { ring.clear_free(0, u64::MAX) };
    }
}

/// In fenced mode a look goes from head to head. It ends at the ring's end, even if the slot there
/// says that it is the next head.
#[test]
fn a_look_beyond_the_ring_ends() {
    let (region, ring) = Region::with_ring(FOUR);
    let (mut producer, mut consumer) = halves(ring);
    for _ in 0..4 {
        producer.push(0, 0, b"full").unwrap();
    }
    assert_eq!(consumer.available(4), 4);
    for slot in 0..4 {
        region.set(offset::SLOTS + slot * SLOT_SIZE, slot as u64 + 5);
    }
    for beyond in [4, 5, 8, 100, u64::MAX >> 1, u64::MAX] {
        assert_eq!(consumer.peek(beyond), Ok(None), "message {beyond}");
    }
    assert_eq!(consumer.available(u64::MAX), 4, "what was seen stays");
}

/// A slot that nobody wrote is full of sentinels in fence-free mode.
fn mask_of(mode: Mode) -> u32 {
    if mode == Mode::FenceFree { 0x3fff_ffff } else { 0 }
}

/// Words that mean something somewhere, and any others.
fn hostile() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => any::<u64>(),
        4 => 0..10u64,
        1 => (0..10u64).prop_map(|n| u64::MAX - n),
        1 => (0..10u64).prop_map(|n| 1 << 63 | n),
        2 => Just(SENTINEL),
        1 => Just(MAGIC),
        1 => (any::<u64>(), 0..=240u64).prop_map(|(word, len)| word << 8 | len),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 500 } else { 20_000 }))]

    /// Garbage, or a good ring with some words of its identity overwritten: never a panic, and what
    /// attaches is sane.
    #[test]
    fn attach_survives_anything(
        good in any::<bool>(),
        words in prop::collection::vec((0..8usize, hostile()), 0..8),
        shift in prop_oneof![3 => Just(0usize), 1 => 0..2048usize],
        bytes in prop_oneof![Just(2048usize), 0..2048usize],
    ) {
        let region = Region::new(4096);
        if good {
            region.init(FOUR).unwrap();
        }
        for (word, value) in words {
            region.set(8 * word, value);
        }
        // SAFETY: shift + bytes is at most 4096.
        match unsafe { Ring::attach(region.at(shift), bytes) } {
            Ok(ring) => {
                prop_assert_eq!(shift % 256, 0);
                prop_assert!(ring.config().bytes().unwrap() <= bytes);
            }
            Err(AttachError::Misaligned { .. }) => prop_assert_ne!(shift % 256, 0),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    /// Every operation of both halves, while somebody scribbles over all words that they share.
    #[test]
    fn the_halves_survive_anything(
        mode in prop::sample::select(&MODES[..]),
        capacity in prop::sample::select(&[1u64, 2, 4][..]),
        start in hostile(),
        steps in prop::collection::vec((0..12u8, 0..1024usize, hostile()), 0..200),
    ) {
        let config = Config { capacity, mode, start };
        let (region, ring) = Region::with_ring(config);
        let (mut producer, mut consumer) = halves(ring);
        let shared = [offset::TAIL, offset::END, offset::FAULT];
        for (step, place, value) in steps {
            match step {
                0..4 => {
                    let words = (region.bytes() - offset::SLOTS) / 8 + shared.len();
                    let at = place % words;
                    region.set(shared.get(at).copied().unwrap_or(offset::SLOTS + 8 * (at.max(3) - 3)), value);
                }
                // The first two words of the next slot, as the consumer hopes to find them.
                4 | 5 => {
                    let slot = offset::SLOTS + SLOT_SIZE * (consumer.next() % capacity) as usize;
                    if step == 4 {
                        region.set(slot, consumer.next().wrapping_add(1));
                    } else {
                        region.set(slot + 8, value);
                    }
                }
                6 => drop(producer.push(1, 2, &vec![3; place % 300])),
                7 => drop(producer.stage(1, 2, &vec![3; place % 300])),
                8 => { producer.publish(); }
                9..11 => consume(&mut consumer, value),
                _ => match value % 5 {
                    0 => producer.finish(),
                    1 => producer.fail(Fault::Corrupt),
                    2 => producer.reopen(),
                    3 => consumer.disconnect(),
                    _ => consumer.reconnect(),
                },
            }
            consumer.fault();
            prop_assert!(producer.credit() <= capacity);
            prop_assert!(producer.staged() <= capacity);
        }
    }
}

fn consume(consumer: &mut Consumer, most: u64) {
    assert!(consumer.available(most) <= consumer.ring().capacity());
    if let Ok(Poll::Ready(message)) = consumer.poll() {
        let mut bytes = [0; 240];
        assert_eq!(message.copy_to(&mut bytes), message.meta().len());
        message.take();
        if most % 2 == 0 {
            consumer.recycle();
        }
    }
}

/// A count of dropped messages that was read from shared memory may be anything: found by fuzzing.
#[test]
fn a_count_of_dropped_messages_may_wrap() {
    for mode in MODES {
        let (_region, ring) = Region::with_ring(Config { mode, ..FOUR });
        let (mut producer, _consumer) = halves(ring);
        (0..4).for_each(|_| producer.push(0, 0, b"x").unwrap());
        producer.set_dropped(u64::MAX, u64::MAX);
        assert_eq!(producer.push_or_drop(0, 0, b"dropped"), Ok(false));
        assert_eq!((producer.dropped(), producer.unreported()), (0, 0));
    }
}
