//! Runs in fenced mode, as the consumer sees them: several messages behind one sequence word.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;

use common::{MODES, Region, halves, offset, take};
use perdix_core::{Config, Corruption, Meta, Mode, Poll, Producer, SLOT_SIZE, publish_gap_marker};

const FOUR: Config = Config { capacity: 4, mode: Mode::Fenced, start: 0 };

/// Writes message `number` of a ring of four: its meta word and its sequence word.
fn put(region: &Region, number: u64, meta: Meta, seq: u64) {
    let slot = offset::SLOTS + (number % 4) as usize * SLOT_SIZE;
    region.set(slot + 8, meta.word());
    region.set(slot, seq);
}

#[test]
fn followers_count_only_behind_their_head() {
    let (region, ring) = Region::with_ring(FOUR);
    let (_producer, mut consumer) = halves(ring);
    for number in 1..3 {
        put(&region, number, Meta::new(8, 0, number as u16), number + 1);
        assert_eq!((consumer.available(4), consumer.peek(number)), (0, Ok(None)), "its head is missing");
        assert_eq!(consumer.look(), Ok(Poll::Empty));
    }
    put(&region, 0, Meta::new(8, 0, 0).with_followers(2), 1);
    assert_eq!(consumer.available(4), 3);
    assert_eq!(consumer.peek(2).unwrap().map(|meta| meta.kind()), Some(2));
    // The next head is not there, though its slot holds an older number.
    assert_eq!(consumer.peek(3), Ok(None));
}

#[test]
fn a_run_is_taken_piece_by_piece() {
    let (region, ring) = Region::with_ring(FOUR);
    let (_producer, mut consumer) = halves(ring);
    for number in 0..3 {
        let followers = if number == 0 { 2 } else { 0 };
        put(&region, number, Meta::new(0, 0, number as u16).with_followers(followers), number + 1);
    }
    for number in 0..3 {
        assert!(matches!(consumer.look(), Ok(Poll::Ready(meta)) if u64::from(meta.kind()) == number));
        take(&mut consumer, 1);
        consumer.recycle();
    }
    assert_eq!(consumer.look(), Ok(Poll::Empty));
}

#[test]
fn too_many_followers_stay_inside_the_ring() {
    for followers in [4, 5, 1000, (1 << 30) - 1] {
        let (region, ring) = Region::with_ring(FOUR);
        let (_producer, mut consumer) = halves(ring);
        put(&region, 0, Meta::new(1, 0, 0).with_followers(followers), 1);
        assert_eq!(consumer.available(u64::MAX), 4);
        assert_eq!(consumer.peek(4), Ok(None), "beyond the ring");
        take(&mut consumer, 4);
        consumer.recycle();
        assert_eq!(consumer.available(u64::MAX), 0);
    }
}

#[test]
fn a_corrupt_follower_is_named_in_its_turn() {
    let (region, ring) = Region::with_ring(FOUR);
    let (_producer, mut consumer) = halves(ring);
    put(&region, 0, Meta::new(1, 0, 0).with_followers(1), 1);
    region.set(offset::SLOTS + SLOT_SIZE + 8, 242);
    assert_eq!(consumer.available(4), 1);
    take(&mut consumer, 1);
    assert_eq!(consumer.look(), Err(Corruption::Length { message: 1, meta: 242 }));
}

#[test]
fn slots_that_were_emptied_are_looked_at_again() {
    let (region, ring) = Region::with_ring(FOUR);
    let (_producer, mut consumer) = halves(ring);
    put(&region, 0, Meta::new(1, 0, 0).with_followers(2), 1);
    region.set(offset::SLOTS + SLOT_SIZE + 8, 241);
    let head = consumer.next() + consumer.available(u64::MAX);
    // SAFETY: neither half is in use.
    unsafe { ring.clear_free(consumer.next(), head) };
    consumer.forget_acquired();
    assert_eq!(consumer.available(u64::MAX), 1, "the follower that is there no more does not count");
    take(&mut consumer, 1);
    assert_eq!(consumer.look(), Ok(Poll::Empty));
}

/// A device producer may publish gap markers of 0. They are passed over, and never hide what stands
/// behind them.
#[test]
fn markers_of_nothing_hide_nothing() {
    for mode in MODES {
        for markers in 0..4 {
            for ways in 0..4 {
                let (_region, ring) = Region::with_ring(Config { mode, ..FOUR });
                for number in 0..markers {
                    // SAFETY: the slot is free, and there is no producer yet.
                    let slot = unsafe { ring.slot(number) };
                    // SAFETY: as above.
                    unsafe { publish_gap_marker(slot, number, 0, mode) };
                }
                // SAFETY: the only halves, and the messages before are the markers.
                let mut producer = unsafe { Producer::resume_at(ring, markers) };
                let (_, mut consumer) = halves(ring);
                producer.push(7, 0, b"published").unwrap();
                match ways {
                    0 => assert!(matches!(consumer.look(), Ok(Poll::Ready(meta)) if meta.kind() == 7)),
                    1 => assert_eq!(consumer.available_sized(9), (1, 9)),
                    2 => assert_eq!(consumer.take_gap(), None),
                    _ => {
                        producer.finish();
                        assert!(matches!(consumer.look(), Ok(Poll::Ready(_))), "before the end");
                    }
                }
                take(&mut consumer, 1);
                assert_eq!(consumer.next(), markers + 1);
            }
        }
    }
}

/// Behind markers of 0 there may be one that counts, or nothing; and a ring can be full of them.
#[test]
fn markers_of_nothing_end() {
    for (last, found) in [(0, Poll::Empty), (5, Poll::Gap(5))] {
        let (_region, ring) = Region::with_ring(FOUR);
        for (number, dropped) in [0, 0, 0, last].into_iter().enumerate() {
            // SAFETY: the slot is free, and there is no producer yet.
            let slot = unsafe { ring.slot(number as u64) };
            // SAFETY: as above.
            unsafe { publish_gap_marker(slot, number as u64, dropped, Mode::Fenced) };
        }
        let (_, mut consumer) = halves(ring);
        assert_eq!(consumer.look(), Ok(found));
        assert_eq!(consumer.take_gap(), (last != 0).then_some(last));
        assert_eq!(consumer.next(), 4);
    }
}
