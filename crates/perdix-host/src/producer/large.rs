//! Messages longer than a slot.

use perdix_core::{PAYLOAD_SIZE, flags};

use super::{Outgoing, explain};
use crate::error::ProduceError;

impl Outgoing<'_> {
    /// Publishes a message of up to 240 bytes times the [number of slots](super::Producer::capacity), over as many
    /// slots as it needs. All of them are published together, or none; nothing comes between them. One that
    /// fills the ring waits until the consumer has released everything.
    ///
    /// [`Consumer::large`](crate::Consumer::large) puts it together again.
    ///
    /// # Errors
    /// [`ProduceError`]; nothing is published then.
    pub fn send_large(self) -> Result<(), ProduceError> {
        let Self { core, waiting, bytes, kind, wait } = self;
        let (len, most) = (bytes.len(), (core.ring().capacity() as usize).saturating_mul(PAYLOAD_SIZE));
        if len > most {
            return Err(ProduceError::TooLong { len, limit: most });
        }
        core.abandon();
        waiting.wait_for(core, slots_of(len), wait)?;
        let (rest, last) = bytes.split_at(len.saturating_sub(1) / PAYLOAD_SIZE * PAYLOAD_SIZE);
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
