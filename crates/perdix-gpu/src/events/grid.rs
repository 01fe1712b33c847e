//! Events from any thread of a grid, each by itself.

use core::sync::atomic::Ordering;

use perdix_core::events::{EVENT_KIND, Level, Scope};
use perdix_core::policy::{Plan, batch, claimants_margin};
use perdix_core::{DeviceRing, Meta, Mode, sentinel};

use super::{Draft, EventSink};
use crate::error::Error;
use crate::intrinsics::{blocks, device_fence, threads_per_block};
use crate::link::Link;
use crate::stores::{store_chunk, store_last};

/// A ring for the events of a kernel: every thread logs by itself, wherever its control flow has
/// taken it, with [`event!`](crate::event).
///
/// The ring is for the events of this launch alone. A full ring drops and counts events, and stalls
/// nobody; events that must not be missed make it [wait](Self::waiting). Messages of one thread
/// come in its order, those of several as they were claimed.
///
/// When the kernel ends the stream stays open for the next one, unless all its threads call
/// [`finish`](Self::finish).
#[derive(Debug)]
pub struct Events {
    link: Link,
    /// The least important level that is sent.
    level: Level,
    waits: bool,
}

impl Events {
    /// This thread's end of the ring. Every event is sent, down to `TRACE`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made, [`Error::Version`] if a host of
    /// another layout version made it.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel. Only the `Events` of this
    /// launch's threads, one each, use the ring and its state now.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceRing) -> Result<Self, Error> {
        // SAFETY: the caller's contract.
        let link = unsafe { Link::new(&handle) }?;
        // Threads may end where they like, and others may log later.
        link.state.set_paused(true);
        Ok(Self { link, level: Level::Trace, waits: false })
    }

    /// Sends events of this level and the more important ones; the others cost a comparison.
    #[must_use]
    #[inline(always)]
    pub fn up_to(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// Waits for room, up to the ring's time limit, rather than drop an event. A consumer that
    /// stalls then stalls the kernel.
    #[must_use]
    #[inline(always)]
    pub fn waiting(self) -> Self {
        Self { waits: true, ..self }
    }

    /// This thread logs no more; when all threads of the launch have said so, the stream ends.
    #[inline(always)]
    pub fn finish(mut self) {
        self.link.add_counts();
        // Everything that this thread claimed and counted comes before its being counted as
        // finished.
        device_fence();
        if self.link.state.count_ended(1) == threads() {
            self.link.close();
            self.link.state.reset_ended();
        }
    }

    /// Claims a number: its slot is free. `None` if there is none, and the event was counted as
    /// dropped.
    #[inline(always)]
    fn claim(&mut self) -> Result<Option<u64>, Error> {
        if self.link.state.has_failed() {
            return Err(Error::Stopped);
        }
        if self.waits {
            let number = self.link.state.claim(1);
            return self.wait_claimed(number).map(|()| Some(number));
        }
        if self.link.state.unreported() != 0 && !self.report()? {
            self.link.state.count_dropped(1);
            return Ok(None);
        }
        let number = self.claim_free(1)?;
        if number.is_none() {
            self.link.state.count_dropped(1);
        }
        Ok(number)
    }

    /// Claims the next number if it and the `needed - 1` behind it have free slots.
    #[inline(always)]
    fn claim_free(&mut self, needed: u64) -> Result<Option<u64>, Error> {
        // Where the ring has room for all threads at a time, that room is kept free: then a thread
        // that finds a slot beyond it may claim without a look at what the others do meanwhile,
        // since each claims one number at most before it looks again. As much again is for use, and
        // never less than a gap marker and an event need.
        let margin = claimants_margin(self.link.ring.capacity(), threads());
        loop {
            let number = self.link.state.head();
            let is_free = self.link.try_credit(number.wrapping_add(needed).wrapping_add(margin))?;
            if margin != 0 {
                if !is_free {
                    return Ok(None);
                }
                let number = self.link.state.claim(1);
                // Threads that claim without looking, because they wait, may have taken the room.
                self.wait_claimed(number)?;
                return Ok(Some(number));
            }
            if is_free {
                if self.link.state.try_claim(number) {
                    return Ok(Some(number));
                }
            } else if self.link.state.head() == number {
                return Ok(None);
            }
        }
    }

    /// Waits for the slot of a number that this thread has claimed, or ends the stream there.
    #[inline(always)]
    fn wait_claimed(&mut self, number: u64) -> Result<(), Error> {
        let waited = self.link.wait_credit_alone(number.wrapping_add(1));
        if let Err(error) = waited {
            self.link.give_up(number, error);
        }
        waited
    }

    /// Publishes the marker of what was dropped, if nobody else does and there is room for it and
    /// an event; whether there is nothing more to report.
    #[inline(always)]
    fn report(&mut self) -> Result<bool, Error> {
        let state = self.link.state;
        let reporting = &state.words().reporting_gap;
        if reporting.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return Ok(false);
        }
        let claimed = self.claim_free(Plan::slots_or_drop(self.link.ring.capacity(), 1, 1));
        if let Ok(Some(number)) = claimed {
            // The number was claimed before the count is taken: who sees no gap any more claims a
            // later one.
            device_fence();
            self.link.publish_gap_marker_alone(number, state.take_unreported());
        }
        // After the taking, so that the next one to report takes what came later.
        device_fence();
        reporting.store(0, Ordering::Relaxed);
        claimed.map(|number| number.is_some())
    }

    /// Publishes an event as message `number`, which is claimed and whose slot is free.
    #[inline(always)]
    fn publish<const N: usize>(&mut self, number: u64, event: &Draft<N>) {
        // SAFETY: the number is claimed, and its slot is free.
        let (slot, head) = (unsafe { self.link.ring.slot(number) }, event.head(Scope::Thread, N));
        let len = Draft::<N>::LEN;
        let meta = Meta::new(len, 0, EVENT_KIND);
        match self.link.ring.mode() {
            Mode::FenceFree => {
                sentinel::publish_chunks(slot, number, meta, |chunk| event.chunk(head, chunk));
            }
            Mode::Fenced => {
                for chunk in 0..len.div_ceil(16) {
                    store_chunk(slot.chunk16(chunk as u32 + 1), event.chunk(head, chunk));
                }
                slot.meta.store(meta.word(), Ordering::Relaxed);
                // pairs with the Acquire loads of seq in Consumer::acquire_batch and Consumer::peek
                store_last(&slot.seq, batch::published(number), Ordering::Release);
            }
        }
        self.link.count(1, len as u64, 0);
    }
}

impl EventSink for Events {
    #[inline(always)]
    fn send_event<const N: usize>(&mut self, level: Level, event: &Draft<N>) -> bool {
        if level > self.level {
            return false;
        }
        match self.claim() {
            Ok(Some(number)) => {
                self.publish(number, event);
                true
            }
            Ok(None) | Err(_) => false,
        }
    }
}

/// Threads of the launch.
#[inline(always)]
fn threads() -> u64 {
    blocks() * u64::from(threads_per_block())
}
