//! A slot reserved for writing in place.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use perdix_core::Producer as Core;

/// The payload of a reserved slot: write it, then [`commit`](Self::commit).
///
/// Dropping (or forgetting) it publishes nothing; the slot is reserved again by the next call. The bytes are what an earlier
/// message left there until you write them. They are aligned to 16 bytes.
///
/// ```
/// let mut buffer = perdix_host::Buffer::new(8)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// let mut grant = producer.reserve(3, perdix_host::Wait::Forever)?;
/// grant.copy_from_slice(b"abc");
/// grant.commit();
/// assert_eq!(&consumer.try_consume().unwrap()[..], b"abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a grant that is not committed publishes nothing"]
pub struct Grant<'p> {
    core: &'p mut Core,
    /// A pointer, not a slice: a grant passed by value to `commit` must not claim the payload past the publication inside.
    payload: NonNull<u8>,
    len: usize,
    kind: u16,
}

// SAFETY: like `&mut Core` and `&mut [u8]`, which it stands for.
unsafe impl Send for Grant<'_> {}
// SAFETY: as above.
unsafe impl Sync for Grant<'_> {}

impl<'p> Grant<'p> {
    /// The caller has made sure that a slot is free, nothing is staged, and `len` is at most 240.
    #[inline(always)]
    pub(super) fn new(core: &'p mut Core, len: usize) -> Self {
        // SAFETY: the slot is free; it is written through the grant.
        let payload = NonNull::from(unsafe { &core.ring().slot(core.head()).payload }).cast();
        Self { core, payload, len, kind: 0 }
    }

    /// Gives the message a kind.
    pub fn set_kind(&mut self, kind: u16) {
        self.kind = kind;
    }

    /// Publishes the whole payload.
    #[inline]
    pub fn commit(self) {
        let len = self.len;
        self.commit_len(len);
    }

    /// Publishes the first `len` bytes (all, if there are fewer).
    #[inline]
    pub fn commit_len(self, len: usize) {
        // The slot was found free when the grant was made, and nobody else takes it: this cannot be refused.
        // SAFETY: nothing was staged when the grant was made.
        let published = unsafe { self.core.push_in_place(self.kind, 0, len.min(self.len)) };
        debug_assert_eq!(published, Ok(()));
    }
}

impl Deref for Grant<'_> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: the slot at the head is free, so it is the producer's; it is initialised memory, and `len` fits.
        unsafe { std::slice::from_raw_parts(self.payload.as_ptr(), self.len) }
    }
}

impl DerefMut for Grant<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and the grant is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.payload.as_ptr(), self.len) }
    }
}
