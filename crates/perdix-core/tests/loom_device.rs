//! loom models of the protocol with a device's stores: nothing but 8-byte stores, which the consumer may see in any order.
//!
//! They come in two kinds. A GPU's are relaxed: the models prove that their values alone tell what has arrived. Those of
//! a device producer that runs on a CPU have Release order, and there the models prove that what the consumer reads plainly
//! is ordered after them, by the Acquire fence after the loads that saw them.
//!
//! `LOOM_MAX_PREEMPTIONS=4 cargo test --release --test loom_device` looks deeper than the default.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod loom_word;

use std::sync::atomic::Ordering;

use loom_word::model::*;
use loom_word::{LoomWord, Stores};
use perdix_core::{Config, Cursor, Meta, Producer, Ring, Word, sentinel};

/// A device: `N` messages of `WORDS` words in relaxed stores, then the end of the stream, just as unordered.
fn device<const N: u64, const WORDS: usize>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        let words = payload(i, WORDS);
        patiently(|| producer.push_chunks(i as u16, 0, 8 * WORDS, |pair| pair_of(&words, pair)));
    }
    end_unordered(ring, N);
}

fn end_unordered(ring: Ring<LoomWord>, messages: u64) {
    let end = Cursor::new(ring.config().start.wrapping_add(messages), true).word();
    // SAFETY: this is the producer.
    unsafe { ring.control() }.producer.end.store(end, Ordering::Relaxed);
}

/// Several lanes or threads of a device, which know no order among them: message `i` of `WORDS` words, header first,
/// payload from its end.
fn send_lanes<const WORDS: usize>(ring: Ring<LoomWord>, i: u64) {
    let number = ring.config().start.wrapping_add(i);
    // SAFETY: nobody else sends this message.
    let mut producer = unsafe { Producer::resume_at(ring, number) };
    patiently(|| producer.ensure(1));
    // SAFETY: the slot was found free.
    let slot = unsafe { ring.slot(number) };
    let words = payload(i, WORDS);
    let pairs: Vec<_> = words.chunks(2).map(|pair| sentinel::escape_chunk([pair[0], pair[1]])).collect();
    let mask = pairs.iter().rev().fold(0, |mask, (_, bits)| mask << 2 | bits);
    let meta = Meta::new(8 * WORDS, 0, i as u16).with_mask(mask);
    sentinel::publish_header(slot, number, meta);
    let chunks: Vec<_> = slot.payload_chunks().iter().zip(pairs).collect();
    for (chunk, (values, _)) in chunks.into_iter().rev() {
        LoomWord::store_chunk(chunk, values);
    }
}

/// `N` messages in that way, one after the other, then the end of the stream.
fn lanes<const N: u64, const WORDS: usize>(ring: Ring<LoomWord>) {
    (0..N).for_each(|i| send_lanes::<WORDS>(ring, i));
    end_unordered(ring, N);
}

/// The first of two threads that share the messages of a stream.
fn even<const WORDS: usize>(ring: Ring<LoomWord>) {
    send_lanes::<WORDS>(ring, 0);
}

/// The second, which ends the stream.
fn odd<const WORDS: usize>(ring: Ring<LoomWord>) {
    send_lanes::<WORDS>(ring, 1);
    end_unordered(ring, 2);
}

/// Gives up a message of two words, sends an empty one from the same slot, then one of two words as a device.
fn device_after_abandoned(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    producer.stage(9, 0, &[7; 16]).unwrap();
    producer.push(0, 0, &[]).unwrap();
    let words = payload(1, 2);
    patiently(|| producer.push_chunks(1, 0, 16, |_| [words[0], words[1]]));
}

/// Receives an empty message and one of two words.
fn receive_after_abandoned(mut consumer: perdix_core::Consumer<LoomWord>) {
    assert!(receive(&mut consumer, 0, 0));
    consumer.recycle();
    assert!(receive(&mut consumer, 1, 2));
}

