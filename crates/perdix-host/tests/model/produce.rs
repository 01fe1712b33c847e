//! The producer's operations on the ring and on the model.

use std::mem::forget;
use std::time::Duration;

use perdix_host::{PAYLOAD_SIZE, ProduceError, Producer, Wait};

use super::ops::{Fate, Item, Make};
use super::queue::{Queue, Room};

pub(crate) fn run(producer: &mut Producer<'_>, queue: &mut Queue, make: Make) {
    let untold = producer.unreported_drops();
    assert!(untold <= queue.dropped);
    if untold != 0 && !matches!(make, Make::OrDrop(_)) {
        // A look at the free slots tells of the dropped messages, if there are any.
        let _ = producer.free_slots();
        match producer.unreported_drops() {
            0 => queue.publish_gap(untold),
            left => {
                assert_eq!(left, untold);
                assert!(queue.gone || queue.room(1) != Room::Yes);
            }
        }
    }
    match make {
        Make::Try(Item { kind, bytes }) => {
            let outcome = producer.message(&bytes).kind(kind).wait(Wait::No).send();
            if allowed(queue, 1, bytes.len(), PAYLOAD_SIZE, &outcome) {
                queue.publish(kind, false, &bytes);
            }
        }
        Make::Timeout(Item { bytes, .. }) => {
            let outcome = producer.message(&bytes).wait(Duration::ZERO).send();
            if allowed(queue, 1, bytes.len(), PAYLOAD_SIZE, &outcome) {
                queue.publish(0, false, &bytes);
            }
        }
        Make::OrDrop(Item { bytes, .. }) => match producer.message(&bytes).send_or_drop() {
            Ok(false) => {
                assert!(!queue.gone && bytes.len() <= PAYLOAD_SIZE);
                match producer.unreported_drops() {
                    // A ring of one slot.
                    0 => queue.publish_gap(untold + 1),
                    left => assert_eq!(left, untold + 1),
                }
                let needed = if untold != 0 && queue.capacity() > 1 { 2 } else { 1 };
                queue.check_room(needed, false);
                queue.dropped += 1;
            }
            outcome => {
                if outcome.is_ok() && untold != 0 {
                    queue.publish_gap(untold);
                }
                if allowed(queue, 1, bytes.len(), PAYLOAD_SIZE, &outcome) {
                    queue.publish(0, false, &bytes);
                }
            }
        },
        Make::Grant { item: Item { kind, bytes }, more, commit, fate } => {
            let len = (bytes.len() + more).min(PAYLOAD_SIZE);
            let outcome = producer.reserve(len, Wait::No);
            let fits = allowed(queue, 1, len, PAYLOAD_SIZE, &outcome);
            let Ok(mut grant) = outcome else { return assert!(!fits) };
            grant.fill(0xaa);
            grant[..bytes.len()].copy_from_slice(&bytes);
            match (commit, fate) {
                (true, _) => {
                    grant.set_kind(kind);
                    grant.commit_len(bytes.len());
                    queue.publish(kind, false, &bytes);
                }
                (false, Fate::Drop) => drop(grant),
                (false, Fate::Forget) => forget(grant),
            }
        }
        Make::Batch { most, items, commit, fate } => batch(producer, queue, most, items, commit, fate),
        Make::All(mut items) => {
            // It waits for room, so it gets no more than certainly fits.
            items.truncate(queue.free().0 as usize);
            if !queue.gone {
                assert_eq!(
                    producer.produce_all(items.iter().map(|item| &item.bytes)),
                    Ok(items.len() as u64)
                );
                items.iter().for_each(|item| queue.publish(0, false, &item.bytes));
            }
        }
        Make::Large { item: Item { kind, bytes }, timed } => {
            let outcome = if timed {
                producer.message(&bytes).kind(kind).wait(Duration::ZERO).send_large()
            } else {
                producer.message(&bytes).kind(kind).wait(Wait::No).send_large()
            };
            let slots = bytes.len().div_ceil(PAYLOAD_SIZE).max(1) as u64;
            if allowed(queue, slots, bytes.len(), producer.capacity() * PAYLOAD_SIZE, &outcome) {
                let parts: Vec<&[u8]> = bytes.chunks(PAYLOAD_SIZE).collect();
                match parts.split_last() {
                    None => queue.publish(kind, false, &[]),
                    Some((last, rest)) => {
                        rest.iter().for_each(|part| queue.publish(kind, true, part));
                        queue.publish(kind, false, last);
                    }
                }
            }
        }
        Make::Room => {
            let (free, (least, most)) = (producer.free_slots() as u64, queue.free());
            assert!(free <= most && (queue.gone || least <= free), "{free} free, not {least} to {most}");
        }
    }
}

fn batch(
    producer: &mut Producer<'_>,
    queue: &mut Queue,
    most: usize,
    items: Vec<Item>,
    commit: bool,
    fate: Fate,
) {
    let outcome = producer.batch(most, Wait::No);
    if most == 0 {
        return assert_eq!(outcome.map(|batch| batch.room()), Ok(0));
    }
    let fits = allowed(queue, 1, 0, PAYLOAD_SIZE, &outcome);
    let Ok(mut batch) = outcome else { return assert!(!fits) };
    let room = batch.room();
    let (least, free) = queue.free();
    assert!(room as u64 <= free && room <= most);
    assert!(queue.gone || room as u64 >= least.min(most as u64));
    let mut added = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        let (kind, bytes) = (item.kind, &item.bytes);
        let outcome = if i % 2 == 0 {
            batch.set_kind(kind).push(bytes)
        } else {
            batch.set_kind(kind).write(bytes.len(), |slot| slot.copy_from_slice(bytes))
        };
        match outcome {
            Ok(()) => added.push(item),
            Err(ProduceError::Full { .. }) => assert_eq!(added.len(), room),
            Err(ProduceError::TooLong { len, limit }) => assert!(len == bytes.len() && len > limit),
            Err(other) => panic!("{other}"),
        }
        assert_eq!((batch.len(), batch.room()), (added.len(), room - added.len()));
    }
    match (commit, fate) {
        (true, _) => {
            assert_eq!(batch.commit(), added.len());
            added.iter().for_each(|item| queue.publish(item.kind, false, &item.bytes));
        }
        (false, Fate::Drop) => drop(batch),
        (false, Fate::Forget) => forget(batch),
    }
}

/// Checks the outcome of a call for `len` bytes in `slots` slots, and says whether it went well.
fn allowed<T>(
    queue: &Queue,
    slots: u64,
    len: usize,
    limit: usize,
    outcome: &Result<T, ProduceError>,
) -> bool {
    match outcome {
        Ok(_) => {
            assert!(len <= limit);
            assert_ne!(queue.room(slots), Room::No);
            queue.check_room(slots, true);
        }
        Err(ProduceError::TooLong { len: said, limit: most }) => {
            assert!(len > limit && (*said, *most) == (len, limit));
        }
        Err(ProduceError::ConsumerGone) => assert!(queue.gone),
        Err(ProduceError::Full { needed, .. }) => {
            assert!(len <= limit && !queue.gone && *needed == slots);
            queue.check_room(slots, false);
        }
        Err(ProduceError::TimedOut { .. }) => {
            assert!(len <= limit && !queue.gone);
            queue.check_room(slots, false);
        }
        Err(other) => panic!("{other}"),
    }
    outcome.is_ok()
}
