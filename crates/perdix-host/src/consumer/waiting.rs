//! How a consumer finds its next message, and what it says when there is none.

use perdix_core::{Corruption, Meta, Poll};

use super::Consumer;
use crate::error::ConsumeError;
use crate::trace;
use crate::wait::{Wait, Waiter};

impl Consumer<'_> {
    /// Looks for the next message; no guard exists now, so an idle look releases what forgotten guards held.
    #[inline(always)]
    pub(crate) fn poll(&mut self) -> Result<Poll, Corruption> {
        let core = self.core();
        match core.peek(0)? {
            Some(meta) => Ok(Poll::Ready(meta)),
            None => {
                core.recycle();
                core.look()
            }
        }
    }

    /// Finds the next message, waiting for it as `wait` says; does not take it.
    #[inline(always)]
    pub(crate) fn find(&mut self, wait: Wait) -> Result<Meta, ConsumeError> {
        match self.poll()? {
            Poll::Ready(meta) => Ok(meta),
            found => self.find_slowly(found, wait),
        }
    }

    /// The next message if it is there, and why none will come if none will. Never waits. `ask`: also ask what has
    /// become of whoever produces.
    #[inline]
    pub(crate) fn look(&mut self, ask: bool) -> Result<Option<Meta>, ConsumeError> {
        match self.poll()? {
            Poll::Ready(meta) => Ok(Some(meta)),
            found => self.explain(found, ask).map(|()| None),
        }
    }

    /// Goes on after a first poll that found no message, but `found`.
    #[inline(never)]
    fn find_slowly(&mut self, found: Poll, wait: Wait) -> Result<Meta, ConsumeError> {
        let is_try = wait == Wait::No;
        let ask = is_try && self.tries.is_time_to_ask();
        self.explain(found, ask)?;
        if is_try { Err(ConsumeError::Empty) } else { self.wait_long(wait) }
    }

    #[inline(never)]
    fn wait_long(&mut self, wait: Wait) -> Result<Meta, ConsumeError> {
        self.learn_producer();
        let run = self.core().begin_wait();
        let mut waiter = Waiter::after_run(self.shared.waits.consumer, wait.limit(), run);
        let mut ask = false;
        loop {
            if let Some(meta) = self.look(ask)? {
                return Ok(meta);
            }
            waiter.pause().map_err(|waited| {
                trace::timed_out(&self.shared.ring, "consumer", waited);
                ConsumeError::TimedOut { waited }
            })?;
            ask = waiter.is_time_to_look();
        }
    }

    /// What a poll that found no message means: an error, or `Ok` if one may come. This is the one place that asks
    /// what has become of whoever produces.
    #[cold]
    fn explain(&mut self, found: Poll, ask: bool) -> Result<(), ConsumeError> {
        match found {
            Poll::Gap(_) => self.gap(),
            Poll::Ended => Err(self.end()),
            Poll::Empty if ask => self.check_producer(),
            Poll::Ready(_) | Poll::Empty => Ok(()),
        }
    }

    /// Goes on behind the gap that a poll found, and says so. One that hostile memory has taken back meanwhile is none,
    /// and no loop.
    fn gap(&mut self) -> Result<(), ConsumeError> {
        // The look publishes what was consumed before the gap: should this process die, another one knows which gaps
        // were reported.
        let Ok(Poll::Gap(_)) = self.poll() else { return Ok(()) };
        let core = self.core();
        let dropped = core.take_gap();
        core.recycle();
        match dropped {
            Some(dropped) => Err(ConsumeError::Gap { dropped, position: self.position() }),
            None => Ok(()),
        }
    }

    /// Why the stream ended.
    fn end(&mut self) -> ConsumeError {
        match self.core().fault() {
            Some(fault) => {
                let first_missing = self.position();
                trace::failed(&self.shared.ring, fault, first_missing);
                ConsumeError::ProducerFailed { fault, first_missing }
            }
            None => ConsumeError::EndOfStream,
        }
    }

    /// Asks what has become of whoever produces. Nothing is lost if it is no more: whatever it published is visible
    /// then, so one more look decides.
    fn check_producer(&mut self) -> Result<(), ConsumeError> {
        let Some(why) = self.producer.lost() else { return Ok(()) };
        match self.poll()? {
            Poll::Empty => {}
            found => return self.explain(found, false),
        }
        if let Some(dropped) = self.core().take_trailing_gap() {
            // It dropped messages, and published no gap marker for them.
            return Err(ConsumeError::Gap { dropped, position: self.position() });
        }
        let first_missing = self.position();
        trace::lost(&self.shared.ring, &why, first_missing);
        Err(ConsumeError::ProducerLost { first_missing, why })
    }
}
