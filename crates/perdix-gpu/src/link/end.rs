//! How a stream ends, or is left to a later kernel.

use core::sync::atomic::Ordering;

use perdix_core::Fault;
use perdix_core::policy::Claims;

use super::Link;
use crate::error::Error;
use crate::intrinsics::device_fence;
use crate::stores::close;

impl Link {
    /// Ends the stream for all producers: message `number` was claimed and will not be sent. One
    /// thread.
    #[inline(always)]
    pub(crate) fn give_up(&self, number: u64, error: Error) {
        self.state.stop_at(number.wrapping_sub(self.ring.config().start), error.fault());
    }

    /// Adds this thread's counts to the shared state.
    #[inline(always)]
    pub(crate) fn add_counts(&mut self) {
        self.state.add_counts([self.messages, self.bytes, self.full]);
        (self.messages, self.bytes, self.full) = (0, 0, 0);
    }

    /// Says that the stream is left open on purpose. One thread, after all others have added their
    /// counts.
    #[inline(always)]
    pub(crate) fn leave_open(&self) {
        self.publish_dropped();
        self.state.set_paused(true);
    }

    /// Ends the stream after the last message that was sent without a hole. One thread, after all
    /// others have added their counts.
    #[inline(always)]
    pub(crate) fn close(&self) {
        device_fence();
        // SAFETY: this is the ring's producer.
        let (state, stats) = (self.state.words(), unsafe { &self.ring.control().producer.stats });
        let (start, unsent) = (self.ring.config().start, state.unsent.load(Ordering::Relaxed));
        let sent = state.messages.load(Ordering::Relaxed);
        let Claims { end, messages, lost } = Claims::end_of(start, self.state.head(), unsent, sent);
        stats.messages.store(messages, Ordering::Relaxed);
        stats.bytes.store(state.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        stats.full.store(state.full.load(Ordering::Relaxed), Ordering::Relaxed);
        stats.lost.store(lost, Ordering::Relaxed);
        self.publish_dropped();
        close(&self.ring, end, Fault::from_word(state.fault.load(Ordering::Relaxed)));
    }

    /// Tells the host how many messages were dropped. One thread, after all others have counted.
    #[inline(always)]
    fn publish_dropped(&self) {
        let dropped = self.state.words().dropped.load(Ordering::Relaxed);
        // SAFETY: this is the ring's producer.
        unsafe { self.ring.control() }.producer.stats.dropped.store(dropped, Ordering::Relaxed);
    }
}
