//! Messages copied out of memory that somebody else may be writing to.

use std::sync::atomic::Ordering;

use perdix_core::{Meta, PAYLOAD_SIZE};

use super::{Consumer, OwnedMessage};

impl Consumer<'_> {
    /// Takes the next message, which a poll found with this `meta`, as a copy. Every word is read
    /// atomically and once, so it is sound whatever the producer does meanwhile.
    pub(crate) fn take_copy(&mut self, meta: Meta) -> OwnedMessage {
        let core = self.core();
        let number = core.next();
        let mut payload = [0; PAYLOAD_SIZE];
        // SAFETY: the message was found there, and words are only loaded.
        let slot = unsafe { core.ring().slot(number) };
        let words = slot.payload.iter().take(meta.len().div_ceil(8));
        for (to, word) in payload.chunks_exact_mut(8).zip(words) {
            // Published (the Acquire of the poll), and of a hostile producer any value will do.
            to.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        // SAFETY: the message was found there.
        unsafe { core.take(1, meta.len() as u64) };
        core.settle();
        OwnedMessage::of(number, meta, payload)
    }
}
