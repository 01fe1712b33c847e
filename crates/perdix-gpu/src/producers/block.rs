//! One block.

use core::sync::atomic::Ordering;

use perdix_core::policy::{Plan, marker_and};
use perdix_core::{DeviceRing, PAYLOAD_SIZE};

use super::{batch_size, check_launch};
use crate::error::Error;
use crate::intrinsics::{Block, Warp, lane_id, thread_rank, warp_id, warps_per_block};
use crate::link::Link;
use crate::source::Source;
use crate::write::{fitting, publish};

/// Sends messages from one block, whose threads call every method together with the same arguments.
///
/// A batch is dealt out to the warps, 32 messages each, which publish them side by side; the
/// consumer sees them in the batch's order. Warps do not wait for each other. Should one give up
/// (time limit, consumer gone), the stream ends before its first unsent message.
///
/// All fields but `link` have the same values in all threads, after errors too.
#[derive(Debug)]
pub struct BlockProducer {
    link: Link,
    warp: Warp,
    block: Block,
    /// The next number to claim.
    head: u64,
    /// Batches of 32 dealt so far, so that successive calls begin with the next warp.
    dealt: u64,
    /// Messages dropped that no gap marker has reported.
    unreported: u64,
}

impl BlockProducer {
    /// The producer of a ring, going on where the one before paused.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made, [`Error::Version`] if a host of
    /// another layout version made it, [`Error::Launch`] if the block is not made of whole warps.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel. This block's producer is the
    /// only one that uses the ring and its state now. All threads of the block call all methods
    /// together, never some of them alone.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceRing) -> Result<Self, Error> {
        check_launch()?;
        // SAFETY: the warps are whole, and all lanes call together.
        let mut warp = unsafe { Warp::new() };
        // SAFETY: all threads call together.
        let block = unsafe { Block::new() };
        // SAFETY: the caller's contract.
        let link = unsafe { Link::new_warp(&handle, &mut warp) }?;
        let (head, unreported) = (link.state.head(), link.unreported(&mut warp));
        Ok(Self { link, warp, block, head, dealt: 0, unreported })
    }

    /// Sends the first `count` messages of `source`, waiting up to the ring's time limit.
    ///
    /// # Errors
    /// This thread's warp could not send its part. The error may differ between warps, and the
    /// stream is broken at the first message that was not sent: call [`finish`](Self::finish),
    /// which tells the consumer.
    #[inline(always)]
    pub fn produce_batch(&mut self, count: u64, source: &impl Source) -> Result<(), Error> {
        self.produce_batch_within(count, source, self.link.limit_ns)
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
        let (share, warps) = (u64::from(batch_size(&self.link)), u64::from(warps_per_block()));
        let (marker, unreported, dealt) = (self.head, self.unreported, self.dealt);
        // The whole batch and its gap marker count as claimed, sent or not: then all warps agree on
        // the head, whichever gives up.
        self.head = marker.wrapping_add(marker_and(unreported, count));
        self.dealt = dealt + count.div_ceil(share);
        self.unreported = 0;
        if unreported != 0 {
            self.report(marker, unreported, limit_ns)?;
        }
        let first = self.head.wrapping_sub(count);
        let mut index = (u64::from(warp_id()) + warps - dealt % warps) % warps * share;
        while index < count {
            let left = count - index;
            let asked = if left < share { left as u32 } else { share as u32 };
            let number = first.wrapping_add(index);
            let some = fitting(&mut self.warp, source, index, asked);
            let end = number.wrapping_add(u64::from(some));
            if let Err(error) = self.link.wait_credit(&mut self.warp, end, limit_ns) {
                return self.stop(number, error);
            }
            publish(&mut self.link, &mut self.warp, number, some, source, index);
            if some < asked {
                return self.stop(number.wrapping_add(u64::from(some)), Error::TooLong);
            }
            index += share * warps;
        }
        Ok(())
    }

    /// Sends all `count` messages if their slots are free now, or none: the block agrees first.
    ///
    /// # Errors
    /// [`Error::Full`], also if `count` exceeds the ring, [`Error::TooLong`],
    /// [`Error::ConsumerGone`] or [`Error::Corrupt`], the same for all threads; nothing was sent
    /// then, and the stream goes on.
    #[inline(always)]
    pub fn try_produce_batch(&mut self, count: u64, source: &impl Source) -> Result<(), Error> {
        if !self.block.all((0..count).all(|i| source.len(i) <= PAYLOAD_SIZE)) {
            return Err(Error::TooLong);
        }
        if count > self.link.ring.capacity() {
            return Err(Error::Full);
        }
        if self.unreported != 0 {
            self.agree(1)?;
            self.report_alone()?;
        }
        self.agree(count)?;
        self.produce_batch_within(count, source, 0)
    }

    /// Sends all `count` messages if their slots are free; if they are not, drops and counts all of
    /// them. Whether they were sent.
    ///
    /// The consumer learns in order how many are missing, by a gap marker that takes a slot of its
    /// own, ahead of the next batch that fits with it. (With a batch as long as the ring none does:
    /// then the marker goes alone, and this batch is dropped and counted for the next one.)
    ///
    /// # Errors
    /// [`Error::Full`] if `count` exceeds the ring, [`Error::TooLong`], [`Error::ConsumerGone`] or
    /// [`Error::Corrupt`], the same for all threads; nothing was sent or counted then.
    #[inline(always)]
    pub fn produce_batch_or_drop(&mut self, count: u64, source: &impl Source) -> Result<bool, Error> {
        if !self.block.all((0..count).all(|i| source.len(i) <= PAYLOAD_SIZE)) {
            return Err(Error::TooLong);
        }
        let capacity = self.link.ring.capacity();
        if count > capacity {
            return Err(Error::Full);
        }
        let plan = match self.agree(Plan::slots_or_drop(capacity, self.unreported, count)) {
            Ok(()) => Plan::with_room(capacity, self.unreported, count),
            Err(Error::Full) => Plan::Nothing,
            Err(error) => return Err(error),
        };
        if matches!(plan, Plan::Send | Plan::MarkThenSend) {
            return self.produce_batch_within(count, source, 0).map(|()| true);
        }
        self.unreported += count;
        if thread_rank() == 0 {
            self.link.state.add_dropped(count);
        }
        if matches!(plan, Plan::MarkOnly) {
            self.report_alone()?;
        }
        Ok(false)
    }

    /// Leaves the stream open for a later kernel.
    #[inline(always)]
    pub fn pause(mut self) {
        self.store_place();
        if thread_rank() == 0 {
            self.link.leave_open();
        }
    }

    /// Ends the stream; if some warp gave up, before the first message that was not sent, and with
    /// the reason.
    #[inline(always)]
    pub fn finish(mut self) {
        self.store_place();
        if thread_rank() == 0 {
            self.link.close();
        }
    }

    /// The warp's token, for operations of the kernel's own: all lanes are here, by the contract of
    /// the constructor.
    #[inline(always)]
    pub fn warp(&mut self) -> &mut Warp {
        &mut self.warp
    }

    /// The block's token, for barriers of the kernel's own.
    #[inline(always)]
    pub fn block(&mut self) -> &mut Block {
        &mut self.block
    }

    /// Whether the slots of the next `count` messages are free: the same answer for all threads.
    #[inline(always)]
    fn agree(&mut self, count: u64) -> Result<(), Error> {
        let free = self.link.wait_credit(&mut self.warp, self.head.wrapping_add(count), 0);
        if self.block.all(free.is_ok()) {
            return Ok(());
        }
        // Warps may have found different things; the block reports one, the most final.
        for error in [Error::Corrupt, Error::ConsumerGone] {
            if !self.block.all(free != Err(error)) {
                return Err(error);
            }
        }
        Err(Error::Full)
    }

    /// Publishes the marker of what was dropped as the next message, whose slot the block has
    /// agreed to be free.
    #[inline(always)]
    fn report_alone(&mut self) -> Result<(), Error> {
        let (marker, unreported) = (self.head, self.unreported);
        self.head = marker.wrapping_add(1);
        self.unreported = 0;
        self.report(marker, unreported, 0)
    }

    /// The first warp publishes a gap marker as message `number`, which the block has claimed, when
    /// its slot is free.
    #[inline(always)]
    fn report(&mut self, number: u64, dropped: u64, limit_ns: u64) -> Result<(), Error> {
        if warp_id() == 0 {
            if let Err(error) = self.link.wait_credit(&mut self.warp, number.wrapping_add(1), limit_ns) {
                return self.stop(number, error);
            }
            self.link.publish_gap_marker(&mut self.warp, number, dropped);
        }
        Ok(())
    }

    #[inline(always)]
    fn stop(&self, number: u64, error: Error) -> Result<(), Error> {
        if lane_id() == 0 {
            self.link.give_up(number, error);
        }
        Err(error)
    }

    /// Leaves all that a later producer, or `close`, needs.
    #[inline(always)]
    fn store_place(&mut self) {
        self.link.add_counts();
        // A warp that has nothing to send gets here while others still read where to begin.
        self.block.sync();
        if thread_rank() == 0 {
            let state = self.link.state.words();
            state.head.store(self.head, Ordering::Relaxed);
            state.unreported.store(self.unreported, Ordering::Relaxed);
        }
        self.block.sync();
    }
}
