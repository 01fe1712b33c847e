//! Messages longer than a slot.

use perdix_core::{PAYLOAD_SIZE, Ring, flags};

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
        let slots = slots_of(core.ring(), bytes)?;
        core.abandon();
        waiting.wait_for(core, slots, wait)?;
        for (flags, part) in parts(bytes) {
            core.stage(kind, flags, part).map_err(|refused| explain(refused, core, bytes.len(), slots))?;
        }
        core.publish();
        Ok(())
    }
}

/// Slots for a message, of which an empty one takes one.
///
/// # Errors
/// [`ProduceError::TooLong`] if the ring has fewer.
pub(super) fn slots_of(ring: &Ring, message: &[u8]) -> Result<u64, ProduceError> {
    let (len, limit) = (message.len(), (ring.capacity() as usize).saturating_mul(PAYLOAD_SIZE));
    if len > limit {
        Err(ProduceError::TooLong { len, limit })
    } else {
        Ok(len.div_ceil(PAYLOAD_SIZE).max(1) as u64)
    }
}

/// What goes into each slot: flags, and bytes.
pub(super) fn parts(message: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let (rest, last) = message.split_at(message.len().saturating_sub(1) / PAYLOAD_SIZE * PAYLOAD_SIZE);
    rest.chunks(PAYLOAD_SIZE).map(|part| (flags::MORE, part)).chain([(0, last)])
}
