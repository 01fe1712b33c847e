//! What the producers (or consumers) of one ring share, in device memory.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use perdix_core::{DeviceState, Fault};

use crate::intrinsics::{device_add, device_load_acquire, device_min, device_store_release, device_take};

/// The address of a ring's [`DeviceState`], which is valid as long as the ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State(NonNull<DeviceState>);

impl State {
    /// The state at `address`; `None` if there is no address.
    ///
    /// # Safety
    /// The state lies in memory that all threads of the device address, outlives all copies of the
    /// value, and nobody but this ring's producers or consumer writes to it meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn new(address: *mut DeviceState) -> Option<Self> {
        NonNull::new(address).map(Self)
    }

    /// The words, for loads and stores that need no order.
    #[inline(always)]
    pub(crate) fn words(&self) -> &DeviceState {
        // SAFETY: by the contract of `new`; all its words are atomics.
        unsafe { self.0.as_ref() }
    }

    /// The number of the next message that nobody has claimed.
    #[inline(always)]
    pub(crate) fn head(&self) -> u64 {
        self.words().head.load(Ordering::Relaxed)
    }

    /// Claims `count` numbers; the first of them.
    #[inline(always)]
    pub(crate) fn claim(&self, count: u64) -> u64 {
        // SAFETY: a word of the state, by the contract of `new`.
        unsafe { device_add(&self.words().head, count) }
    }

    /// Claims `number` if it is still the next one.
    #[inline(always)]
    pub(crate) fn try_claim(&self, number: u64) -> bool {
        let next = number.wrapping_add(1);
        self.words().head.compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// A tail that some producer has read from the ring. Pairs with
    /// [`share_tail`](Self::share_tail).
    #[inline(always)]
    pub(crate) fn tail(&self) -> u64 {
        // SAFETY: a word of the state, by the contract of `new`.
        unsafe { device_load_acquire(&self.words().tail) }
    }

    /// Shares a tail that was read from the ring. Pairs with [`tail`](Self::tail), by another
    /// producer of the launch.
    #[inline(always)]
    pub(crate) fn share_tail(&self, tail: u64) {
        // SAFETY: a word of the state, by the contract of `new`.
        unsafe { device_store_release(&self.words().tail, tail) }
    }

    /// Becomes the one that reads the tail across the link on behalf of all; whether nobody else
    /// is.
    #[inline(always)]
    pub(crate) fn begin_look(&self) -> bool {
        self.words().refreshing.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Lets others read the tail.
    #[inline(always)]
    pub(crate) fn end_look(&self) {
        self.words().refreshing.store(0, Ordering::Relaxed);
    }

    /// Whether some producer has given up and said why: nothing after its message will be read.
    #[inline(always)]
    pub(crate) fn has_failed(&self) -> bool {
        self.words().fault.load(Ordering::Relaxed) != 0
    }

    /// Stops all producers: message `unsent`, counted from the ring's first, was claimed and will
    /// not be sent.
    #[inline(always)]
    pub(crate) fn stop_at(&self, unsent: u64, fault: Option<Fault>) {
        // SAFETY: a word of the state, by the contract of `new`.
        unsafe { device_min(&self.words().unsent, unsent) };
        if let Some(fault) = fault {
            // The first fault stays; which of several comes first does not matter.
            let (fault, order) = (fault as u64, Ordering::Relaxed);
            let _ = self.words().fault.compare_exchange(0, fault, order, order);
        }
    }

    /// Messages dropped that no gap marker has reported.
    #[inline(always)]
    pub(crate) fn unreported(&self) -> u64 {
        self.words().unreported.load(Ordering::Relaxed)
    }

    /// Takes the unreported messages, to report them.
    #[inline(always)]
    pub(crate) fn take_unreported(&self) -> u64 {
        // SAFETY: a word of the state, by the contract of `new`.
        unsafe { device_take(&self.words().unreported) }
    }

    /// Counts messages as dropped and not reported yet.
    #[inline(always)]
    pub(crate) fn count_dropped(&self, messages: u64) {
        self.add_dropped(messages);
        // SAFETY: a word of the state, by the contract of `new`.
        unsafe { device_add(&self.words().unreported, messages) };
    }

    /// Counts messages as dropped of which the caller's own count says that they are unreported.
    #[inline(always)]
    pub(crate) fn add_dropped(&self, messages: u64) {
        // SAFETY: a word of the state, by the contract of `new`.
        unsafe { device_add(&self.words().dropped, messages) };
    }

    /// Adds to what was sent: messages, bytes of payload, and how often the ring was found full.
    #[inline(always)]
    pub(crate) fn add_counts(&self, counts: [u64; 3]) {
        let (words, [messages, bytes, full]) = (self.words(), counts);
        // Pairs, and no two arrays: those would be put into local memory.
        for (word, count) in [(&words.messages, messages), (&words.bytes, bytes), (&words.full, full)] {
            if count != 0 {
                // SAFETY: a word of the state, by the contract of `new`.
                unsafe { device_add(word, count) };
            }
        }
    }

    /// Counts a producer of a grid as ended, with this weight; the sum of the weights so far.
    #[inline(always)]
    pub(crate) fn count_ended(&self, weight: u64) -> u64 {
        // SAFETY: a word of the state, by the contract of `new`.
        unsafe { device_add(&self.words().finished, weight) + weight }
    }

    /// The next launch counts its ended producers afresh.
    #[inline(always)]
    pub(crate) fn reset_ended(&self) {
        self.words().finished.store(0, Ordering::Relaxed);
    }

    /// Says whether the stream (or the rest of it) is left to a later kernel.
    #[inline(always)]
    pub(crate) fn set_paused(&self, is_paused: bool) {
        self.words().paused.store(u64::from(is_paused), Ordering::Relaxed);
    }
}
