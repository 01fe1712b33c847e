//! Several messages published together.

use perdix_core::{PAYLOAD_SIZE, Producer as Core};

use super::explain;
use crate::error::ProduceError;

/// Messages that become visible together, on [`commit`](Self::commit). Dropping (or forgetting) it publishes none.
///
/// ```
/// let mut buffer = perdix_host::Buffer::new(8)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// let mut batch = producer.batch(3, perdix_host::Wait::Forever)?;
/// batch.push(b"one")?;
/// batch.set_kind(7).write(3, |slot| slot.copy_from_slice(b"two"))?;
/// assert_eq!(batch.commit(), 2);
/// assert_eq!(consumer.available(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a batch that is not committed publishes nothing"]
pub struct Batch<'p> {
    core: &'p mut Core,
    room: u64,
    kind: u16,
}

impl<'p> Batch<'p> {
    /// The caller has made sure that `room` slots are free and nothing is staged.
    pub(super) fn new(core: &'p mut Core, room: u64) -> Self {
        Self { core, room, kind: 0 }
    }

    /// Gives the messages that are added from now on a kind; 0 before.
    #[inline]
    pub fn set_kind(&mut self, kind: u16) -> &mut Self {
        self.kind = kind;
        self
    }

    /// Adds a message of up to 240 bytes.
    ///
    /// # Errors
    /// [`ProduceError::Full`] when the batch has no room left, [`ProduceError::TooLong`]; what was added before stays.
    #[inline]
    pub fn push(&mut self, message: &[u8]) -> Result<(), ProduceError> {
        self.check_room()?;
        self.core
            .stage(self.kind, 0, message)
            .map_err(|refused| explain(refused, self.core, message.len(), 1))
    }

    /// Adds a message of `len` bytes (up to 240) that `write` fills in place. Until written, the bytes are what an earlier
    /// message left there.
    ///
    /// # Errors
    /// As [`push`](Self::push); `write` is not called then.
    #[inline]
    pub fn write(&mut self, len: usize, write: impl FnOnce(&mut [u8])) -> Result<(), ProduceError> {
        self.check_room()?;
        if len > PAYLOAD_SIZE {
            return Err(ProduceError::TooLong { len, limit: PAYLOAD_SIZE });
        }
        self.core.ensure(self.core.staged() + 1).map_err(|refused| explain(refused, self.core, len, 1))?;
        if let Ok(mut free) = self.core.vacant() {
            // `len` fits.
            write(free.payload_mut().get_mut(..len).unwrap_or_default());
            free.stage(self.kind, 0, len);
        }
        Ok(())
    }

    /// Messages added so far.
    pub fn len(&self) -> usize {
        self.core.staged() as usize
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many more can be added.
    pub fn room(&self) -> usize {
        (self.room - self.core.staged()) as usize
    }

    /// Publishes all messages together, and says how many.
    #[inline]
    pub fn commit(self) -> usize {
        self.core.publish() as usize
    }

    #[inline]
    fn check_room(&self) -> Result<(), ProduceError> {
        if self.core.staged() < self.room {
            Ok(())
        } else {
            Err(ProduceError::Full { needed: self.room + 1, capacity: self.core.ring().capacity() })
        }
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.core.abandon();
    }
}
