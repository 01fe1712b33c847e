//! Fence-free publication: words that say themselves whether they have arrived.
//!
//! Before the consumer releases a slot it fills the meta word and every payload word that the
//! message used with [`SENTINEL`]. A producer then stores the words of the next message in any
//! order, with no fence. The consumer takes the message when the sequence word has its number and
//! no other word still holds the sentinel.
//!
//! A payload word may really have the sentinel's value. It is sent as [`ESCAPED`] instead, and the
//! [mask](crate::Meta::mask) in the meta word names it; once all words have arrived the consumer
//! puts the sentinel back where the mask says so, and notes that in the meta word ([`UNESCAPED`]).
//! So the test is exact, and (since the consumer waits for every word that is stored, these too) no
//! store of a message can arrive after its slot was given back: with several threads producing, a
//! late store would hit somebody else's message.
//!
//! The meta word itself can never equal the sentinel (its length byte would be 255), nor does the
//! sequence word need re-arming, since its number never repeats. All this assumes of the link is
//! that an aligned 8-byte store arrives whole.

use core::sync::atomic::Ordering;

use crate::meta::{GAP_SIZE, Meta};
use crate::policy::batch;
pub use crate::slot::SENTINEL;
use crate::slot::{Slot, chunks_of, words_of};
use crate::word::Word;

/// What a payload word is sent as if its value is the sentinel.
pub const ESCAPED: u64 = !SENTINEL;

/// The bit of a slot's meta word that the consumer sets when all words have arrived, before it puts
/// the sentinels back.
pub const UNESCAPED: u64 = 1 << 62;

/// Stores a whole message with no order among its words: the device's way, one thread writing.
///
/// `words` holds the payload, zero-padded to whole 16-byte pairs; what exceeds the pairs of `len`
/// is ignored, and missing words are stored as zero. `meta`'s mask is replaced by the right one.
pub fn publish_unordered<W: Word>(slot: &Slot<W>, number: u64, meta: Meta, words: &[u64]) {
    let word = |i: usize| words.get(i).copied().unwrap_or(0);
    publish_chunks(slot, number, meta, |chunk| [word(2 * chunk), word(2 * chunk + 1)]);
}

/// The same with the payload's chunks of 16 bytes made on the way; `chunk` is called once for each
/// that `meta`'s length needs.
#[inline(always)]
pub fn publish_chunks<W: Word>(slot: &Slot<W>, number: u64, meta: Meta, chunk: impl Fn(usize) -> [u64; 2]) {
    let mut mask = 0;
    for (i, to) in slot.payload_chunks().iter().take(chunks_of(meta.len())).enumerate() {
        let (values, bits) = escape_chunk(chunk(i));
        mask |= bits << (2 * i);
        W::store_chunk(to, values);
    }
    publish_header(slot, number, meta.with_mask(mask));
}

/// A chunk of payload as it is sent, and the mask bits (0 and 1) of those that had the sentinel's
/// value.
#[inline(always)]
pub fn escape_chunk([low, high]: [u64; 2]) -> ([u64; 2], u32) {
    let escape = |word| if word == SENTINEL { ESCAPED } else { word };
    ([escape(low), escape(high)], u32::from(low == SENTINEL) | u32::from(high == SENTINEL) << 1)
}

/// Stores the header of message `number`, in any order with its payload; `meta` has the right mask.
#[inline(always)]
pub fn publish_header<W: Word>(slot: &Slot<W>, number: u64, meta: Meta) {
    W::store_chunk(slot.chunk16(0), batch::header(number, meta));
}

/// The meta word of the message in a slot whose sequence word is there; `None` until every word of
/// it has arrived. A length that no producer writes comes back as it is.
#[inline]
pub(crate) fn arrived<W: Word>(slot: &Slot<W>) -> Option<u64> {
    let word = slot.meta.load(Ordering::Relaxed);
    if word == SENTINEL {
        return None;
    }
    let len = match Meta::from_word(word) {
        Some(meta) => meta.len(),
        None if Meta::is_gap(word) => GAP_SIZE,
        None => return Some(word),
    };
    if word & UNESCAPED == 0 {
        let used = used_words(slot, len);
        if W::any_pending(used) {
            return None;
        }
        let mask = Meta::mask_of(word);
        if mask != 0 {
            // Everything has arrived, so the slot is the consumer's, and these are its own words
            // now. The mark comes first: should this process die among the words, the next consumer
            // knows that they all had arrived.
            slot.meta.store(word | UNESCAPED, Ordering::Relaxed);
            restore_sentinels(used, mask);
        }
    }
    // Orders the plain reads that follow after the loads above, which saw every word of the
    // message.
    W::fence(Ordering::Acquire);
    Some(word & !UNESCAPED)
}

/// Puts the sentinel back where the mask says that the message really has it.
fn restore_sentinels<W: Word>(used: &[W], mask: u64) {
    for (_, payload) in used.iter().enumerate().filter(|(i, _)| mask >> i & 1 != 0) {
        // Release: not before the mark.
        payload.store(SENTINEL, Ordering::Release);
    }
}

/// Finishes what an earlier consumer may have been doing to message `number` when it died: putting
/// the sentinels back.
pub(crate) fn recover_unescape<W: Word>(slot: &Slot<W>, number: u64) {
    // pairs with the Release store of seq in Producer::push
    if slot.seq.load(Ordering::Acquire) != batch::published(number) {
        return;
    }
    let word = slot.meta.load(Ordering::Relaxed);
    if word != SENTINEL && word & UNESCAPED != 0 {
        restore_sentinels(&slot.payload, Meta::mask_of(word));
    }
}

/// Prepares a message that a CPU has written into a slot in place: escapes words that have the
/// sentinel's value, re-arms the words that the message does not use (an earlier, longer one may
/// have been given up there), and returns the mask.
#[inline]
pub(crate) fn escape_in_place<W: Word>(slot: &Slot<W>, len: usize) -> u32 {
    let used = used_words(slot, len);
    let mask = W::pending(used);
    if mask != 0 {
        for (_, word) in used.iter().enumerate().filter(|(i, _)| mask >> i & 1 != 0) {
            word.store(ESCAPED, Ordering::Relaxed);
        }
    }
    for word in slot.payload.iter().skip(used.len()) {
        word.store(SENTINEL, Ordering::Relaxed);
    }
    mask
}

/// Makes a slot ready for the next message: the meta word and the words that `len` bytes occupied.
///
/// # Safety
/// The slot is the caller's: no other thread accesses it before a later Release gives it away.
#[inline]
pub(crate) unsafe fn rearm<W: Word>(slot: &Slot<W>, len: usize) {
    slot.meta.rearm();
    let chunks = slot.payload_chunks();
    let used = chunks.get(..chunks_of(len)).unwrap_or(chunks);
    // SAFETY: the caller's contract.
    unsafe { W::rearm_chunks(used) };
}

/// Fills a slot that was staged and is given up.
pub(crate) fn scrub<W: Word>(slot: &Slot<W>) {
    slot.meta.store(SENTINEL, Ordering::Relaxed);
    for word in &slot.payload {
        word.store(SENTINEL, Ordering::Relaxed);
    }
}

/// `words_of` is at most the length of the payload, so nothing is ever left out here.
#[inline(always)]
fn used_words<W>(slot: &Slot<W>, len: usize) -> &[W] {
    slot.payload.get(..words_of(len)).unwrap_or(&slot.payload)
}
