//! Launches under way, which nobody waits for.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many launches of a session have begun and how many of them are over, attached or not.
///
/// While some are under way nobody may judge the session: a new kernel forgets that earlier ones
/// paused, so that it looks as if one had ended without `finish`. Nobody waits for them: launches
/// may be nested, cross each other, and wait for kernels.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    begun: AtomicU64,
    /// Never more than `begun`.
    over: AtomicU64,
}

impl UnderWay {
    pub(super) fn begin(&self) -> Begun<'_> {
        // Before the launch: pairs with the Acquire in `quiet`.
        self.begun.fetch_add(1, Ordering::AcqRel);
        Begun(self)
    }

    /// How many launches there have been, if none is under way. Whoever gets the same answer before
    /// and after it looked at the session saw no launch in between.
    pub(super) fn quiet(&self) -> Option<u64> {
        // In this order: `over` never exceeds `begun`, so that they were equal when the first was
        // read. Pairs with the Release in `Begun`.
        let over = self.over.load(Ordering::Acquire);
        // Pairs with the Release in `begin`.
        (self.begun.load(Ordering::Acquire) == over).then_some(over)
    }
}

/// One launch under way.
#[derive(Debug)]
pub(super) struct Begun<'s>(&'s UnderWay);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        // After the event is in the session's list: pairs with the Acquire in `quiet`.
        self.0.over.fetch_add(1, Ordering::Release);
    }
}
