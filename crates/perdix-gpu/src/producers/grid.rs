//! A whole grid.

use perdix_core::DeviceRing;
use perdix_core::policy::{Plan, marker_and};

use super::check_launch;
use super::converged::{Claim, ConvergedProducer};
use crate::error::Error;
use crate::intrinsics::{Warp, blocks, device_fence, lane_id, warps_per_block};
use crate::link::Link;

/// The bit beside a claim's error code that says whether the first number is for a gap marker.
const GAP: u32 = 16;

/// What a warp that pauses adds to the count of warps that have ended, which is always less.
const PAUSED: u64 = 1 << 48;

/// Sends messages from one of any number of warps that share a ring, each with a producer of its
/// own.
///
/// Warps claim message numbers from a ticket in device memory, so their messages interleave; a
/// batch of up to 32 stays together. A claimed number must be sent, or everything after it is lost:
/// should a warp give up, the stream ends there.
pub type GridProducer = ConvergedProducer<Ticket>;

/// Message numbers of a grid's producers: each claims them with an atomic addition in device
/// memory.
#[derive(Debug)]
pub struct Ticket {
    /// Warps that must finish before the stream ends.
    warps: u64,
}

impl GridProducer {
    /// This warp's producer. All warps of the launch make one, and each calls
    /// [`finish`](Self::finish) (or [`pause`](Self::pause)).
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made, [`Error::Version`] if a host of
    /// another layout version made it, [`Error::Launch`] if blocks are not made of whole warps.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel. Only this launch's grid
    /// producers use the ring and its state now. All lanes of a warp call all methods together,
    /// never some of them alone.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceRing) -> Result<Self, Error> {
        // SAFETY: the caller's contract.
        unsafe { Self::new_among(handle, blocks() * u64::from(warps_per_block())) }
    }

    /// This warp's producer on a ring that `warps` warps of the launch share, and the others leave
    /// alone: the stream ends when so many have finished. A [`Shard`](crate::Shard) knows how many
    /// they are.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Launch`] also if `warps` is 0 or not below 2^48.
    ///
    /// # Safety
    /// As [`new`](Self::new), and all these warps say the same number.
    #[inline(always)]
    pub unsafe fn new_among(handle: DeviceRing, warps: u64) -> Result<Self, Error> {
        check_launch()?;
        if warps == 0 || warps >= PAUSED {
            return Err(Error::Launch);
        }
        // SAFETY: the warps are whole, and all lanes call together.
        let mut warp = unsafe { Warp::new() };
        // SAFETY: the caller's contract.
        let link = unsafe { Link::new_warp(&handle, &mut warp) }?;
        Ok(Self { link, warp, claim: Ticket { warps } })
    }

    /// Leaves the stream open for a later kernel. Every warp calls this or
    /// [`finish`](Self::finish); one that pauses is enough.
    #[inline(always)]
    pub fn pause(self) {
        self.end(PAUSED);
    }

    /// This warp has sent all its messages; when every warp of the launch has, the stream ends.
    #[inline(always)]
    pub fn finish(self) {
        self.end(0);
    }

    #[inline(always)]
    fn end(mut self, paused: u64) {
        self.link.add_counts();
        self.warp.sync();
        if lane_id() == 0 {
            let state = self.link.state;
            // Everything that this warp claimed and counted comes before its being counted as
            // finished.
            device_fence();
            let ended = state.count_ended(1 + paused);
            if ended % PAUSED == self.claim.warps {
                if ended < PAUSED {
                    self.link.close();
                } else {
                    // A warp that began late has taken back what an earlier one said, so only the
                    // last one can say it.
                    device_fence();
                    self.link.leave_open();
                }
                state.reset_ended();
            }
        }
    }
}

impl Ticket {
    /// Claims `count` numbers, unless some warp has given up; and one more ahead of them for a gap
    /// marker, if one is due.
    #[inline(always)]
    fn claim(&self, link: &Link, warp: &mut Warp, count: u32) -> Result<(u64, bool), Error> {
        let (mut number, mut code) = (0, 0);
        if lane_id() == 0 {
            let unreported = link.state.unreported();
            if link.state.has_failed() {
                code = Error::Stopped as u32;
            } else {
                number = link.state.claim(marker_and(unreported, count.into()));
                code = u32::from(unreported != 0) << GAP;
            }
        }
        let code = warp.shuffle(code, 0);
        Error::from_code(code & !(1 << GAP))?;
        Ok((warp.shuffle_u64(number, 0), code != 0))
    }

