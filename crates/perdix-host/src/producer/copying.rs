//! Messages copied into memory that somebody else may be writing to.

use std::time::Duration;

use perdix_core::PAYLOAD_SIZE;

use super::{Producer, explain};
use crate::error::ProduceError;

impl Producer<'_> {
    /// Publishes `message` (up to 240 bytes), waiting no longer than `limit`. Every word is written
    /// atomically and once, and none is read again, so it is sound whatever the consumer does meanwhile.
    pub(crate) fn produce_copied(
        &mut self,
        kind: u16,
        message: &[u8],
        limit: Option<Duration>,
    ) -> Result<(), ProduceError> {
        self.reserve_within(message.len(), limit)?;
        self.push_copied(kind, message)
    }

    /// The same if a slot is free; else the message is dropped and counted. Whether it was published.
    pub(crate) fn produce_copied_or_drop(&mut self, kind: u16, message: &[u8]) -> Result<bool, ProduceError> {
        if message.len() > PAYLOAD_SIZE {
            return Err(ProduceError::TooLong { len: message.len(), limit: PAYLOAD_SIZE });
        }
        let core = self.core();
        let room = core.room_or_drop().map_err(|refused| explain(refused, core, message.len(), 1))?;
        if room {
            self.push_copied(kind, message)?;
        }
        Ok(room)
    }

    fn push_copied(&mut self, kind: u16, message: &[u8]) -> Result<(), ProduceError> {
        let core = self.core();
        core.push_pairs(kind, 0, message.len(), |pair| [word(message, 2 * pair), word(message, 2 * pair + 1)])
            .map_err(|refused| explain(refused, core, message.len(), 1))
    }
}

/// The bytes of a message that stand in payload word `at`, filled up with zeros.
fn word(message: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    let bytes = message.get(8 * at..).unwrap_or_default();
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_ne_bytes(word)
}
