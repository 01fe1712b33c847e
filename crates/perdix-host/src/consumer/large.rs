//! Large messages put together again.

use super::{Consumer, MessageBatch};
use crate::error::ConsumeError;
use crate::wait::{Wait, Waiter};

/// A message put together from its slots; the bytes are in the caller's vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Large {
    /// The user's tag, 0 unless given.
    pub kind: u16,
    /// The number of its first slot.
    pub number: u64,
    /// How many slots it took.
    pub slots: u64,
}

impl Consumer<'_> {
    /// The next message, of one slot or many, copied into `bytes` (whose content is replaced), waiting until
    /// all of it is there as `wait` says.
    ///
    /// # Errors
    /// As [`next`](Self::next), and [`ConsumeError::Truncated`].
    pub fn large(&mut self, bytes: &mut Vec<u8>, wait: impl Into<Wait>) -> Result<Large, ConsumeError> {
        let slots = self.wait_for_large(wait.into())?;
        let (count, total) = self.core().available_sized(slots);
        let batch = MessageBatch::take(self.core(), count, total);
        bytes.clear();
        batch.iter().for_each(|part| bytes.extend_from_slice(&part));
        // Empty only if hostile memory has taken it back.
        batch
            .get(0)
            .map(|first| Large { kind: first.kind(), number: first.number(), slots })
            .ok_or(ConsumeError::Empty)
    }

    /// Waits until all of the next message is there, and says how many slots it has.
    pub(super) fn wait_for_large(&mut self, wait: Wait) -> Result<u64, ConsumeError> {
        let mut waiter = Waiter::new(self.shared.waits.consumer, wait.limit());
        loop {
            match self.try_large()? {
                Some(slots) => return Ok(slots),
                None if wait == Wait::No => return Err(ConsumeError::Empty),
                // `try_large` has asked after the producer, by `status`.
                None => waiter.pause().map_err(|waited| ConsumeError::TimedOut { waited })?,
            }
        }
    }

    /// The slots of the next message, if it is there and complete.
    fn try_large(&mut self) -> Result<Option<u64>, ConsumeError> {
        self.status()?;
        let (slots, complete) = self.large_run()?;
        if !complete {
            return match self.core().until_end() {
                // The stream may have ended since the look at its status, and have dropped its last messages.
                Some(0) => self.status().map(|()| None),
                Some(left) if left == slots => Err(ConsumeError::Truncated { first: self.position(), slots }),
                _ => {
                    // A producer that publishes part by part may need the slots that are held back here.
                    let core = self.core();
                    core.recycle();
                    core.publish_tail();
                    Ok(None)
                }
            };
        }
        Ok(Some(slots))
    }

    /// How many slots of the next message are there, and whether the last one is among them.
    fn large_run(&mut self) -> Result<(u64, bool), ConsumeError> {
        let capacity = self.shared.ring.capacity();
        let core = self.core();
        for slots in 0..capacity {
            match core.peek(slots)? {
                None => return Ok((slots, false)),
                Some(meta) if !meta.has_more() => return Ok((slots + 1, true)),
                Some(_) => {}
            }
        }
        Ok((capacity, false))
    }
}
