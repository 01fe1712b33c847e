//! A slot that is free, to be written in place.

use core::mem::ManuallyDrop;
use core::ptr;
use core::sync::atomic::AtomicU64;

use super::Producer;
use crate::slot::{PAYLOAD_SIZE, Slot};
use crate::word::Word;

/// The slot of the next message, which [`Producer::vacant`] found free: write the payload, then
/// [`stage`](Self::stage) or [`publish`](Self::publish) it.
///
/// It borrows the producer, so that nothing else writes to the slot meanwhile. Dropping it
/// publishes nothing. The payload is what an earlier message left there until it is written.
#[derive(Debug)]
#[must_use = "a slot that is neither staged nor published is given up"]
pub struct Free<'p, W: Word = AtomicU64> {
    producer: &'p mut Producer<W>,
    number: u64,
}

impl<'p, W: Word> Free<'p, W> {
    /// # Safety
    /// The slot of message `number`, the next one behind those that the producer has staged, is
    /// free.
    #[inline(always)]
    pub(super) unsafe fn new(producer: &'p mut Producer<W>, number: u64) -> Self {
        Self { producer, number }
    }

    /// The message's number.
    #[inline(always)]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Copies `bytes` to the front of the payload; what exceeds 240 bytes is left out.
    #[inline(always)]
    pub fn write(&mut self, bytes: &[u8]) {
        // SAFETY: the slot is free, and nothing publishes it during the borrow.
        unsafe { W::write_plain(&self.slot().payload, bytes) };
    }

    /// Adds the message to those staged: its payload is what was written, its length `len` (above
    /// 240, it is cut to 240).
    #[inline(always)]
    pub fn stage(self, kind: u16, flags: u8, len: usize) {
        self.seal(kind, flags, len);
    }

    /// [`stage`](Self::stage)s the message, and publishes all that is staged. Says how many
    /// messages that were.
    #[inline(always)]
    pub fn publish(self, kind: u16, flags: u8, len: usize) -> u64 {
        self.seal(kind, flags, len).publish()
    }

    #[inline(always)]
    fn seal(self, kind: u16, flags: u8, len: usize) -> &'p mut Producer<W> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped and not used again, so the borrow moves out of it.
        let producer = unsafe { ptr::read(&this.producer) };
        let ring = producer.ring;
        // SAFETY: the slot is free.
        let slot = unsafe { ring.slot(this.number) };
        producer.stage_written(slot, len.min(PAYLOAD_SIZE), kind, flags);
        producer
    }

    #[inline(always)]
    fn slot(&self) -> &Slot<W> {
        // SAFETY: the slot is free, and the producer's.
        unsafe { self.producer.ring.slot(self.number) }
    }
}

impl Free<'_, AtomicU64> {
    /// The whole payload, aligned to 16 bytes.
    #[inline(always)]
    pub fn payload_mut(&mut self) -> &mut [u8; PAYLOAD_SIZE] {
        let payload = self.slot().payload_ptr().cast();
        // SAFETY: the slot is free, so its initialised payload is this token's alone during the
        // borrow.
        unsafe { &mut *payload }
    }
}

impl<W: Word> Drop for Free<'_, W> {
    #[inline(always)]
    fn drop(&mut self) {
        let staged = self.producer.staged;
        self.producer.scrub(staged, staged + 1);
    }
}
