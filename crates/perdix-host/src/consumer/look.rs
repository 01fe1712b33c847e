//! What a consumer of several rings does with each of them.

use perdix_core::Meta;

use super::{Consumer, Message, MessageBatch};
use crate::wait::WaitStrategy;

impl Consumer<'_> {
    /// Takes the next message, which a look found there with this `meta`.
    #[inline]
    pub(crate) fn take_message(&mut self, meta: Meta) -> Message<'_> {
        Message::take(self.core(), meta)
    }

    /// Takes the messages that are there, up to `most`.
    #[inline]
    pub(crate) fn take_batch(&mut self, most: usize) -> MessageBatch<'_> {
        let (count, bytes) = self.core().available_sized(most as u64);
        MessageBatch::take(self.core(), count, bytes)
    }

    /// Says that nobody will read any more, as dropping does.
    pub(crate) fn leave(&mut self) {
        self.core().disconnect();
    }

    pub(crate) fn wait_strategy(&self) -> WaitStrategy {
        self.shared.waits.consumer
    }
}
