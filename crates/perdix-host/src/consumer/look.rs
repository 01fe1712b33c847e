//! What a consumer of several rings does with each of them.

use perdix_core::{Meta, Poll};

use super::{Consumer, Message, MessageBatch};
use crate::error::ConsumeError;
use crate::wait::WaitStrategy;

impl Consumer<'_> {
    /// The next message's meta word, if the message is there; an error if none will come. Never waits. `ask`: also ask what has become of
    /// the kernels that produce.
    #[inline]
    pub(crate) fn look(&mut self, ask: bool) -> Result<Option<Meta>, ConsumeError> {
        match self.poll()? {
            Poll::Ready(meta) => Ok(Some(meta)),
            Poll::Ended => Err(self.end()),
            Poll::Gap(_) => self.gap().map(|()| None),
            // What it may find there is for the next look.
            Poll::Empty if ask => self.check_producer().map(|()| None),
            Poll::Empty => Ok(None),
        }
    }

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
