//! Messages copied into memory that somebody else may be writing to.

use perdix_core::PAYLOAD_SIZE;

use super::large::{parts, slots_of};
use super::{Producer, explain};
use crate::error::ProduceError;
use crate::wait::Wait;

impl Producer<'_> {
    /// Publishes `message` (up to 240 bytes), waiting as `wait` says; its number. Every word is written
    /// atomically and once, and none is read again, so it is sound whatever the consumer does meanwhile.
    pub(crate) fn produce_copied(
        &mut self,
        kind: u16,
        message: &[u8],
        wait: Wait,
    ) -> Result<u64, ProduceError> {
        self.room_for(message.len(), wait)?;
        self.push_copied(kind, 0, message)
    }

    /// Publishes a message over as many slots as it needs, one after the other, once all of them are free.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))] // rings between processes are Linux's
    pub(crate) fn produce_large_copied(
        &mut self,
        kind: u16,
        message: &[u8],
        wait: Wait,
    ) -> Result<(), ProduceError> {
        let slots = slots_of(self.core.ring(), message)?;
        self.core().abandon();
        self.wait_for(slots, wait)?;
        for (flags, part) in parts(message) {
            self.push_copied(kind, flags, part)?;
        }
        Ok(())
    }

    /// [`produce_copied`](Self::produce_copied) if a slot is free; else the message is dropped and counted. Whether it was published.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))] // rings between processes are Linux's
    pub(crate) fn produce_copied_or_drop(&mut self, kind: u16, message: &[u8]) -> Result<bool, ProduceError> {
        if message.len() > PAYLOAD_SIZE {
            return Err(ProduceError::TooLong { len: message.len(), limit: PAYLOAD_SIZE });
        }
        let core = self.core();
        let room = core.room_or_drop().map_err(|refused| explain(refused, core, message.len(), 1))?;
        if room {
            self.push_copied(kind, 0, message)?;
        }
        Ok(room)
    }

    fn push_copied(&mut self, kind: u16, flags: u8, message: &[u8]) -> Result<u64, ProduceError> {
        let core = self.core();
        let number = core.head();
        core.push_chunks(kind, flags, message.len(), |chunk| {
            [word(message, 2 * chunk), word(message, 2 * chunk + 1)]
        })
        .map_err(|refused| explain(refused, core, message.len(), 1))?;
        Ok(number)
    }
}

/// The bytes of a message that stand in payload word `at`, filled up with zeros.
fn word(message: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    let bytes = message.get(8 * at..).unwrap_or_default();
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_ne_bytes(word)
}
