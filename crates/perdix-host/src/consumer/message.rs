//! One message: borrowed, referred to, or copied.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

use bytemuck::{AnyBitPattern, PodCastError};
use perdix_core::{Consumer as Core, Meta, PAYLOAD_SIZE};

/// A message where it lies: `Deref<Target = [u8]>`. Dropping it releases the slot.
///
/// Forgetting it (`std::mem::forget`) releases the slot together with the next message's, and is otherwise harmless.
pub struct Message<'c> {
    core: &'c mut Core,
    /// A pointer, not a slice: a guard passed by value to `drop` must not claim the payload past the release inside.
    payload: NonNull<u8>,
    number: u64,
    meta: Meta,
}

// SAFETY: like `&mut Core` and `&[u8]`, which it stands for.
unsafe impl Send for Message<'_> {}
// SAFETY: as above.
unsafe impl Sync for Message<'_> {}

impl<'c> Message<'c> {
    /// Takes the next message, which a poll found there with this `meta`.
    #[inline(always)]
    pub(crate) fn take(core: &'c mut Core, meta: Meta) -> Self {
        let number = core.next();
        // SAFETY: the message was found there; it is read through the guard.
        let payload = NonNull::from(unsafe { &core.ring().slot(number).payload }).cast();
        // SAFETY: as above.
        unsafe { core.take(1, meta.len() as u64) };
        Self { core, payload, number, meta }
    }

    #[inline(always)]
    pub(super) fn meta(&self) -> Meta {
        self.meta
    }

    /// The user's tag, 0 unless given.
    pub fn kind(&self) -> u16 {
        self.meta.kind()
    }

    /// The message's number, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether this is a part of a large message that goes on in the next one.
    pub fn has_more(&self) -> bool {
        self.meta.has_more()
    }

    /// The payload as a plain value, in place.
    ///
    /// # Errors
    /// If the payload has another size (or an alignment above 16 is asked for).
    pub fn cast<T: AnyBitPattern>(&self) -> Result<&T, PodCastError> {
        bytemuck::try_from_bytes(self)
    }

    /// A copy that outlives the slot.
    pub fn to_owned(&self) -> OwnedMessage {
        OwnedMessage::copy(self.number, self.meta, self)
    }
}

impl Drop for Message<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.core.recycle();
    }
}

impl Deref for Message<'_> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        // SAFETY: the poll saw the message (Acquire), `Meta` limits its length to the slot, and the slot is handed back no
        // sooner than this guard is dropped.
        unsafe { std::slice::from_raw_parts(self.payload.as_ptr(), self.meta.len()) }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Message", self.number, self.meta, self)
    }
}

/// A message in a [`MessageBatch`](crate::MessageBatch): `Deref<Target = [u8]>`.
#[derive(Clone, Copy)]
pub struct MessageRef<'c> {
    bytes: &'c [u8],
    number: u64,
    meta: Meta,
}

impl<'c> MessageRef<'c> {
    /// Message `number` where it lies.
    ///
    /// # Safety
    /// The consumer has seen the message with this `meta`, and does not hand its slot back during `'c`.
    #[inline(always)]
    pub(super) unsafe fn at(core: &Core, number: u64, meta: Meta) -> Self {
        // SAFETY: the caller has seen the message in this slot.
        let start = unsafe { core.ring().slot(number) }.payload_ptr();
        // SAFETY: the message is published (Acquire), `Meta` limits its length to the slot, and the slot stays ours.
        let bytes = unsafe { std::slice::from_raw_parts(start, meta.len()) };
        Self { bytes, number, meta }
    }

    /// The payload, aligned to 16 bytes.
    pub fn bytes(&self) -> &'c [u8] {
        self.bytes
    }

    #[inline(always)]
    pub(super) fn meta(&self) -> Meta {
        self.meta
    }

    /// The user's tag, 0 unless given.
    pub fn kind(&self) -> u16 {
        self.meta.kind()
    }

    /// The message's number, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether this is a part of a large message that goes on in the next one.
    pub fn has_more(&self) -> bool {
        self.meta.has_more()
    }

    /// A copy that outlives the slot.
    pub fn to_owned(&self) -> OwnedMessage {
        OwnedMessage::copy(self.number, self.meta, self.bytes)
    }
}

impl Deref for MessageRef<'_> {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl fmt::Debug for MessageRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Message", self.number, self.meta, self.bytes)
    }
}

/// A copy of a message, 240 bytes of payload inline: `Deref<Target = [u8]>`, aligned to 16 bytes as in the slot.
#[derive(Clone)]
#[repr(C, align(16))]
pub struct OwnedMessage {
    payload: [u8; PAYLOAD_SIZE],
    number: u64,
    meta: Meta,
}

impl OwnedMessage {
    /// A message of which the first bytes of `payload` are a copy, as many as `meta` says.
    #[cfg(target_os = "linux")]
    pub(super) fn of(number: u64, meta: Meta, payload: [u8; PAYLOAD_SIZE]) -> Self {
        Self { payload, number, meta }
    }

    fn copy(number: u64, meta: Meta, bytes: &[u8]) -> Self {
        let mut payload = [0; PAYLOAD_SIZE];
        if let Some(to) = payload.get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
        }
        Self { payload, number, meta }
    }

    #[inline(always)]
    pub(super) fn meta(&self) -> Meta {
        self.meta
    }

    /// The user's tag, 0 unless given.
    pub fn kind(&self) -> u16 {
        self.meta.kind()
    }

    /// The message's number, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether this is a part of a large message that goes on in the next one.
    pub fn has_more(&self) -> bool {
        self.meta.has_more()
    }
}

impl Deref for OwnedMessage {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.payload.get(..self.meta.len()).unwrap_or(&self.payload)
    }
}

impl fmt::Debug for OwnedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "OwnedMessage", self.number, self.meta, self)
    }
}

fn describe(f: &mut fmt::Formatter<'_>, name: &str, number: u64, meta: Meta, bytes: &[u8]) -> fmt::Result {
    let (kind, text) = (meta.kind(), bytes.escape_ascii());
    write!(f, "{name} {{ number: {number}, kind: {kind}, bytes: b\"{text}\" }}")
}
