//! Guards that are forgotten, halves that are dropped, and the next split.

use std::mem::forget;
use std::thread;
use std::time::Duration;

use perdix_host::{Mode, ProduceError, ShardError, Shards, Wait};

use crate::common::MODES;
use crate::{shards, split, turn};

#[test]
fn forgotten_guards_lose_and_repeat_nothing() {
    for mode in MODES {
        for slots in [1, 4] {
            let mut shards = shards(3, slots, mode);
            let (mut producers, mut consumer) = split(&mut shards);
            let (mut sent, mut seen) = ([0u8; 3], [0u8; 3]);
            for round in 0..100 {
                for (producer, sent) in producers.iter_mut().zip(&mut sent) {
                    while producer.try_produce(&[*sent]).is_ok() {
                        *sent = sent.wrapping_add(1);
                    }
                }
                // An idle look releases what was forgotten; then there is nothing to take in this round.
                if round % 2 == 0 {
                    let Ok((ring, message)) = consumer.try_next() else { continue };
                    assert_eq!(message[0], seen[ring]);
                    seen[ring] = seen[ring].wrapping_add(1);
                    forget(message);
                } else {
                    let Ok((ring, batch)) = consumer.batch(3, Wait::No) else { continue };
                    for message in batch.iter() {
                        assert_eq!(message[0], seen[ring]);
                        seen[ring] = seen[ring].wrapping_add(1);
                    }
                    forget(batch);
                }
            }
            assert!(seen.iter().all(|seen| *seen >= 15), "the rings jam: {seen:?}");
            drop(producers);
            let result = consumer.for_each(|ring, message| {
                assert_eq!(message[0], seen[ring]);
                seen[ring] = seen[ring].wrapping_add(1);
            });
            assert!(result.is_ok());
            assert_eq!(seen, sent);
        }
    }
}

#[test]
fn dropping_the_consumer_tells_all_producers() {
    for mode in MODES {
        let (producers, consumers) = shards(4, 1, mode).split();
        let consumer = perdix_host::ShardedConsumer::new(consumers);
        let blocked: Vec<_> = producers
            .into_iter()
            .map(|mut producer| {
                thread::spawn(move || {
                    producer.produce(b"fills the ring").unwrap();
                    producer.produce(b"waits")
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(5));
        assert!(blocked.iter().all(|thread| !thread.is_finished()));
        drop(consumer);
        for thread in blocked {
            assert_eq!(thread.join().unwrap(), Err(ProduceError::ConsumerGone));
        }
    }
}

#[test]
fn parts_are_independent() {
    let (mut producers, consumers) = shards(4, 2, Mode::Fenced).split();
    let mut parts = perdix_host::ShardedConsumer::new(consumers).into_parts(2.try_into().unwrap());
    assert!(producers.iter().all(|producer| producer.status().is_ok()), "dealing out is not leaving");
    drop(parts.remove(1));
    let gone: Vec<bool> = producers.iter().map(|producer| producer.status().is_err()).collect();
    assert_eq!(gone, [false, true, false, true]);
    producers[2].produce(b"x").unwrap();
    assert_eq!(turn(&mut parts[0], 1), Ok(Some((2, vec![b'x']))));
}

#[test]
fn one_consumer_that_is_dropped_stops_its_ring_only() {
    let mut shards = shards(3, 2, Mode::Fenced);
    let (mut producers, mut consumers) = shards.split_mut();
    drop(consumers.remove(1));
    assert_eq!(producers[1].produce_all([b"x"; 3]).unwrap_err().source, ProduceError::ConsumerGone);
    producers[0].produce(b"x").unwrap();
    producers[2].produce(b"x").unwrap();
    assert!(consumers.iter_mut().all(|consumer| consumer.available() == 1));
}

#[test]
fn the_next_split_goes_on_where_the_last_stopped() {
    for mode in MODES {
        for forget_them in [false, true] {
            let mut shards = shards(2, 8, mode);
            {
                let (mut producers, mut consumer) = split(&mut shards);
                producers[0].produce_all([b"a", b"b", b"c"]).unwrap();
                producers[1].produce_all([b"d"]).unwrap();
                assert_eq!(turn(&mut consumer, 2), Ok(Some((0, vec![b'a', b'b']))));
                if forget_them {
                    forget((producers, consumer));
                }
            }
            let (mut producers, mut consumer) = split(&mut shards);
            assert!(producers.iter().all(|producer| producer.status().is_ok()));
            producers[1].produce(b"e").unwrap();
            assert_eq!(turn(&mut consumer, 8), Ok(Some((0, vec![b'c']))));
            assert_eq!(turn(&mut consumer, 8), Ok(Some((1, vec![b'd', b'e']))));
            drop(producers);
            assert_eq!(turn(&mut consumer, 8), Err(ShardError::EndOfStream));
        }
    }
}

#[test]
fn halves_outlive_the_set_in_any_order() {
    for order in 0..2 {
        let (mut producers, consumers) = Shards::new(3, 4).unwrap().split();
        let mut consumer = perdix_host::ShardedConsumer::new(consumers);
        producers.iter_mut().for_each(|producer| producer.produce(b"x").unwrap());
        if order == 0 {
            drop(producers);
            assert_eq!(consumer.for_each(|_, message| assert_eq!(&message[..], b"x")), Ok(3));
        } else {
            drop(consumer);
            assert!(producers.iter().all(|producer| producer.status().is_err()));
        }
    }
}
