//! What a control block says: of the ring that a view is made of, and of a copy for those who only
//! look.

use core::sync::atomic::Ordering;

use crate::config::{AttachError, Config, MAGIC, VERSION};
use crate::control::{Control, Identity};
use crate::mode::Mode;
use crate::slot::SLOT_SIZE;
use crate::word::Word;

impl<W: Word> Identity<W> {
    /// The identity's words as they are now. Whoever finds [`MAGIC`] in the copy finds the words
    /// that were stored before it.
    pub(crate) fn read(&self) -> Identity<u64> {
        // Relaxed and a fence: an Acquire load is not guaranteed to work in read-only memory.
        let magic = self.magic.load(Ordering::Relaxed);
        // pairs with the Release store of magic in Ring::reset
        W::fence(Ordering::Acquire);
        let word = |word: &W| word.load(Ordering::Relaxed);
        Identity {
            magic,
            format: word(&self.format),
            capacity: word(&self.capacity),
            mode: word(&self.mode),
            start: word(&self.start),
        }
    }
}

impl Identity<u64> {
    /// What ring this is the identity of, in `bytes` bytes of memory.
    ///
    /// # Errors
    /// [`AttachError`] names the first thing that is wrong.
    pub fn check(&self, bytes: usize) -> Result<Config, AttachError> {
        let long_enough = |config: Config| match config.bytes()? {
            needed if bytes < needed => Err(AttachError::TooShort { bytes, needed }),
            _ => Ok(config),
        };
        long_enough(Config { capacity: 1, mode: Mode::Fenced, start: 0 })?;
        if self.magic != MAGIC {
            return Err(AttachError::NotARing { found: self.magic });
        }
        if self.format as u32 != VERSION {
            return Err(AttachError::Version { found: self.format as u32 });
        }
        if self.format >> 32 != SLOT_SIZE as u64 {
            return Err(AttachError::SlotSize { found: (self.format >> 32) as u32 });
        }
        let mode = Mode::from_word(self.mode).ok_or(AttachError::Mode { found: self.mode })?;
        long_enough(Config { capacity: self.capacity, mode, start: self.start })
    }
}

impl Control<u64> {
    /// The control block that these bytes are a copy of, whatever they are.
    ///
    /// This is for observers: who reads a ring's file, and does not map it, is not harmed by what
    /// becomes of the file.
    ///
    /// ```
    /// use perdix_core::{AttachError, Control};
    /// let block = Control::from_bytes(&[0; Control::SIZE]);
    /// assert_eq!(block.identity.check(4096), Err(AttachError::NotARing { found: 0 }));
    /// assert_eq!(block.producer.stats.messages, 0);
    /// ```
    pub fn from_bytes(bytes: &[u8; Control::SIZE]) -> Self {
        // SAFETY: as long as the block, initialised, and all of its fields are plain words.
        unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() }
    }
}
