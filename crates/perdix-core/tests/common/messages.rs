//! Random messages, rich in sentinel words, and random rings.

#![allow(dead_code, unreachable_pub)] // every test binary uses a part of it

use std::sync::atomic::{AtomicU64, Ordering};

use perdix_core::sentinel::{self, SENTINEL};
use perdix_core::{Config, Meta, Mode, Ring, Slot};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub kind: u16,
    pub flags: u8,
    pub bytes: Vec<u8>,
}

pub fn message() -> impl Strategy<Value = Message> {
    let word = prop_oneof![3 => Just(SENTINEL), 1 => Just(0), 1 => Just(u64::MAX), 3 => any::<u64>()];
    let len = prop_oneof![4 => 0..=240usize, 2 => 0..=16usize, 1 => Just(240)];
    (any::<u16>(), any::<u8>(), prop::collection::vec(word, 30), len).prop_map(|(kind, flags, words, len)| {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(len);
        Message { kind, flags, bytes }
    })
}

/// Rings that are small, or whose numbers are about to wrap: at 2^64, at the 2^63 of cursors, at
/// the end of a lap.
pub fn config(modes: &'static [Mode]) -> impl Strategy<Value = Config> {
    let capacity = prop::sample::select(&[1u64, 2, 4, 8, 64][..]);
    let start = prop_oneof![
        Just(0),
        Just(u64::MAX - 3),
        Just((1 << 63) - 2),
        (1..100u64).prop_map(|lap| lap * 64 - 1),
        any::<u64>(),
    ];
    (capacity, prop::sample::select(modes), start).prop_map(|(capacity, mode, start)| Config {
        capacity,
        mode,
        start,
    })
}

/// The payload of message `number`, read in place.
pub fn in_place(ring: &Ring, number: u64, len: usize) -> Vec<u8> {
    // SAFETY: the tests that call this are single-threaded.
    let slot = unsafe { ring.slot(number) };
    // SAFETY: as above, and payloads have 240 bytes.
    unsafe { std::slice::from_raw_parts(slot.payload_ptr(), len) }.to_vec()
}

/// Whether `meta` is that of `message`, and its mask true of the words in the slot of message
/// `number`.
pub fn describes(ring: &Ring, number: u64, meta: Meta, message: &Message) -> bool {
    let words = if ring.mode() == Mode::FenceFree { meta.len().div_ceil(16) * 2 } else { 0 };
    let mask = in_place(ring, number, 8 * words)
        .chunks(8)
        .enumerate()
        .fold(0, |mask, (i, word)| mask | u32::from(word == SENTINEL.to_le_bytes()) << i);
    let expected = (message.bytes.len(), message.kind, message.flags, mask);
    (meta.len(), meta.kind(), meta.flags(), meta.mask()) == expected
}

/// The stores of a message, as words of its slot: what the product's code does to a slot of our
/// own.
pub fn stores(number: u64, message: &Message) -> Vec<(usize, u64)> {
    const MARK: u64 = 0x5e1f_5e1f_5e1f_5e1f;
    let word = || AtomicU64::new(MARK);
    let slot = Slot { seq: word(), meta: word(), payload: std::array::from_fn(|_| word()) };
    let meta = Meta::new(message.bytes.len(), message.flags, message.kind);
    let words: Vec<u64> = message.bytes.chunks(8).map(word_of).collect();
    sentinel::publish_unordered(&slot, number, meta, &words);
    let slot = [&slot.seq, &slot.meta].into_iter().chain(&slot.payload);
    let values = slot.map(|word| word.load(Ordering::Relaxed)).enumerate();
    let stores: Vec<_> = values.filter(|(_, value)| *value != MARK).collect();
    assert_eq!(stores.len(), 2 + 2 * message.bytes.len().div_ceil(16), "header, and whole pairs of payload");
    stores
}

pub fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
