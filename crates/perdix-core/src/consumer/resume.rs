//! A consumer in the place of one that is no more.

use core::sync::atomic::Ordering;

use super::Consumer;
use crate::config::{AttachError, Config};
use crate::mode::Mode;
use crate::policy::recovery::Place;
use crate::ring::Ring;
use crate::sentinel;
use crate::slot::PAYLOAD_SIZE;
use crate::word::Word;

impl<W: Word> Consumer<W> {
    /// A consumer that goes on with message `next`: everything before it was taken and recycled,
    /// and the tail says so. `messages` and `bytes` were taken so far, gaps of `dropped` messages
    /// were reported, and record `next_record` (0 or 1) of those is written next.
    ///
    /// # Safety
    /// As [`new`](Self::new), and that is how the consumer before left the ring.
    #[inline(always)]
    pub unsafe fn resume_at(
        ring: Ring<W>,
        next: u64,
        (messages, bytes): (u64, u64),
        dropped: u64,
        next_record: u64,
    ) -> Self {
        // SAFETY: the caller's contract.
        let fresh = unsafe { Self::new(ring) };
        let next_record = (next_record % 2) as usize;
        Self {
            next,
            acquired_end: next,
            recycled: next,
            unwritten: next,
            published: next,
            waited_for: next,
            messages,
            bytes,
            dropped,
            next_record,
            ..fresh
        }
    }

    /// Goes on where another consumer of this ring stopped, as [`recover`](Self::recover) does,
    /// with this one's habits.
    ///
    /// # Errors
    /// As [`recover`](Self::recover); nothing has changed then.
    ///
    /// # Safety
    /// As [`recover`](Self::recover).
    pub unsafe fn recover_from_kernels(&mut self) -> Result<(), AttachError> {
        // SAFETY: the caller's contract.
        let resumed = unsafe { Self::recover(self.ring) }?;
        *self = Self {
            tail_every: self.tail_every,
            from_core: self.from_core,
            disconnected: self.disconnected,
            ..resumed
        };
        Ok(())
    }

    /// Which of the two records of reported gaps is written next.
    #[inline(always)]
    pub fn next_record(&self) -> u64 {
        self.next_record as u64
    }

    /// A consumer that goes on where an earlier one stopped, however that stopped: at the tail that
    /// it published, and in fence-free mode behind all that it had begun to recycle. What it had
    /// taken and not handed back by then comes again.
    ///
    /// Its counts go on from what was published: those of a consumer that died may be wrong by what
    /// it had not published, or was just publishing. Which gaps it reported is exact: those before
    /// the message where this one begins.
    ///
    /// # Errors
    /// [`AttachError::Position`] if the consumer's line says what no consumer writes.
    ///
    /// # Safety
    /// As [`new`](Self::new): the earlier one is no more.
    pub unsafe fn recover(ring: Ring<W>) -> Result<Self, AttachError> {
        let Config { start, capacity, mode } = ring.config();
        // SAFETY: words are only loaded.
        let line = unsafe { &ring.control().consumer };
        // pairs with the Release store of tail in Consumer::publish_tail
        let tail = line.tail.load(Ordering::Acquire);
        // Stored before any slot was re-armed; the end of the process that did both is what orders
        // it for us.
        let recycled = (mode == Mode::FenceFree).then(|| line.recycled.load(Ordering::Acquire));
        let place = Place::read(capacity, start, tail, recycled);
        let Place { tail: published, recycled } =
            place.map_err(|(tail, ahead)| AttachError::Position { tail, ahead })?;
        // What was handed back and not counted yet.
        let uncounted = recycled.wrapping_sub(published);
        if mode == Mode::FenceFree {
            for ahead in 0..uncounted {
                // SAFETY: the earlier consumer has taken the message in this slot, and not handed
                // it back.
                let slot = unsafe { ring.slot(published.wrapping_add(ahead)) };
                // How long the message was may be gone already.
                // SAFETY: as above.
                unsafe { sentinel::rearm(slot, PAYLOAD_SIZE) };
            }
            for ahead in 0..capacity - uncounted {
                let number = recycled.wrapping_add(ahead);
                // SAFETY: written to only if the message is there, and it is not handed back.
                sentinel::recover_unescape(unsafe { ring.slot(number) }, number);
            }
        }
        let messages = line.stats.messages.load(Ordering::Relaxed).wrapping_add(uncounted);
        let bytes = line.stats.bytes.load(Ordering::Relaxed);
        let (dropped, next_record) = Self::reported_before(&ring, recycled);
        // SAFETY: the caller's contract.
        let fresh = unsafe { Self::new(ring) };
        Ok(Self {
            next: recycled,
            acquired_end: recycled,
            recycled,
            unwritten: recycled,
            published,
            waited_for: recycled,
            messages,
            bytes,
            dropped,
            next_record,
            ..fresh
        })
    }
}
