//! Messages longer than a slot.

use perdix_core::{PAYLOAD_SIZE, flags};

use super::{Producer, explain};
use crate::error::ProduceError;
use crate::wait::Wait;

impl Producer<'_> {
    /// [`Outgoing::send_large`](super::Outgoing::send_large).
    pub(super) fn send_large(&mut self, kind: u16, message: &[u8], wait: Wait) -> Result<(), ProduceError> {
        let (len, most) = (message.len(), self.capacity().saturating_mul(PAYLOAD_SIZE));
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
