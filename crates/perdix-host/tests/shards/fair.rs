//! Rings get their turns, however busy one of them is.

use std::collections::VecDeque;

use perdix_host::Mode;

use crate::common::{MODES, Random};
use crate::{shards, split, turn};

#[test]
fn busy_rings_take_turns() {
    for mode in MODES {
        let mut shards = shards(3, 16, mode);
        let (mut producers, mut consumer) = split(&mut shards);
        for round in 0..30 {
            for producer in &mut producers {
                while producer.try_produce(b"x").is_ok() {}
            }
            assert_eq!(turn(&mut consumer, 5), Ok(Some((round % 3, vec![b'x'; 5]))));
        }
        // One by one as well.
        for round in 0..9 {
            let (ring, message) = consumer.try_next().unwrap();
            assert_eq!((ring, &message[..]), (round % 3, &b"x"[..]));
        }
    }
}

/// A ring that is always full gets one turn before a message on another one is seen.
#[test]
fn a_flooded_ring_starves_nobody() {
    for mode in MODES {
        for flooded in 0..4 {
            let mut shards = shards(4, 64, mode);
            let (mut producers, mut consumer) = split(&mut shards);
            for round in 0..40u8 {
                let slow = (flooded + 1 + usize::from(round) % 3) % 4;
                producers[slow].try_produce(&[round]).unwrap();
                while producers[flooded].try_produce(&[255]).is_ok() {}
                let (first, _) = turn(&mut consumer, 32).unwrap().unwrap();
                let second = turn(&mut consumer, 32).unwrap().unwrap();
                let own = if first == flooded { second } else { (first, vec![round]) };
                assert_eq!(own, (slow, vec![round]), "{flooded} flooded, round {round}");
            }
        }
    }
}

#[test]
fn for_each_turns_to_the_next_ring_too() {
    let mut shards = shards(2, 256, Mode::Fenced);
    let (mut producers, mut consumer) = split(&mut shards);
    producers[0].produce_all([b"a"; 256]).unwrap();
    producers[1].produce_all([b"b"; 3]).unwrap();
    drop(producers);
    let mut order = Vec::new();
    assert_eq!(consumer.for_each(|ring, _| order.push(ring)), Ok(259));
    let waited = order.iter().position(|ring| *ring == 1).unwrap();
    assert!(waited <= 32, "ring 1 waited for {waited} messages");
    assert_eq!(order.iter().filter(|ring| **ring == 1).count(), 3);
}

#[test]
fn drain_takes_what_is_there_and_no_more_than_a_ring_full_of_each() {
    for mode in MODES {
        let mut shards = shards(3, 4, mode);
        let (mut producers, mut consumer) = split(&mut shards);
        producers[0].produce_all([b"x"; 4]).unwrap();
        producers[2].produce_all([b"y"; 2]).unwrap();
        let mut seen = Vec::new();
        let count = consumer.drain(|ring, _| {
            seen.push(ring);
            // Refilling from within does not make it endless.
            let _ = producers[0].try_produce(b"z");
        });
        let count = count.unwrap();
        let of = |ring| seen.iter().filter(|seen| **seen == ring).count();
        assert_eq!((count, of(1), of(2)), (seen.len(), 0, 2));
        assert!((4..=8).contains(&count), "{count}");
    }
}

/// Any order of calls against queues: every message once, in its ring's order, and no ring is passed over twice.
#[test]
fn any_order_of_calls_against_a_model() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let mode = MODES[seed as usize % 2];
        let (count, slots) = (1 + random.below(5) as usize, 1 << random.below(5));
        let mut shards = shards(count, slots, mode);
        let (mut producers, mut consumer) = split(&mut shards);
        let mut model: Vec<VecDeque<u8>> = vec![VecDeque::new(); count];
        // Turns of others since a ring had a message and no turn.
        let mut passed = vec![0; count];
        for step in 0..400u32 {
            if random.below(3) != 0 {
                let ring = random.below(count as u64) as usize;
                if producers[ring].try_produce(&[step as u8]).is_ok() {
                    model[ring].push_back(step as u8);
                } else {
                    assert!(!model[ring].is_empty());
                }
                continue;
            }
            let most = 1 + random.below(6) as usize;
            let Some((ring, messages)) = turn(&mut consumer, most).unwrap() else {
                assert!(model.iter().all(VecDeque::is_empty));
                continue;
            };
            let some = most.min(model[ring].len());
            let want: Vec<u8> = model[ring].drain(..some).collect();
            assert_eq!(messages, want, "seed {seed}, step {step}, ring {ring}");
            passed[ring] = 0;
            for other in (0..count).filter(|other| *other != ring) {
                passed[other] = if model[other].is_empty() { 0 } else { passed[other] + 1 };
                assert!(passed[other] < count, "ring {other} was passed over: seed {seed}, step {step}");
            }
        }
    }
}
