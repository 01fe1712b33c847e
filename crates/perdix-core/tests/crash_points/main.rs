//! A side stopped for good after each single store of the protocol. A stopped producer: the
//! consumer delivers every message whose publication was stored, no other, and no wrong byte; then
//! a new producer takes over, and the stream stays exact. A stopped consumer: whoever continues
//! from shared memory goes on where it had said it was.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

#[path = "../common/mod.rs"]
mod common;
#[path = "../crash_word/mod.rs"]
mod crash_word;
mod rig;
mod scenario;

use crash_word::{copy_backwards, take_log};
use perdix_core::{Config, Consumer};
use rig::{Item, Rig};
use scenario::{SCENARIOS, Scenario, Side, configs, run};

/// For each slot's item, in order, which of the producer's stores published it; and which one ended
/// the stream.
fn publications(rig: &Rig, log: &[(usize, u64)]) -> (Vec<u64>, Option<u64>) {
    // SAFETY: words are only looked at.
    let control = unsafe { rig.ring.control() };
    let (mut all, mut end) = (Vec::new(), None);
    for (index, (address, value)) in (1..).zip(log) {
        if *address == control.producer.end.address() && *value != 0 {
            end = Some(index);
        }
        let slots = (0..rig.config.capacity).map(|slot| {
            // SAFETY: as above.
            unsafe { rig.ring.slot(slot) }
        });
        let Some(slot) = slots.into_iter().find(|slot| slot.seq.address() == *address) else { continue };
        assert_eq!(*value, rig.first().wrapping_add(all.len() as u64 + 1), "numbers in a row");
        // Where words go in any order the header comes last, and its second word publishes; else
        // the sequence word does.
        let next = log.get(index as usize).map(|(address, _)| *address);
        all.push(if next == Some(slot.meta.address()) { index + 1 } else { index });
    }
    (all, end)
}

/// All that a scenario brings out when nothing goes wrong.
fn all_items(scenario: &Scenario, config: Config, from_core: bool) -> Vec<Item> {
    let (mut rig, done) = run(scenario, config, Side::Producer, from_core, u64::MAX);
    assert!(done, "{}", scenario.name);
    rig.drain();
    rig.came
}

fn told(items: &[Item]) -> u64 {
    items.iter().map(|item| if let Item::Gap(dropped) = item { *dropped } else { 0 }).sum()
}

/// Stops the producer of a scenario after each of its stores; how many points that were.
fn stop_producer(scenario: &Scenario, config: Config, from_core: bool) -> u64 {
    let all = all_items(scenario, config, from_core);
    let (whole, _) = run(scenario, config, Side::Producer, from_core, u64::MAX);
    let log = take_log();
    let (published, end) = publications(&whole, &log);
    for stores in 0..=log.len() as u64 {
        for takes_over_first in [false, true] {
            let context = format!("{} {config:?}, stopped after {stores} stores", scenario.name);
            let (mut rig, done) = run(scenario, config, Side::Producer, from_core, stores);
            assert_eq!(done, stores == log.len() as u64, "{context}");
            let mut expected = published.iter().filter(|at| **at <= stores).count();
            if takes_over_first {
                rig.take_over();
            } else if end.is_some_and(|end| end <= stores) {
                // The end tells of drops that no notice had room for.
                expected = all.len();
            }
            rig.drain();
            assert_eq!(rig.came, all[..expected], "{context}");
            if !takes_over_first {
                assert_eq!(rig.ended, end.is_some_and(|end| end <= stores), "{context}");
                rig.take_over();
            }
            rig.ended = false;
            let before = told(&rig.came);
            rig.goes_on();
            let dropped = rig.ring.producer_stats().dropped;
            assert_eq!(before + told(&rig.came), dropped, "{context}");
        }
    }
    log.len() as u64 + 1
}

/// Stops the consumer of a scenario after each of its stores; how many points that were.
fn stop_consumer(scenario: &Scenario, config: Config, from_core: bool) -> u64 {
    let all = all_items(scenario, config, from_core);
    let (_, done) = run(scenario, config, Side::Consumer, from_core, u64::MAX);
    assert!(done, "{}", scenario.name);
    let points = take_log().len() as u64;
    for stores in 0..=points {
        let context = format!("{} {config:?}, consumer stopped after {stores} stores", scenario.name);
        let (mut rig, _) = run(scenario, config, Side::Consumer, from_core, stores);
        let taken = rig.came.len();
        assert_eq!(rig.came, all[..taken], "{context}");
        // Somebody else continues from what the shared memory says.
        // SAFETY: the consumer before is stopped and replaced.
        let successor = unsafe { Consumer::recover(rig.ring) }.unwrap();
        let passed = successor.next().wrapping_sub(rig.first()) as usize;
        let published = rig.producer.head().wrapping_sub(rig.first()) as usize;
        assert!(passed <= taken && taken <= published, "{context}");
        rig.consumer = if from_core { successor.for_cpu_producer() } else { successor };
        rig.consumer.reconnect();
        rig.came.clear();
        rig.drain();
        let came = passed + rig.came.len();
        // What was taken and not handed back comes again, and all the rest.
        assert_eq!(rig.came, all[passed..came], "{context}");
        assert_eq!(came, published, "{context}");
        rig.producer.reopen();
        rig.ended = false;
        rig.goes_on();
    }
    points + 1
}

#[test]
fn a_stopped_producer_leaves_exactly_what_it_published() {
    let mut points = 0;
    for scenario in &SCENARIOS {
        for config in configs(scenario) {
            for (backwards, from_core) in [(false, true), (true, false)] {
                copy_backwards(backwards);
                points += stop_producer(scenario, config, from_core);
            }
        }
    }
    println!("{points} crash points of producers");
    assert!(points > 10_000, "{points}");
}

#[test]
fn whoever_follows_a_stopped_consumer_gets_all_that_it_had_not() {
    let mut points = 0;
    for scenario in SCENARIOS.iter().filter(|scenario| !scenario.drops) {
        for config in configs(scenario) {
            for from_core in [false, true] {
                points += stop_consumer(scenario, config, from_core);
            }
        }
    }
    println!("{points} crash points of consumers");
    assert!(points > 2_000, "{points}");
}
