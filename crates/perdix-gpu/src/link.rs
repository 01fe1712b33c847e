//! What every device producer has: the ring, the shared state, and its credit.

mod credit;
mod end;
mod gap;
mod wait;

pub(crate) use credit::Prefetch;
use perdix_core::policy::Credit;
use perdix_core::{DeviceRing, Ring};

use crate::error::Error;
use crate::intrinsics::Warp;
use crate::state::State;

/// One producer's end of the link.
#[derive(Debug)]
pub struct Link {
    pub(crate) ring: Ring,
    pub(crate) state: State,
    pub(crate) limit_ns: u64,
    /// A tail that the consumer has reached.
    tail: u64,
    messages: u64,
    bytes: u64,
    full: u64,
}

impl Link {
    /// # Safety
    /// The handle was made by a host for a ring that outlives this producer.
    #[inline(always)]
    pub(crate) unsafe fn new(handle: &DeviceRing) -> Result<Self, Error> {
        // Asked by itself: an error with the version in it would cost every kernel registers.
        if !handle.is_current() {
            return Err(Error::Version);
        }
        // SAFETY: the caller's contract.
        let ring = unsafe { handle.ring() }.map_err(|_| Error::Corrupt)?;
        // SAFETY: as above.
        let Some(state) = (unsafe { State::new(handle.state) }) else { return Err(Error::Corrupt) };
        let limit_ns = handle.limit_ns;
        let link = Self { ring, state, limit_ns, tail: state.tail(), messages: 0, bytes: 0, full: 0 };
        // Earlier kernels' pauses say nothing about how this one ends.
        state.set_paused(false);
        Ok(link)
    }

    /// [`new`](Self::new) for a whole warp: other warps may be moving the shared tail, and lanes
    /// that began with different ones would disagree later on who has to wait.
    ///
    /// # Safety
    /// As [`new`](Self::new).
    #[inline(always)]
    pub(crate) unsafe fn new_warp(handle: &DeviceRing, warp: &mut Warp) -> Result<Self, Error> {
        // SAFETY: the caller's contract.
        let mut link = unsafe { Self::new(handle) }?;
        link.tail = warp.shuffle_u64(link.tail, 0);
        warp.sync();
        Ok(link)
    }

    /// What this producer knows of free slots.
    #[inline(always)]
    pub(crate) fn credit(&self) -> Credit {
        Credit::new(self.ring.capacity(), self.tail)
    }

    /// Forgets what is known of free slots, so that a producer whose next message is `head` asks
    /// again, and reports what it dropped first.
    #[inline(always)]
    pub(crate) fn forget_credit(&mut self, head: u64) {
        self.tail = Credit::none(self.ring.capacity(), head).tail();
    }

    /// Counts what this thread answers for.
    #[inline(always)]
    pub(crate) fn count(&mut self, messages: u64, bytes: u64, full: u64) {
        self.messages += messages;
        self.bytes += bytes;
        self.full += full;
    }
}
