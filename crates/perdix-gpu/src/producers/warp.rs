//! One warp.

use core::sync::atomic::Ordering;

use perdix_core::DeviceRing;
use perdix_core::policy::Plan;

use super::check_launch;
use super::converged::{Claim, ConvergedProducer};
use crate::error::{BatchError, Error};
use crate::intrinsics::{Warp, lane_id};
use crate::link::Link;
use crate::source::Source;

/// Sends messages from one warp, the ring's only producer. Messages come in the order of the calls.
pub type WarpProducer = ConvergedProducer<OwnHead>;

/// Message numbers of a producer that is alone on its ring: the next one is its own to take.
///
/// While messages that were dropped are unreported, no credit is known.
#[derive(Debug)]
pub struct OwnHead {
    /// The next message; its slot may be in use.
    head: u64,
}

impl WarpProducer {
    /// The producer of a ring, going on where the one before paused.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made, [`Error::Version`] if a host of
    /// another layout version made it, [`Error::Launch`] if the block is not made of whole warps.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel. This warp's producer is the
    /// only one that uses the ring and its state now. All lanes of the warp call all methods
    /// together, never some of them alone.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceRing) -> Result<Self, Error> {
        check_launch()?;
        // SAFETY: the warps are whole, and all lanes call together.
        let mut warp = unsafe { Warp::new() };
        // SAFETY: the caller's contract.
        let mut link = unsafe { Link::new_warp(&handle, &mut warp) }?;
        let head = link.state.head();
        if link.unreported(&mut warp) != 0 {
            link.forget_credit(head);
        }
        Ok(Self { link, warp, claim: OwnHead { head } })
    }

    /// [`produce`](Self::produce) with another time limit, in nanoseconds.
    ///
    /// # Errors
    /// As [`produce`](Self::produce); [`Error::Full`] if the limit is 0.
    #[inline(always)]
    pub fn produce_within(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2] + Sync,
        limit_ns: u64,
    ) -> Result<(), Error> {
        self.produce_until(kind, len, make, limit_ns)
    }

    /// [`produce_batch`](Self::produce_batch) with another time limit, in nanoseconds.
    ///
    /// # Errors
    /// As [`produce_batch`](Self::produce_batch).
    #[inline(always)]
    pub fn produce_batch_within(
        &mut self,
        count: u64,
        source: &impl Source,
        limit_ns: u64,
    ) -> Result<(), BatchError> {
        self.produce_batch_until(count, source, limit_ns)
    }

    /// Leaves the stream open for a later kernel.
    #[inline(always)]
    pub fn pause(mut self) {
        self.store_place();
        if lane_id() == 0 {
            self.link.leave_open();
        }
    }

    /// Ends the stream.
    #[inline(always)]
    pub fn finish(mut self) {
        self.store_place();
        if lane_id() == 0 {
            self.link.close();
        }
    }

    /// Ends the stream and tells the consumer why it ends early.
    #[inline(always)]
    pub fn fail(mut self, error: Error) {
        self.store_place();
        if lane_id() == 0 {
            self.link.give_up(self.claim.head, error);
            self.link.close();
        }
    }

    /// Leaves all that a later producer, or `close`, needs.
    #[inline(always)]
    fn store_place(&mut self) {
        self.link.add_counts();
        if lane_id() == 0 {
            self.link.state.words().head.store(self.claim.head, Ordering::Relaxed);
        }
        self.warp.sync();
    }
}

impl OwnHead {
    /// The next `count` numbers, whose slots are free.
    #[inline(always)]
    fn take(&mut self, count: u32) -> u64 {
        let first = self.head;
        self.head = first.wrapping_add(u64::from(count));
        first
    }

    /// Waits until the slots of the next `count` messages are free; the marker of dropped ones goes
    /// first.
    #[inline(always)]
    fn wait_room(
        &mut self,
        link: &mut Link,
        warp: &mut Warp,
        count: u32,
        limit_ns: u64,
    ) -> Result<(), Error> {
        let end = self.head.wrapping_add(u64::from(count));
        if link.credit().covers(end) {
            return Ok(());
        }
        let unreported = link.unreported(warp);
        if unreported != 0 {
            link.wait_credit(warp, self.head.wrapping_add(1), limit_ns)?;
            self.mark(link, warp, unreported);
        }
        link.wait_credit(warp, self.head.wrapping_add(u64::from(count)), limit_ns)
    }

    /// Publishes a gap marker into the next slot, which is free.
    #[inline(always)]
    fn mark(&mut self, link: &Link, warp: &mut Warp, dropped: u64) {
        link.publish_gap_marker(warp, self.take(1), dropped);
        if lane_id() == 0 {
            link.state.words().unreported.store(0, Ordering::Relaxed);
        }
    }

    /// Counts a message as dropped.
    #[inline(always)]
    fn drop_one(&self, link: &Link) {
        if lane_id() == 0 {
            link.state.count_dropped(1);
        }
    }
}

impl Claim for OwnHead {
    #[inline(always)]
    fn wait(&mut self, link: &mut Link, warp: &mut Warp, count: u32, limit_ns: u64) -> Result<u64, Error> {
        self.wait_room(link, warp, count, limit_ns)?;
        Ok(self.take(count))
    }

    #[inline(always)]
    fn now(&mut self, link: &mut Link, warp: &mut Warp) -> Result<u64, Error> {
        self.wait(link, warp, 1, 0)
    }

    #[inline(always)]
    fn or_drop(&mut self, link: &mut Link, warp: &mut Warp) -> Result<Option<u64>, Error> {
        if link.credit().covers(self.head.wrapping_add(1)) {
            return Ok(Some(self.take(1)));
        }
        let (capacity, unreported) = (link.ring.capacity(), link.unreported(warp));
        let needed = Plan::slots_or_drop(capacity, unreported, 1);
        match link.wait_credit(warp, self.head.wrapping_add(needed), 0) {
            Ok(()) => {}
            Err(Error::Full) => {
                self.drop_one(link);
                link.forget_credit(self.head);
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        match Plan::with_room(capacity, unreported, 1) {
            Plan::Send | Plan::Nothing => {}
            Plan::MarkThenSend => self.mark(link, warp, unreported),
            // The marker takes the only slot: this message is missing too.
            Plan::MarkOnly => {
                self.drop_one(link);
                self.mark(link, warp, unreported + 1);
                return Ok(None);
            }
        }
        Ok(Some(self.take(1)))
    }
}
