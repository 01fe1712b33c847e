//! Fence-free publication: words that say themselves whether they have arrived.
//!
//! Before the consumer releases a slot it fills the meta word and every payload word that the message used with
//! [`SENTINEL`]. A producer then stores the words of the next message in any order, with no fence. The consumer
//! takes the message when the sequence word has its number and no other word still holds the sentinel. A payload word may
//! really have the sentinel's value: the [mask](crate::Meta::mask) in the meta word names those, so the test is
//! exact. The meta word itself can never equal the sentinel (its length byte would be 255), nor does the sequence
//! word need re-arming, since its number never repeats. All this assumes of the link is that an aligned 8-byte store
//! arrives whole.

use core::sync::atomic::Ordering;

use crate::meta::Meta;
use crate::slot::{Slot, words_of};
use crate::word::Word;

/// The value of a word that has not arrived. Any value whose low byte exceeds 240 would do (so that no meta word
/// equals it); this one is arbitrary otherwise, so that real data seldom needs the mask.
pub const SENTINEL: u64 = 0xd6e8_feb8_6659_fdff;

/// Stores a whole message with no order among its words: the device's way, one thread writing.
///
/// `words` holds the payload, zero-padded to whole 16-byte pairs; what exceeds the pairs of `len` is ignored, and
/// missing words are stored as zero. `meta`'s mask is replaced by the right one.
pub fn publish_unordered<W: Word>(slot: &Slot<W>, number: u64, meta: Meta, words: &[u64]) {
    let word = |i: usize| words.get(i).copied().unwrap_or(0);
    publish_pairs(slot, number, meta, |pair| [word(2 * pair), word(2 * pair + 1)]);
}

/// The same with the payload's 16-byte pairs made on the way; `pair` is called once for each pair that `meta`'s length needs.
#[inline(always)]
pub fn publish_pairs<W: Word>(slot: &Slot<W>, number: u64, meta: Meta, pair: impl Fn(usize) -> [u64; 2]) {
    let mut mask = 0;
    for (i, words) in slot.payload.chunks_exact(2).take(words_of(meta.len()) / 2).enumerate() {
        if let [low, high] = words {
            let values = pair(i);
            mask |= pair_mask(i, values);
            W::store_pair(low, high, values);
        }
    }
    publish_header(slot, number, meta.with_mask(mask));
}

/// The mask bits of payload pair `i`.
#[inline(always)]
pub fn pair_mask(i: usize, values: [u64; 2]) -> u32 {
    (u32::from(values[0] == SENTINEL) | u32::from(values[1] == SENTINEL) << 1) << (2 * i)
}

/// Stores the header of message `number`, in any order with its payload; `meta` has the right mask.
#[inline(always)]
pub fn publish_header<W: Word>(slot: &Slot<W>, number: u64, meta: Meta) {
    W::store_pair(&slot.seq, &slot.meta, [number.wrapping_add(1), meta.word()]);
}

/// Whether all payload words of the message that `meta` describes have arrived.
#[inline]
pub(crate) fn arrived<W: Word>(slot: &Slot<W>, meta: Meta) -> bool {
    // `words_of` is at most the length of the payload, so nothing is ever left out here.
    let used = slot.payload.get(..words_of(meta.len())).unwrap_or(&slot.payload);
    W::pending(used) & !meta.mask() == 0
}

/// The mask of a message that lies in the slot already.
#[inline]
pub(crate) fn mask_in_place<W: Word>(slot: &Slot<W>, len: usize) -> u32 {
    W::pending(slot.payload.get(..words_of(len)).unwrap_or(&slot.payload))
}

/// Makes a slot ready for the next message: the meta word and the words that `len` bytes occupied.
#[inline]
pub(crate) fn rearm<W: Word>(slot: &Slot<W>, len: usize) {
    slot.meta.rearm();
    for word in slot.payload.iter().take(words_of(len)) {
        word.rearm();
    }
}

/// Loads the meta word: `None` while it has not arrived.
#[inline]
pub(crate) fn arrived_meta<W: Word>(slot: &Slot<W>) -> Option<u64> {
    let word = slot.meta.load(Ordering::Relaxed);
    (word != SENTINEL).then_some(word)
}
