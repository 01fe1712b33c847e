//! Messages longer than a slot.

use std::time::Duration;

use perdix_core::{PAYLOAD_SIZE, flags};

use super::{Producer, explain};
use crate::error::ProduceError;
use crate::wait::Wait;

/// Messages of several slots. All slots of one are published together, or none; since there is one producer, nothing comes
/// between them.
impl Producer<'_> {
    /// The longest message that [`produce_large`](Self::produce_large) takes: 240 bytes times the number of slots.
    pub fn large_limit(&self) -> usize {
        (self.shared.ring.capacity() as usize).saturating_mul(PAYLOAD_SIZE)
    }

    /// Publishes a message of up to [`large_limit`](Self::large_limit) bytes, over as many slots as it needs, waiting until they are
    /// free. A message that fills the ring waits until the consumer has released everything.
    ///
    /// # Errors
    /// [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`] or [`ProduceError::Corrupt`]; nothing is published then.
    pub fn produce_large(&mut self, kind: u16, message: &[u8]) -> Result<(), ProduceError> {
        self.send_large(kind, message, Wait::Forever)
    }

    /// [`produce_large`](Self::produce_large), waiting no longer than `limit`.
    ///
    /// # Errors
    /// As [`produce_large`](Self::produce_large), and [`ProduceError::TimedOut`].
    pub fn produce_large_timeout(
        &mut self,
        kind: u16,
        message: &[u8],
        limit: Duration,
    ) -> Result<(), ProduceError> {
        self.send_large(kind, message, limit.into())
    }

    /// [`produce_large`](Self::produce_large) without waiting.
    ///
    /// # Errors
    /// As [`produce_large`](Self::produce_large), and [`ProduceError::Full`].
    pub fn try_produce_large(&mut self, kind: u16, message: &[u8]) -> Result<(), ProduceError> {
        self.send_large(kind, message, Wait::No)
    }

    /// [`Outgoing::send_large`](super::Outgoing::send_large).
    pub(super) fn send_large(&mut self, kind: u16, message: &[u8], wait: Wait) -> Result<(), ProduceError> {
        let (len, most) = (message.len(), self.large_limit());
        if len > most {
            return Err(ProduceError::TooLong { len, limit: most });
        }
        self.core().abandon();
        self.wait_for_room(slots_of(len), wait)?;
        let core = self.core();
        let (rest, last) = message.split_at(len.saturating_sub(1) / PAYLOAD_SIZE * PAYLOAD_SIZE);
        let parts = rest.chunks(PAYLOAD_SIZE).map(|part| (flags::MORE, part)).chain([(0, last)]);
        for (flags, part) in parts {
            core.stage(kind, flags, part).map_err(|refused| explain(refused, core, len, slots_of(len)))?;
        }
        core.publish();
        Ok(())
    }
}

/// Slots for `len` bytes; an empty message takes one.
fn slots_of(len: usize) -> u64 {
    len.div_ceil(PAYLOAD_SIZE).max(1) as u64
}
