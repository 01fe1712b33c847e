//! The cache lines of a slot, as cores see them: 64 bytes each.

use crate::slot::{Slot, words_of};
use crate::word::Word;

/// Stores to every cache line that a message of `len` bytes touches.
#[inline(always)]
pub(crate) fn write_lines<W: Word>(slot: &Slot<W>, len: usize) {
    slot.meta.write_back();
    further_lines(slot, len).for_each(W::write_back);
}

/// The payload word that begins each line behind the first that a message of `len` bytes touches.
#[inline(always)]
pub(crate) fn further_lines<W: Word>(slot: &Slot<W>, len: usize) -> impl Iterator<Item = &W> {
    FIRST_WORDS
        .into_iter()
        .take_while(move |first| *first < words_of(len))
        .filter_map(|first| slot.payload.get(first))
}

/// The payload words that begin the slot's second, third and fourth line of 64 bytes.
const FIRST_WORDS: [usize; 3] = [6, 14, 22];
