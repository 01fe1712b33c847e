//! One thread.

use perdix_core::{Consumer, DeviceInput, PAYLOAD_WORDS, Poll};

use super::input::{IDLE_POLLS, Input, rest};
use super::{ConsumeError, Received};
use crate::intrinsics::{load_chunk, now_ns};

/// Takes messages into one thread: simplest, slowest.
///
/// The thread drives the same protocol code as a CPU consumer.
#[derive(Debug)]
pub struct ThreadConsumer {
    core: Consumer,
    input: Input,
    idle: u32,
}

impl ThreadConsumer {
    /// The consumer of a ring, going on where the one before paused.
    ///
    /// # Errors
    /// [`ConsumeError::Corrupt`] if the handle is none that a host made, [`ConsumeError::Version`]
    /// if a host of another layout version made it.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel. This thread's consumer is the
    /// only one that uses the ring and its state now.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceInput) -> Result<Self, ConsumeError> {
        // SAFETY: the caller's contract.
        let input = unsafe { Input::new(&handle) }?;
        Ok(Self { core: input.core(), input, idle: 0 })
    }

    /// Takes the next message, waiting up to the ring's time limit: its bytes go to the front of
    /// `words`, the rest of which is not touched beyond the 16 bytes in which the message ends.
    ///
    /// # Errors
    /// [`ConsumeError::TimedOut`], [`ConsumeError::Ended`], [`ConsumeError::ProducerFailed`],
    /// [`ConsumeError::Gap`] (the next call goes on behind it) or [`ConsumeError::Corrupt`].
    #[inline(always)]
    pub fn consume(&mut self, words: &mut [u64; PAYLOAD_WORDS]) -> Result<Received, ConsumeError> {
        self.consume_within(words, self.input.limit_ns)
    }

    /// Takes the next message if it is there.
    ///
    /// # Errors
    /// As [`consume`](Self::consume), with [`ConsumeError::Empty`] instead of
    /// [`ConsumeError::TimedOut`].
    #[inline(always)]
    pub fn try_consume(&mut self, words: &mut [u64; PAYLOAD_WORDS]) -> Result<Received, ConsumeError> {
        self.consume_within(words, 0)
    }

    /// [`consume`](Self::consume) with another time limit, in nanoseconds.
    ///
    /// # Errors
    /// As [`consume`](Self::consume); [`ConsumeError::Empty`] if the limit is 0.
    #[inline(always)]
    pub fn consume_within(
        &mut self,
        words: &mut [u64; PAYLOAD_WORDS],
        limit_ns: u64,
    ) -> Result<Received, ConsumeError> {
        if self.input.holds_much() {
            self.release();
        }
        let begun = now_ns();
        let mut polls = 0_u32;
        loop {
            let number = self.core.next();
            if let Some(meta) = self.core.peek(0)? {
                // SAFETY: the message was found there, and its slot is not handed back.
                let slot = unsafe { self.core.ring().slot(number) };
                let used = meta.len().div_ceil(16);
                for (chunk, to) in slot.payload_chunks().iter().take(used).zip(words.chunks_exact_mut(2)) {
                    if let [first, second] = to {
                        // Behind the Acquire with which `peek` saw the message.
                        [*first, *second] = load_chunk(chunk);
                    }
                }
                // SAFETY: the message was found there.
                unsafe { self.core.take(1, meta.len() as u64) };
                self.input.next = self.core.next();
                self.idle = 0;
                return Ok(Received::new(number, meta));
            }
            // The end of the stream is another load across the link.
            self.idle += 1;
            if self.idle % IDLE_POLLS == 0 || limit_ns == 0 {
                self.release();
                self.poll_slow()?;
            }
            if limit_ns == 0 {
                return Err(ConsumeError::Empty);
            }
            if now_ns().wrapping_sub(begun) >= limit_ns {
                self.release();
                return Err(ConsumeError::TimedOut);
            }
            polls += 1;
            rest(polls);
        }
    }

    /// Hands back the slots of all that was taken, now: before a long computation, if the producer
    /// may be waiting for room.
    #[inline(always)]
    pub fn release(&mut self) {
        if self.input.next != self.input.published {
            self.core.recycle();
            self.core.publish_tail();
            self.input.published = self.input.next;
        }
    }

    /// Messages taken so far, by all consumers of this ring.
    #[inline(always)]
    pub fn messages(&self) -> u64 {
        self.core.taken().0
    }

    /// Leaves the rest of the stream to a later kernel.
    #[inline(always)]
    pub fn pause(mut self) {
        self.core.recycle();
        self.core.publish_tail();
        self.keep_place();
        self.input.state.set_paused(true);
    }

    /// Says that nobody will read any more: the producer's calls fail.
    #[inline(always)]
    pub fn finish(mut self) {
        self.core.disconnect();
        self.keep_place();
    }

    #[inline(always)]
    fn poll_slow(&mut self) -> Result<(), ConsumeError> {
        let found = match self.core.look()? {
            Poll::Ready(_) | Poll::Empty => Ok(()),
            Poll::Gap(_) => self.core.take_gap().map_or(Ok(()), |dropped| Err(ConsumeError::Gap(dropped))),
            Poll::Ended => Err(self.core.fault().map_or(ConsumeError::Ended, ConsumeError::ProducerFailed)),
        };
        self.input.next = self.core.next();
        found
    }

    #[inline(always)]
    fn keep_place(&mut self) {
        self.input.next = self.core.next();
        (self.input.messages, self.input.bytes) = self.core.taken();
        (self.input.dropped, self.input.gap_record) = (self.core.dropped(), self.core.next_record());
        self.input.keep_place();
    }
}
