//! A whole grid.

use core::sync::atomic::Ordering;

use perdix_core::{DeviceRing, PAYLOAD_SIZE};

use super::{check_launch, chunk};
use crate::error::{Error, Partial};
use crate::gap::tell;
use crate::intrinsics::{
    WARP_SIZE, blocks, device_add, device_fence, device_take, lane_id, shuffle, shuffle_u64, sync_warp,
    warps_per_block,
};
use crate::link::Link;
use crate::packer::PackInto;
use crate::source::{Made, Source};
use crate::write::{fitting, publish};

/// The bit beside a claim's error code that says whether the first number is for the notice of a gap.
const GAP: u32 = 16;

/// What a warp that pauses adds to the count of warps that have ended, which is always less.
const PAUSED: u64 = 1 << 48;

/// Sends messages from any number of warps at once, each warp with a producer of its own whose methods its 32 lanes call
/// together.
///
/// Warps claim message numbers from a ticket in device memory, so their messages interleave; a batch of up to 32 stays together.
/// A claimed number must be sent, or everything after it is lost: should a warp give up, the stream ends there.
#[derive(Debug)]
pub struct GridProducer {
    link: Link,
    /// Warps that must finish before the stream ends.
    warps: u64,
}

impl GridProducer {
    /// This warp's producer. All warps of the launch make one, and each calls [`finish`](Self::finish) (or [`pause`](Self::pause)).
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made, [`Error::Launch`] if blocks are not made of whole warps.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel; only this launch's grid producers use the ring now, and all
    /// lanes of a warp call all methods together.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceRing) -> Result<Self, Error> {
        // SAFETY: the caller's contract.
        unsafe { Self::new_among(handle, blocks() * u64::from(warps_per_block())) }
    }

    /// This warp's producer on a ring that `warps` warps of the launch share, and the others leave alone: the stream ends when
    /// so many have finished. A [`Shard`](crate::Shard) knows how many they are.
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
        // SAFETY: the caller's contract.
        let link = unsafe { Link::new_warp(&handle) }?;
        Ok(Self { link, warps })
    }

    /// Sends one message of `len` bytes (up to 240), waiting up to the ring's time limit; the lane that stores bytes `16 * piece`
    /// to `16 * piece + 16` calls `make(piece)` for them.
    ///
    /// # Errors
    /// [`Error::TooLong`]: nothing was claimed. [`Error::TimedOut`], [`Error::ConsumerGone`], [`Error::Corrupt`] or
    /// [`Error::Stopped`]: the stream ends before this message, for all warps.
    #[inline(always)]
    pub fn produce(&mut self, kind: u16, len: usize, make: impl Fn(usize) -> [u64; 2]) -> Result<(), Error> {
        if len > PAYLOAD_SIZE {
            return Err(Error::TooLong);
        }
        let source = Made::new(len, kind, |_, piece| make(piece));
        self.send_some(1, &source, 0, self.link.limit_ns())
    }

    /// Sends one message if a slot is free.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::TooLong`], [`Error::ConsumerGone`] or [`Error::Corrupt`]; nothing was claimed, and the stream
    /// goes on. [`Error::Stopped`] when another warp has ended it.
    #[inline(always)]
    pub fn try_produce(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2],
    ) -> Result<(), Error> {
        if len > PAYLOAD_SIZE {
            return Err(Error::TooLong);
        }
        let number = self.claim_free(false)?.ok_or(Error::Full)?;
        self.publish(number, 1, &Made::new(len, kind, |_, piece| make(piece)), 0);
        Ok(())
    }

    /// Sends one message if a slot is free; if the ring is full, drops and counts it. Whether it was sent. The consumer learns how many
    /// the warps have dropped by notices, ahead of the messages that they send afterwards. A notice takes a slot of its own: after a drop
    /// messages are dropped until two slots are free.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::ConsumerGone`] or [`Error::Corrupt`]; nothing was claimed or counted, and the stream goes on.
    /// [`Error::Stopped`] when another warp has ended it.
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
        let Some(number) = self.claim_free(true)? else { return Ok(false) };
        self.publish(number, 1, &Made::new(len, kind, |_, piece| make(piece)), 0);
        Ok(true)
    }

    /// Sends the first `count` messages of `source`, 32 (one claim, one fence) at a time.
    ///
    /// # Errors
    /// [`Partial`] with the messages that were sent. After [`Error::TooLong`] the stream goes on; after others it has ended.
    #[inline(always)]
    pub fn produce_batch(&mut self, count: u64, source: &impl Source) -> Result<(), Partial> {
        let chunk = chunk(&self.link);
        let mut sent = 0;
        while sent < count {
            let left = count - sent;
            let asked = if left < u64::from(chunk) { left as u32 } else { chunk };
            let some = fitting(source, sent, asked);
            self.send_some(some, source, sent, self.link.limit_ns())
                .map_err(|error| Partial { sent, error })?;
            sent += u64::from(some);
            if some < asked {
                return Err(Partial { sent, error: Error::TooLong });
            }
        }
        Ok(())
    }

    /// Leaves the stream open for a later kernel. Every warp calls this or [`finish`](Self::finish); one that pauses is enough.
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
        self.link.settle_counts();
        sync_warp();
        if lane_id() == 0 {
            // Everything that this warp claimed and counted comes before its being counted as finished.
            device_fence();
            let ended = device_add(&self.link.state().finished, 1 + paused) + 1 + paused;
            if ended % PAUSED == self.warps {
                if ended < PAUSED {
                    self.link.close();
                } else {
                    // A warp that began late has taken back what an earlier one said, so only the last one can say it.
                    device_fence();
                    self.link.leave_open();
                }
                // The next launch counts afresh.
                self.link.state().finished.store(0, Ordering::Relaxed);
            }
        }
    }

    #[inline(always)]
    fn send_some(
        &mut self,
        count: u32,
        source: &impl Source,
        index: u64,
        limit_ns: u64,
    ) -> Result<(), Error> {
        if count == 0 {
            return Ok(());
        }
        let (mut number, has_gap) = self.claim(count)?;
        if has_gap {
            self.wait_claimed(number, 1, limit_ns)?;
            self.tell(number);
            number = number.wrapping_add(1);
        }
        self.wait_claimed(number, count, limit_ns)?;
        self.publish(number, count, source, index);
        Ok(())
    }

    /// Waits for the slots of numbers that this warp has claimed, or ends the stream there. Converged.
    #[inline(always)]
    fn wait_claimed(&mut self, number: u64, count: u32, limit_ns: u64) -> Result<(), Error> {
        let result = self.link.wait_warp(number.wrapping_add(u64::from(count)), limit_ns);
        if let Err(error) = result {
            if lane_id() == 0 {
                self.link.give_up(number, error);
            }
        }
        result
    }

    /// Claims `count` numbers, unless some warp has given up; and one more ahead of them if messages were dropped, for the notice of
    /// that. Converged.
    #[inline(always)]
    fn claim(&mut self, count: u32) -> Result<(u64, bool), Error> {
        let (mut number, mut code) = (0, 0);
        if lane_id() == 0 {
            let has_gap = u32::from(self.link.state().gap.load(Ordering::Relaxed) != 0);
            if self.link.has_failed() {
                code = Error::Stopped as u32;
            } else {
                number = device_add(&self.link.state().head, u64::from(count + has_gap));
                code = has_gap << GAP;
            }
        }
        let code = shuffle(code, 0);
        Error::from_code(code & !(1 << GAP))?;
        Ok((shuffle_u64(number, 0), code != 0))
    }

    /// Publishes the notice of all that was dropped until now as message `number`, which is claimed and whose slot is free. It may tell
    /// of nothing, when another warp has just told of all. Converged.
    #[inline(always)]
    fn tell(&mut self, number: u64) {
        let mut dropped = 0;
        if lane_id() == 0 {
            // The number was claimed before the count is taken: a warp that sees no gap any more claims a later one.
            device_fence();
            dropped = device_take(&self.link.state().gap);
        }
        tell(&self.link.ring, number, dropped);
    }

    /// Claims one number whose slot is free; `or_drop`: if there is none, counts a message as dropped, `None`. Dropped messages are told of
    /// first. Converged.
    #[inline(always)]
    fn claim_free(&mut self, or_drop: bool) -> Result<Option<u64>, Error> {
        let is_single = self.link.ring.capacity() == 1;
        loop {
            if shuffle(u32::from(self.link.has_failed()), 0) != 0 {
                return Err(Error::Stopped);
            }
            let has_gap = self.link.gap() != 0;
            let number = shuffle_u64(self.link.head(), 0);
            // A consumer that frees one slot at a time would otherwise get nothing but notices.
            let needed = if has_gap && or_drop && !is_single { 2 } else { 1 };
            if let Err(error) = self.link.wait_warp(number.wrapping_add(needed), 0) {
                // Once others have claimed and sent the number, the consumer may be beyond it, which looks full or corrupt.
                if shuffle_u64(self.link.head(), 0) != number {
                    continue;
                }
                if error == Error::Full && or_drop {
                    self.count_dropped();
                    return Ok(None);
                }
                return Err(error);
            }
            let mut won = 0;
            if lane_id() == 0 {
                let next = number.wrapping_add(1);
                let head = &self.link.state().head;
                won = u32::from(
                    head.compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed).is_ok(),
                );
            }
            if shuffle(won, 0) == 0 {
                continue;
            }
            if !has_gap {
                return Ok(Some(number));
            }
            // The notice takes the only slot of such a ring: the message is missing too.
            if or_drop && is_single {
                self.count_dropped();
            }
            self.tell(number);
            if or_drop && is_single {
                return Ok(None);
            }
        }
    }

    #[inline(always)]
    fn count_dropped(&self) {
        if lane_id() == 0 {
            self.link.count_dropped(1);
        }
        // All lanes' later looks at the count come after.
        sync_warp();
    }

    #[inline(always)]
    fn publish(&mut self, number: u64, count: u32, source: &impl Source, index: u64) {
        debug_assert!(count <= WARP_SIZE);
        publish(&mut self.link, number, count, source, index);
    }
}

impl PackInto for GridProducer {
    #[inline(always)]
    fn slots(&self) -> u64 {
        self.link.ring.capacity()
    }

    #[inline(always)]
    fn send(&mut self, count: u64, source: &impl Source) -> Result<(), Partial> {
        self.produce_batch(count, source)
    }
}