/// Gives up a staged message and sends another through the same slot as a device: the old meta word must not be taken for its own.
fn device_in_abandoned_slot(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    producer.stage(9, 0, &[7; 16]).unwrap();
    let words = payload(0, 2);
    patiently(|| producer.push_chunks(0, 0, 16, |_| [words[0], words[1]]));
}

fn receive_one(mut consumer: perdix_core::Consumer<LoomWord>) {
    assert!(receive(&mut consumer, 0, 2));
}

fn released(preemptions: usize, config: Config, words: usize) -> Model {
    Model { preemptions, config, words, stores: Stores::Release }
}

#[test]
fn device_capacity_1() {
    explore(3, config(1, FENCE_FREE, 0), 2, device::<3, 2>, receive_all::<3, 2>);
}

#[test]
fn device_capacity_2() {
    explore(2, config(2, FENCE_FREE, 0), 2, device::<3, 2>, receive_all::<3, 2>);
}

#[test]
fn device_capacity_4() {
    explore(2, config(4, FENCE_FREE, 0), 2, device::<5, 1>, receive_all::<5, 1>);
}

#[test]
fn device_numbers_wrap() {
    explore(2, config(2, FENCE_FREE, WRAP), 2, device::<3, 2>, receive_all::<3, 2>);
}

#[test]
fn device_lazy_tail() {
    explore(2, config(2, FENCE_FREE, WRAP), 2, device::<3, 1>, receive_lazily::<3, 1>);
}

#[test]
fn device_empty_messages() {
    explore(3, config(2, FENCE_FREE, 0), 0, device::<4, 0>, receive_all::<4, 0>);
}

#[test]
fn device_words_looked_at_twice() {
    explore(3, config(1, FENCE_FREE, 0), 2, device::<2, 2>, receive_twice::<2, 2>);
}

#[test]
fn device_in_runs() {
    explore(2, config(2, FENCE_FREE, 0), 2, device::<3, 1>, receive_runs::<3>);
}

#[test]
fn lanes_capacity_1() {
    explore(3, config(1, FENCE_FREE, WRAP), 2, lanes::<3, 2>, receive_all::<3, 2>);
}

#[test]
fn lanes_two_pairs() {
    explore(2, config(1, FENCE_FREE, 0), 4, lanes::<2, 4>, receive_twice::<2, 4>);
}

#[test]
fn two_threads_capacity_1() {
    let model = Model { preemptions: 2, config: config(1, FENCE_FREE, 0), words: 2, stores: Stores::Relaxed };
    model.run([even::<2>, odd::<2>], receive_all::<2, 2>);
}

#[test]
fn two_threads_capacity_2() {
    let model = Model { preemptions: 2, config: config(2, FENCE_FREE, 0), words: 2, stores: Stores::Relaxed };
    model.run([even::<2>, odd::<2>], receive_all::<2, 2>);
}

#[test]
fn device_after_an_abandoned_message() {
    explore(3, config(1, FENCE_FREE, 0), 2, device_after_abandoned, receive_after_abandoned);
}

#[test]
fn device_in_an_abandoned_slot() {
    explore(3, config(1, FENCE_FREE, 0), 2, device_in_abandoned_slot, receive_one);
}

#[test]
fn cpu_device_capacity_1() {
    released(3, config(1, FENCE_FREE, 0), 2).run([device::<3, 2>], receive_all::<3, 2>);
}

#[test]
fn cpu_lanes_capacity_1() {
    released(3, config(1, FENCE_FREE, 0), 2).run([lanes::<3, 2>], receive_twice::<3, 2>);
}

#[test]
fn cpu_lanes_capacity_2() {
    released(2, config(2, FENCE_FREE, WRAP), 2).run([lanes::<3, 2>], receive_all::<3, 2>);
}

#[test]
fn cpu_two_threads_capacity_1() {
    released(2, config(1, FENCE_FREE, 0), 2).run([even::<2>, odd::<2>], receive_all::<2, 2>);
}
