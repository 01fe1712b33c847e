//! A slot reserved for writing in place.

use std::ops::{Deref, DerefMut};

use perdix_core::Producer as Core;

/// The payload of a reserved slot: write it, then [`commit`](Self::commit).
///
/// Dropping (or forgetting) it publishes nothing; the slot is reserved again by the next call. The bytes are what an earlier
/// message left there until you write them. They are aligned to 16 bytes.
///
/// ```
/// let mut buffer = perdix_host::Buffer::new(8)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// let mut grant = producer.reserve(3)?;
/// grant.copy_from_slice(b"abc");
/// grant.commit();
/// assert_eq!(&consumer.try_consume().unwrap()[..], b"abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a grant that is not committed publishes nothing"]
pub struct Grant<'p> {
    core: &'p mut Core,
    bytes: &'p mut [u8],
    kind: u16,
}

impl<'p> Grant<'p> {
    /// The caller has made sure that a slot is free, nothing is staged, and `len` is at most 240.
    pub(super) fn new(core: &'p mut Core, len: usize) -> Self {
        let start = core.ring().slot(core.head()).payload_ptr();
        // SAFETY: the slot at the head is free, so it is the producer's; it is initialised memory, and `len` fits.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start, len) };
        Self { core, bytes, kind: 0 }
    }

    /// Gives the message a kind.
    pub fn set_kind(&mut self, kind: u16) {
        self.kind = kind;
    }

    /// Publishes the whole payload.
    #[inline]
    pub fn commit(self) {
        let len = self.bytes.len();
        self.commit_len(len);
    }

    /// Publishes the first `len` bytes (all, if there are fewer).
    #[inline]
    pub fn commit_len(self, len: usize) {
        let Self { core, bytes, kind } = self;
        let len = len.min(bytes.len());
        // The slot was found free when the grant was made, and nobody else takes it: this cannot be refused.
        let staged = core.stage_in_place(len, kind, 0);
        debug_assert_eq!(staged, Ok(()));
        core.publish();
    }
}

impl Deref for Grant<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl DerefMut for Grant<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes
    }
}
