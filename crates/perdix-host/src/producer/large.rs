//! Messages longer than a slot.

use std::time::Duration;

use perdix_core::{PAYLOAD_SIZE, flags};

use super::{Producer, explain};
use crate::error::ProduceError;

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
        self.large(kind, message, None)
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
        self.large(kind, message, Some(limit))
    }

    /// [`produce_large`](Self::produce_large) without waiting.
    ///
    /// # Errors
    /// As [`produce_large`](Self::produce_large), and [`ProduceError::Full`].
    pub fn try_produce_large(&mut self, kind: u16, message: &[u8]) -> Result<(), ProduceError> {
        self.large(kind, message, Some(Duration::ZERO)).map_err(|error| match error {
            ProduceError::TimedOut { .. } => {
                ProduceError::Full { needed: slots_of(message.len()), capacity: self.shared.ring.capacity() }
            }
            other => other,
        })
    }

    fn large(&mut self, kind: u16, message: &[u8], limit: Option<Duration>) -> Result<(), ProduceError> {
        let (len, most) = (message.len(), self.large_limit());
        if len > most {
            return Err(ProduceError::TooLong { len, limit: most });
        }
        self.core().abandon();
        self.wait_for(slots_of(len), limit)?;
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
