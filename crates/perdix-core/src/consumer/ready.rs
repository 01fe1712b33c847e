//! A message that a poll has found.

use core::sync::atomic::AtomicU64;

use super::Consumer;
use crate::meta::Meta;
use crate::word::Word;

/// The next message, which a [`poll`](Consumer::poll) has found: reads it where it lies, and takes
/// it.
///
/// It borrows the consumer, so that the slot is not handed back while it is read. Dropping it takes
/// nothing.
#[derive(Debug)]
#[must_use = "a message that is not taken comes again"]
pub struct Ready<'c, W = AtomicU64> {
    consumer: &'c mut Consumer<W>,
    meta: Meta,
}

impl<'c, W: Word> Ready<'c, W> {
    /// # Safety
    /// A look has found the consumer's next message, with this meta.
    #[inline(always)]
    pub(super) unsafe fn new(consumer: &'c mut Consumer<W>, meta: Meta) -> Self {
        Self { consumer, meta }
    }

    /// What the message is.
    #[inline(always)]
    pub fn meta(&self) -> Meta {
        self.meta
    }

    /// The message's number.
    #[inline(always)]
    pub fn number(&self) -> u64 {
        self.consumer.next
    }

    /// Copies the payload to the front of `bytes`, as much of it as there is room for, and says how
    /// many bytes that were.
    pub fn copy_to(&self, bytes: &mut [u8]) -> usize {
        let len = self.meta.len().min(bytes.len());
        if let Some(bytes) = bytes.get_mut(..len) {
            // SAFETY: the look saw the message with Acquire, and its slot is not handed back during
            // the borrow.
            unsafe { W::read_plain(&self.consumer.slot(self.consumer.next).payload, bytes) };
        }
        len
    }

    /// Takes the message: the next poll goes on behind it. Its slot goes back to the producer with
    /// the next [`recycle`](Consumer::recycle).
    #[inline(always)]
    pub fn take(self) -> Meta {
        // SAFETY: the look has found this message.
        unsafe { self.consumer.take(1, self.meta.len() as u64) };
        self.meta
    }
}

impl Ready<'_, AtomicU64> {
    /// The payload where it lies, aligned to 16 bytes.
    #[inline(always)]
    pub fn payload(&self) -> &[u8] {
        let start = self.consumer.slot(self.consumer.next).payload_ptr();
        // SAFETY: the look saw the message with Acquire, `Meta` limits its length to the slot, and
        // the slot is not handed back during the borrow.
        unsafe { core::slice::from_raw_parts(start, self.meta.len()) }
    }
}
