//! One warp.

use core::sync::atomic::Ordering;

use perdix_core::{DeviceRing, PAYLOAD_SIZE};

use super::{check_launch, chunk};
use crate::error::{Error, Partial};
use crate::gap::tell;
use crate::intrinsics::{WARP_SIZE, lane_id, shuffle_u64, sync_warp};
use crate::link::Link;
use crate::packer::PackInto;
use crate::source::{Made, Source};
use crate::write::{fitting, publish};

/// Sends messages from one warp, whose 32 lanes call every method together with the same arguments.
///
/// The lanes write 16 bytes each, so a message is one coalesced store; a batch shares one fence.
#[derive(Debug)]
pub struct WarpProducer {
    link: Link,
    head: u64,
}

impl WarpProducer {
    /// The producer of a ring, going on where the one before paused.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made, [`Error::Launch`] if the block is not made of whole warps.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel; this warp's producer is the ring's only one now, and all
    /// its lanes call all methods together.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceRing) -> Result<Self, Error> {
        check_launch()?;
        // SAFETY: the caller's contract.
        let mut link = unsafe { Link::new_warp(&handle) }?;
        let head = link.head();
        if link.gap() != 0 {
            link.use_up_credit(head);
        }
        Ok(Self { link, head })
    }

    /// Sends one message of `len` bytes (up to 240), waiting up to the ring's time limit; the lane that stores bytes `16 * piece`
    /// to `16 * piece + 16` calls `make(piece)` for them.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::ConsumerGone`], [`Error::TooLong`] or [`Error::Corrupt`]; nothing was sent then.
    #[inline(always)]
    pub fn produce(&mut self, kind: u16, len: usize, make: impl Fn(usize) -> [u64; 2]) -> Result<(), Error> {
        self.produce_within(kind, len, make, self.link.limit_ns())
    }

    /// [`produce`](Self::produce) of what the lanes have: lane `i` gives bytes `16 * i` to `16 * i + 16`, as a
    /// [`WarpMessage`](crate::WarpMessage) holds them.
    ///
    /// # Errors
    /// As [`produce`](Self::produce).
    #[inline(always)]
    pub fn produce_pieces(&mut self, kind: u16, len: usize, piece: [u64; 2]) -> Result<(), Error> {
        // The first lane stores the header, so that each piece is stored by the lane behind the one that has it.
        let before = lane_id().wrapping_sub(1) % WARP_SIZE;
        let piece = [shuffle_u64(piece[0], before), shuffle_u64(piece[1], before)];
        self.produce(kind, len, |_| piece)
    }

    /// [`produce`](Self::produce) without waiting.
    ///
    /// # Errors
    /// As [`produce`](Self::produce), with [`Error::Full`] instead of [`Error::TimedOut`].
    #[inline(always)]
    pub fn try_produce(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2],
    ) -> Result<(), Error> {
        self.produce_within(kind, len, make, 0)
    }

    /// [`produce`](Self::produce) with another time limit.
    ///
    /// # Errors
    /// As [`produce`](Self::produce); [`Error::Full`] if the limit is 0.
    #[inline(always)]
    pub fn produce_within(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2],
        limit_ns: u64,
    ) -> Result<(), Error> {
        if len > PAYLOAD_SIZE {
            return Err(Error::TooLong);
        }
        self.wait(1, limit_ns)?;
        self.publish(1, &Made::new(len, kind, |_, piece| make(piece)), 0);
        Ok(())
    }

    /// Sends one message if a slot is free; if the ring is full, drops and counts it. Whether it was sent. The consumer learns in order
    /// how many are missing, by a notice that takes a slot of its own: after a drop messages are dropped until two slots are free.
    ///
    /// # Errors
    /// [`Error::ConsumerGone`], [`Error::TooLong`] or [`Error::Corrupt`]; the message is not counted then.
    #[inline(always)]
    pub fn produce_or_drop(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2],
    ) -> Result<bool, Error> {
        if len > PAYLOAD_SIZE {
            return Err(Error::TooLong);
        }
        if !self.room_or_drop()? {
            return Ok(false);
        }
        self.publish(1, &Made::new(len, kind, |_, piece| make(piece)), 0);
        Ok(true)
    }

    /// Sends the first `count` messages of `source`, 32 under one fence, waiting up to the ring's time limit for each 32.
    ///
    /// # Errors
    /// [`Partial`] says how many were sent; the next call goes on after them.
    #[inline(always)]
    pub fn produce_batch(&mut self, count: u64, source: &impl Source) -> Result<(), Partial> {
        self.produce_batch_within(count, source, self.link.limit_ns())
    }

    /// [`produce_batch`](Self::produce_batch) with another time limit.
    ///
    /// # Errors
    /// As [`produce_batch`](Self::produce_batch).
    #[inline(always)]
    pub fn produce_batch_within(
        &mut self,
        count: u64,
        source: &impl Source,
        limit_ns: u64,
    ) -> Result<(), Partial> {
        let chunk = chunk(&self.link);
        let mut sent = 0;
        while sent < count {
            let left = count - sent;
            let asked = if left < u64::from(chunk) { left as u32 } else { chunk };
            let some = fitting(source, sent, asked);
            self.wait(u64::from(some), limit_ns).map_err(|error| Partial { sent, error })?;
            self.publish(some, source, sent);
            sent += u64::from(some);
            if some < asked {
                return Err(Partial { sent, error: Error::TooLong });
            }
        }
        Ok(())
    }

    /// Leaves the stream open for a later kernel.
    #[inline(always)]
    pub fn pause(mut self) {
        self.settle();
        if lane_id() == 0 {
            self.link.leave_open();
        }
    }

    /// Ends the stream.
    #[inline(always)]
    pub fn finish(mut self) {
        self.settle();
        if lane_id() == 0 {
            self.link.close();
        }
    }

    /// Ends the stream and tells the consumer why it ends early.
    #[inline(always)]
    pub fn fail(mut self, error: Error) {
        self.settle();
        if lane_id() == 0 {
            self.link.give_up(self.head, error);
            self.link.close();
        }
    }

    /// Waits until the slots of the next `count` messages are free; the notice of dropped ones goes first. Converged.
    #[inline(always)]
    fn wait(&mut self, count: u64, limit_ns: u64) -> Result<(), Error> {
        if self.link.has_credit(self.head.wrapping_add(count)) {
            return Ok(());
        }
        // While a gap is to be told, no credit is known.
        let gap = self.link.gap();
        if gap != 0 {
            self.link.wait_warp(self.head.wrapping_add(1), limit_ns)?;
            self.tell(gap);
        }
        self.link.wait_warp(self.head.wrapping_add(count), limit_ns)
    }

    /// Looks for a slot for one message, or counts it as dropped; whether there is a slot. Converged.
    #[inline(always)]
    fn room_or_drop(&mut self) -> Result<bool, Error> {
        if self.link.has_credit(self.head.wrapping_add(1)) {
            return Ok(true);
        }
        let (gap, is_single) = (self.link.gap(), self.link.ring.capacity() == 1);
        // A consumer that frees one slot at a time would otherwise get nothing but notices.
        let needed = if gap != 0 && !is_single { 2 } else { 1 };
        match self.link.wait_warp(self.head.wrapping_add(needed), 0) {
            Ok(()) if gap == 0 => Ok(true),
            // The notice takes the only slot: this message is missing too.
            Ok(()) if is_single => {
                if lane_id() == 0 {
                    self.link.count_dropped(1);
                }
                self.tell(gap + 1);
                Ok(false)
            }
            Ok(()) => {
                self.tell(gap);
                Ok(true)
            }
            Err(Error::Full) => {
                if lane_id() == 0 {
                    self.link.count_dropped(1);
                }
                self.link.use_up_credit(self.head);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Publishes the notice of a gap into the next slot, which is free. Converged.
    #[inline(always)]
    fn tell(&mut self, gap: u64) {
        tell(&self.link.ring, self.head, gap);
        if lane_id() == 0 {
            self.link.state().gap.store(0, Ordering::Relaxed);
        }
        self.head = self.head.wrapping_add(1);
    }

    #[inline(always)]
    fn publish(&mut self, count: u32, source: &impl Source, index: u64) {
        debug_assert!(count <= WARP_SIZE);
        publish(&mut self.link, self.head, count, source, index);
        self.head = self.head.wrapping_add(u64::from(count));
    }

    /// Leaves all that a later producer, or `close`, needs.
    #[inline(always)]
    fn settle(&mut self) {
        self.link.settle_counts();
        if lane_id() == 0 {
            self.link.state().head.store(self.head, Ordering::Relaxed);
        }
        sync_warp();
    }
}

impl PackInto for WarpProducer {
    #[inline(always)]
    fn slots(&self) -> u64 {
        self.link.ring.capacity()
    }

    #[inline(always)]
    fn send(&mut self, count: u64, source: &impl Source) -> Result<(), Partial> {
        self.produce_batch(count, source)
    }
}
