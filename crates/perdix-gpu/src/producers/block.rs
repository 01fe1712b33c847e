//! One block.

use core::sync::atomic::Ordering;

use perdix_core::{DeviceRing, PAYLOAD_SIZE};

use super::{check_launch, chunk};
use crate::error::Error;
use crate::gap::tell;
use crate::intrinsics::{
    device_add, lane_id, sync_threads, sync_threads_and, thread_rank, warp_id, warps_per_block,
};
use crate::link::Link;
use crate::source::Source;
use crate::write::{fitting, publish};

/// Sends messages from one block, whose threads call every method together with the same arguments.
///
/// A batch is dealt out to the warps, 32 messages each, which publish them side by side; the consumer sees them in the batch's
/// order. Warps do not wait for each other. Should one give up (time limit, consumer gone), the stream ends before its first
/// unsent message.
#[derive(Debug)]
pub struct BlockProducer {
    link: Link,
    head: u64,
    /// Chunks of 32 dealt so far, so that successive batches begin with the next warp.
    dealt: u64,
    /// Messages dropped of which no notice tells yet; all threads have the same number.
    gap: u64,
}

impl BlockProducer {
    /// The producer of a ring, going on where the one before paused.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made, [`Error::Launch`] if the block is not made of whole warps.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel; this block's producer is the ring's only one now, and all
    /// its threads call all methods together.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceRing) -> Result<Self, Error> {
        check_launch()?;
        // SAFETY: the caller's contract.
        let link = unsafe { Link::new_warp(&handle) }?;
        let (head, gap) = (link.head(), link.gap());
        Ok(Self { link, head, dealt: 0, gap })
    }

    /// Sends the first `count` messages of `source`, waiting up to the ring's time limit.
    ///
    /// # Errors
    /// This thread's warp could not send its part. The error may differ between warps, and the stream is broken at the first
    /// message that was not sent: call [`finish`](Self::finish), which tells the consumer.
    #[inline(always)]
    pub fn produce_batch(&mut self, count: u64, source: &impl Source) -> Result<(), Error> {
        self.produce_batch_within(count, source, self.link.limit_ns())
    }

    /// [`produce_batch`](Self::produce_batch) with another time limit for each warp's wait.
    ///
    /// # Errors
    /// As [`produce_batch`](Self::produce_batch).
    #[inline(always)]
    pub fn produce_batch_within(
        &mut self,
        count: u64,
        source: &impl Source,
        limit_ns: u64,
    ) -> Result<(), Error> {
        if self.gap != 0 {
            self.tell(limit_ns)?;
        }
        let (chunk, warps) = (u64::from(chunk(&self.link)), u64::from(warps_per_block()));
        let (first, dealt) = (self.head, self.dealt);
        // The whole batch counts as claimed, sent or not, so that all warps agree on the head.
        self.head = first.wrapping_add(count);
        self.dealt = dealt + count.div_ceil(chunk);
        let mut index = (u64::from(warp_id()) + warps - dealt % warps) % warps * chunk;
        while index < count {
            let left = count - index;
            let asked = if left < chunk { left as u32 } else { chunk as u32 };
            let number = first.wrapping_add(index);
            let some = fitting(source, index, asked);
            let result = self.link.wait_warp(number.wrapping_add(u64::from(some)), limit_ns);
            if let Err(error) = result {
                return self.stop(number, error);
            }
            publish(&mut self.link, number, some, source, index);
            if some < asked {
                return self.stop(number.wrapping_add(u64::from(some)), Error::TooLong);
            }
            index += chunk * warps;
        }
        Ok(())
    }

    /// Sends all `count` messages if their slots are free now, or none: the block agrees first.
    ///
    /// # Errors
    /// [`Error::Full`], also if `count` exceeds the ring, [`Error::TooLong`], [`Error::ConsumerGone`] or [`Error::Corrupt`], the
    /// same for all threads; nothing was sent then, and the stream goes on.
    #[inline(always)]
    pub fn try_produce_batch(&mut self, count: u64, source: &impl Source) -> Result<(), Error> {
        if !sync_threads_and((0..count).all(|i| source.len(i) <= PAYLOAD_SIZE)) {
            return Err(Error::TooLong);
        }
        if count > self.link.ring.capacity() {
            return Err(Error::Full);
        }
        if self.gap != 0 {
            self.agree(1)?;
            self.tell(0)?;
        }
        self.agree(count)?;
        self.produce_batch_within(count, source, 0)
    }

    /// Sends all `count` messages if their slots are free; if they are not, drops and counts all of them. Whether they were sent. The
    /// consumer learns in order how many are missing, by a notice that takes a slot of its own, ahead of the next batch that fits with
    /// it. (With a batch as long as the ring none does: the notice goes alone then, and the batch is dropped and counted with it.)
    ///
    /// # Errors
    /// [`Error::Full`] if `count` exceeds the ring, [`Error::TooLong`], [`Error::ConsumerGone`] or [`Error::Corrupt`], the same for all
    /// threads; nothing was sent or counted then.
    #[inline(always)]
    pub fn produce_batch_or_drop(&mut self, count: u64, source: &impl Source) -> Result<bool, Error> {
        if !sync_threads_and((0..count).all(|i| source.len(i) <= PAYLOAD_SIZE)) {
            return Err(Error::TooLong);
        }
        let capacity = self.link.ring.capacity();
        if count > capacity {
            return Err(Error::Full);
        }
        let needed = if self.gap == 0 { count } else { count + 1 };
        let goes_alone = needed > capacity;
        let is_dropped = match self.agree(if goes_alone { 1 } else { needed }) {
            Err(Error::Full) => true,
            other => other.map(|()| goes_alone)?,
        };
        if is_dropped {
            let has_room = goes_alone && self.agree(1).is_ok();
            self.gap += count;
            if thread_rank() == 0 {
                device_add(&self.link.state().dropped, count);
            }
            if has_room {
                self.tell(0)?;
            }
            return Ok(false);
        }
        self.produce_batch_within(count, source, 0).map(|()| true)
    }

    /// Leaves the stream open for a later kernel.
    #[inline(always)]
    pub fn pause(mut self) {
        self.settle();
        if thread_rank() == 0 {
            self.link.leave_open();
        }
    }

    /// Ends the stream; if some warp gave up, before the first message that was not sent, and with the reason.
    #[inline(always)]
    pub fn finish(mut self) {
        self.settle();
        if thread_rank() == 0 {
            self.link.close();
        }
    }

    /// Whether the slots of the next `count` messages are free: the same answer for all threads.
    #[inline(always)]
    fn agree(&mut self, count: u64) -> Result<(), Error> {
        let free = self.link.wait_warp(self.head.wrapping_add(count), 0);
        if sync_threads_and(free.is_ok()) {
            return Ok(());
        }
        // Warps may have found different things; the block reports one, the most final.
        for error in [Error::Corrupt, Error::ConsumerGone] {
            if !sync_threads_and(free != Err(error)) {
                return Err(error);
            }
        }
        Err(Error::Full)
    }

    /// The next number goes to the notice of a gap, which the first warp publishes when its slot is free.
    #[inline(always)]
    fn tell(&mut self, limit_ns: u64) -> Result<(), Error> {
        let (number, gap) = (self.head, self.gap);
        self.head = number.wrapping_add(1);
        self.gap = 0;
        if warp_id() == 0 {
            let result = self.link.wait_warp(number.wrapping_add(1), limit_ns);
            if let Err(error) = result {
                return self.stop(number, error);
            }
            tell(&self.link.ring, number, gap);
        }
        Ok(())
    }

    #[inline(always)]
    fn stop(&mut self, number: u64, error: Error) -> Result<(), Error> {
        if lane_id() == 0 {
            self.link.give_up(number, error);
        }
        Err(error)
    }

    #[inline(always)]
    fn settle(&mut self) {
        self.link.settle_counts();
        // A warp that has nothing to send gets here while others still read where to begin.
        sync_threads();
        if thread_rank() == 0 {
            self.link.state().head.store(self.head, Ordering::Relaxed);
            self.link.state().gap.store(self.gap, Ordering::Relaxed);
        }
        sync_threads();
    }
}
