//! Messages copied out of memory that somebody else may be writing to.

use perdix_core::{Meta, PAYLOAD_SIZE, Word};

use super::{Consumer, Large, OwnedMessage};
use crate::error::ConsumeError;
use crate::wait::Wait;

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
            to.copy_from_slice(&word.read_published().to_ne_bytes());
        }
        // SAFETY: the message was found there.
        unsafe { core.take(1, meta.len() as u64) };
        core.recycle();
        OwnedMessage::of(number, meta, payload)
    }

    /// [`large`](Self::large) with parts that are copied by [`take_copy`](Self::take_copy). A part that
    /// hostile memory has taken back meanwhile is an error, and those before it are taken.
    pub(crate) fn large_copied(&mut self, bytes: &mut Vec<u8>, wait: Wait) -> Result<Large, ConsumeError> {
        let slots = self.wait_for_large(wait)?;
        let first = self.next_copied()?;
        bytes.clear();
        bytes.extend_from_slice(&first);
        for _ in 1..slots {
            bytes.extend_from_slice(&self.next_copied()?);
        }
        Ok(Large { kind: first.kind(), number: first.number(), slots })
    }

    fn next_copied(&mut self) -> Result<OwnedMessage, ConsumeError> {
        let meta = self.find(Wait::No)?;
        Ok(self.take_copy(meta))
    }
}
