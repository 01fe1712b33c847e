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
    /// A consumer that goes on with message `next`: everything before it was taken and settled, and the tail says so. `messages` and `bytes`
    /// were taken so far, gaps of `dropped` messages were told, and record `told` (0 or 1) of those is written next.
    ///
    /// # Safety
    /// As [`new`](Self::new), and that is how the consumer before left the ring.
    #[inline(always)]
    pub unsafe fn go_on(
        ring: Ring<W>,
        next: u64,
        (messages, bytes): (u64, u64),
        dropped: u64,
        told: u64,
    ) -> Self {
        // SAFETY: the caller's contract.
        let fresh = unsafe { Self::new(ring) };
        let told = (told % 2) as usize;
        Self {
            next,
            known: next,
            settled: next,
            unwritten: next,
            published: next,
            waited_for: next,
            messages,
            bytes,
            dropped,
            told,
            ..fresh
        }
    }

    /// Goes on where another consumer of this ring stopped, as [`resume`](Self::resume) does, with this one's habits.
    ///
    /// # Errors
    /// As [`resume`](Self::resume); nothing has changed then.
    ///
    /// # Safety
    /// As [`resume`](Self::resume).
    pub unsafe fn take_back(&mut self) -> Result<(), AttachError> {
        // SAFETY: the caller's contract.
        let resumed = unsafe { Self::resume(self.ring) }?;
        *self = Self { tail_every: self.tail_every, from_core: self.from_core, gone: self.gone, ..resumed };
        Ok(())
    }

    /// Which of the two records of told gaps is written next.
    #[inline(always)]
    pub fn next_record(&self) -> u64 {
        self.told as u64
    }

    /// A consumer that goes on where an earlier one stopped, however that stopped: at the tail that it published, and in
    /// fence-free mode behind all whose guards it had dropped. What it had taken and not handed back by then comes again.
    ///
    /// Its counts go on from what was published: those of a consumer that died may be wrong by what it had not published, or was just
    /// publishing. What gaps it was told of is exact: those before the message where this one begins.
    ///
    /// # Errors
    /// [`AttachError::Position`] if the consumer's line says what no consumer writes.
    ///
    /// # Safety
    /// As [`new`](Self::new): the earlier one is no more.
    pub unsafe fn resume(ring: Ring<W>) -> Result<Self, AttachError> {
        let Config { start, capacity, mode } = ring.config();
        // SAFETY: words are only loaded.
        let line = unsafe { &ring.control().consumer };
        // pairs with the Release store of tail in Consumer::publish_tail
        let tail = line.tail.load(Ordering::Acquire);
        // Stored before any slot was re-armed; the end of the process that did both is what orders it for us.
        let recycled = (mode == Mode::FenceFree).then(|| line.settled.load(Ordering::Acquire));
        let place = Place::read(capacity, start, tail, recycled);
        let Place { tail: published, recycled: settled } =
            place.map_err(|(tail, ahead)| AttachError::Position { tail, ahead })?;
        // What was handed back and not counted yet.
        let uncounted = settled.wrapping_sub(published);
        if mode == Mode::FenceFree {
            for ahead in 0..uncounted {
                // SAFETY: the earlier consumer has taken the message in this slot, and not handed it back.
                let slot = unsafe { ring.slot(published.wrapping_add(ahead)) };
                // How long the message was may be gone already.
                // SAFETY: as above.
                unsafe { sentinel::rearm(slot, PAYLOAD_SIZE) };
            }
            for ahead in 0..capacity - uncounted {
                let number = settled.wrapping_add(ahead);
                // SAFETY: written to only if the message is there, and it is not handed back.
                sentinel::finish_opening(unsafe { ring.slot(number) }, number);
            }
        }
        let messages = line.stats.messages.load(Ordering::Relaxed).wrapping_add(uncounted);
        let bytes = line.stats.bytes.load(Ordering::Relaxed);
        let (dropped, told) = Self::told_before(&ring, settled);
        // SAFETY: the caller's contract.
        let fresh = unsafe { Self::new(ring) };
        Ok(Self {
            next: settled,
            known: settled,
            settled,
            unwritten: settled,
            published,
            waited_for: settled,
            messages,
            bytes,
            dropped,
            told,
            ..fresh
        })
    }
}
