//! One ring's trouble, as broken memory or a device producer that gave up would make it: reported once, and the others go on.

use std::sync::atomic::{AtomicU64, Ordering};

use perdix_host::{ConsumeError, Corruption, Fault, ProduceError, Producer, ShardError, Wait};

use crate::common::MODES;
use crate::{shards, split, turn};

/// Where the control block and the meta word lie, counted from slot 0 (see `docs/protocol.md`).
const END: isize = -1024 + 512;
const FAULT: isize = END + 8;
const META: isize = 8;

/// Overwrites a word of an empty ring's memory, as a stray pointer would.
fn overwrite(producer: &mut Producer<'_>, offset: isize, word: u64) {
    let mut grant = producer.reserve(8, Wait::No).unwrap();
    let slot = grant.as_mut_ptr().wrapping_sub(16);
    let place = slot.wrapping_offset(offset).cast::<u64>();
    // SAFETY: the grant is of slot 0, so the word lies in the ring's memory, aligned; all its words are atomics.
    unsafe { AtomicU64::from_ptr(place) }.store(word, Ordering::Release);
}

/// Expects that ring 1 of 3 reports `error` once, that the others deliver all, and that ring 1's producer is told.
fn expect(mode: perdix_host::Mode, lost: usize, error: &ConsumeError, spoil: impl Fn(&mut Producer<'_>)) {
    let mut shards = shards(3, 8, mode);
    let (mut producers, mut consumer) = split(&mut shards);
    spoil(&mut producers[1]);
    for round in 0..5u8 {
        producers[0].produce(&[round]).unwrap();
        producers[2].produce(&[100 + round]).unwrap();
    }
    let (mut seen, mut errors, mut from_it) = (vec![Vec::new(); 3], Vec::new(), 0);
    loop {
        match turn(&mut consumer, 2) {
            Ok(Some((ring, messages))) => {
                from_it += usize::from(ring == 1) * messages.len();
                seen[ring].extend(messages);
            }
            Ok(None) => break,
            Err(other) => errors.push(other),
        }
    }
    assert_eq!(errors, [ShardError::Ring { ring: 1, source: error.clone() }]);
    assert_eq!(errors[0].to_string(), format!("ring 1: {error}"));
    assert_eq!((from_it, consumer.open()), (lost, 2));
    assert!(producers[1].status().is_err(), "whoever still produces into it is to stop");
    // Waiting calls go on as well, and the end comes without ring 1.
    producers[0].produce(&[5]).unwrap();
    producers[2].produce(&[105]).unwrap();
    assert!(producers.iter_mut().step_by(2).all(|producer| producer.status().is_ok()));
    drop(producers);
    let rest = consumer.for_each(|ring, message| seen[ring].push(message[0]));
    assert_eq!(rest, Ok(2));
    assert_eq!(seen[0], (0..6).collect::<Vec<u8>>());
    assert_eq!(seen[2], (100..106).collect::<Vec<u8>>());
}

#[test]
fn a_corrupt_ring() {
    for mode in MODES {
        let source = ConsumeError::Corrupt(Corruption::End { message: 0, distance: 99 });
        expect(mode, 0, &source, |producer| overwrite(producer, END, 99 << 1 | 1));
    }
}

#[test]
fn a_corrupt_message_behind_good_ones() {
    for mode in MODES {
        let mut shards = shards(2, 4, mode);
        let (mut producers, mut consumer) = split(&mut shards);
        let mut grant = producers[0].reserve(8, Wait::No).unwrap();
        let meta = grant.as_mut_ptr().wrapping_sub(16).wrapping_offset(META).cast::<u64>();
        grant.commit();
        producers[0].produce_all([b"b", b"c"]).unwrap();
        producers[1].produce(b"d").unwrap();
        // SAFETY: the meta word of slot 1, in the ring's memory, aligned; all its words are atomics.
        unsafe { AtomicU64::from_ptr(meta.wrapping_add(256 / 8)) }.store(250, Ordering::Release);
        assert_eq!(turn(&mut consumer, 9).unwrap().map(|(ring, all)| (ring, all.len())), Some((0, 1)));
        assert_eq!(turn(&mut consumer, 9), Ok(Some((1, vec![b'd']))));
        let source = ConsumeError::Corrupt(Corruption::Length { message: 1, meta: 250 });
        assert_eq!(turn(&mut consumer, 9), Err(ShardError::Ring { ring: 0, source }));
        assert_eq!(turn(&mut consumer, 9), Ok(None));
        assert_eq!(producers[0].produce_all([b"x"; 5]).unwrap_err().source, ProduceError::ConsumerGone);
    }
}

#[test]
fn a_producer_that_gave_up() {
    for mode in MODES {
        for (word, fault) in [(1, Fault::TimedOut), (4, Fault::TooLong)] {
            let source = ConsumeError::ProducerFailed { fault, first_missing: 2 };
            expect(mode, 2, &source, |producer| {
                overwrite(producer, FAULT, word);
                overwrite(producer, END, 2 << 1 | 1);
                producer.produce_all([b"a", b"b"]).unwrap();
            });
        }
    }
}

#[test]
fn trouble_on_all_rings_is_told_of_each() {
    let mut shards = shards(3, 4, MODES[0]);
    let (mut producers, mut consumer) = split(&mut shards);
    for producer in &mut producers {
        overwrite(producer, END, 99 << 1 | 1);
    }
    let told: Vec<usize> = std::iter::from_fn(|| match consumer.for_each(|_, _| ()) {
        Err(ShardError::Ring { ring, source: ConsumeError::Corrupt(_) }) => Some(ring),
        other => {
            assert_eq!(other, Ok(0));
            None
        }
    })
    .collect();
    assert_eq!(told, [0, 1, 2]);
}