    /// Waits for the slots of numbers that this warp has claimed, or ends the stream there.
    #[inline(always)]
    fn wait_claimed(
        &self,
        link: &mut Link,
        warp: &mut Warp,
        number: u64,
        count: u32,
        limit_ns: u64,
    ) -> Result<(), Error> {
        let result = link.wait_credit(warp, number.wrapping_add(u64::from(count)), limit_ns);
        if let Err(error) = result {
            if lane_id() == 0 {
                link.give_up(number, error);
            }
        }
        result
    }

    /// Publishes the marker of all that was dropped until now as message `number`, which is claimed
    /// and whose slot is free. It may report nothing, when another warp has just reported all.
    #[inline(always)]
    fn mark(&self, link: &Link, warp: &mut Warp, number: u64) {
        let mut dropped = 0;
        if lane_id() == 0 {
            // The number was claimed before the count is taken: a warp that sees no gap any more
            // claims a later one.
            device_fence();
            dropped = link.state.take_unreported();
        }
        link.publish_gap_marker(warp, number, dropped);
    }

    /// Claims one number whose slot is free; `or_drop`: if there is none, counts a message as
    /// dropped, `None`. Dropped messages are reported first.
    #[inline(always)]
    fn claim_free(&self, link: &mut Link, warp: &mut Warp, or_drop: bool) -> Result<Option<u64>, Error> {
        let capacity = link.ring.capacity();
        loop {
            if warp.shuffle(u32::from(link.state.has_failed()), 0) != 0 {
                return Err(Error::Stopped);
            }
            let unreported = link.unreported(warp);
            let number = warp.shuffle_u64(link.state.head(), 0);
            let needed = if or_drop { Plan::slots_or_drop(capacity, unreported, 1) } else { 1 };
            if let Err(error) = link.wait_credit(warp, number.wrapping_add(needed), 0) {
                // Once others have claimed and sent the number, the consumer may be beyond it,
                // which looks full or corrupt.
                if warp.shuffle_u64(link.state.head(), 0) != number {
                    continue;
                }
                if error == Error::Full && or_drop {
                    drop_one(link, warp);
                    return Ok(None);
                }
                return Err(error);
            }
            let won = lane_id() == 0 && link.state.try_claim(number);
            if warp.shuffle(u32::from(won), 0) == 0 {
                continue;
            }
            if unreported == 0 {
                return Ok(Some(number));
            }
            // The marker takes the only slot of such a ring: the message is missing too.
            let is_alone = or_drop && matches!(Plan::with_room(capacity, unreported, 1), Plan::MarkOnly);
            if is_alone {
                drop_one(link, warp);
            }
            self.mark(link, warp, number);
            if is_alone {
                return Ok(None);
            }
        }
    }
}

impl Claim for Ticket {
    #[inline(always)]
    fn wait(&mut self, link: &mut Link, warp: &mut Warp, count: u32, limit_ns: u64) -> Result<u64, Error> {
        let (mut number, has_gap) = self.claim(link, warp, count)?;
        if has_gap {
            self.wait_claimed(link, warp, number, 1, limit_ns)?;
            self.mark(link, warp, number);
            number = number.wrapping_add(1);
        }
        self.wait_claimed(link, warp, number, count, limit_ns)?;
        Ok(number)
    }

    #[inline(always)]
    fn now(&mut self, link: &mut Link, warp: &mut Warp) -> Result<u64, Error> {
        self.claim_free(link, warp, false)?.ok_or(Error::Full)
    }

    #[inline(always)]
    fn or_drop(&mut self, link: &mut Link, warp: &mut Warp) -> Result<Option<u64>, Error> {
        self.claim_free(link, warp, true)
    }
}

/// Counts a message as dropped.
#[inline(always)]
fn drop_one(link: &Link, warp: &mut Warp) {
    if lane_id() == 0 {
        link.state.count_dropped(1);
    }
    // All lanes' later looks at the count come after.
    warp.sync();
}
