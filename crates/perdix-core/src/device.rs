//! What a kernel gets, and what device producers keep in device memory.

mod input;
mod marker;
mod rings;

use core::mem::{offset_of, size_of};
use core::sync::atomic::AtomicU64;

pub use input::{DeviceInput, DeviceService};
pub use marker::{LAYOUT_MARKER, layout_versions};
pub use rings::DeviceRings;
use static_assertions::const_assert_eq;

use crate::config::{AttachError, Config, VERSION};
use crate::mode::Mode;
use crate::ring::Ring;

/// A ring as a kernel sees it: a small value, passed by value as a kernel parameter. The host makes it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceRing {
    /// The device's address of the ring's memory (control block, then slots).
    pub memory: *mut u8,
    /// The address, in device memory, of the producers' state.
    pub state: *mut DeviceState,
    /// Slots.
    pub capacity: u64,
    /// The layout's [`VERSION`] in the high half, the publication [`Mode`] in the low half: see
    /// [`format_of`](Self::format_of). A kernel of another version refuses the handle.
    pub format: u64,
    /// The number of the ring's first message.
    pub start: u64,
    /// How long a producer waits for a free slot before it gives up, in nanoseconds.
    pub limit_ns: u64,
}

const_assert_eq!(size_of::<DeviceRing>(), 48);
const_assert_eq!(offset_of!(DeviceRing, format), 24);
const_assert_eq!(offset_of!(DeviceRing, limit_ns), 40);

// SAFETY: two addresses and numbers; what may be done with them is the business of whoever uses them.
unsafe impl Send for DeviceRing {}
// SAFETY: as above.
unsafe impl Sync for DeviceRing {}

impl DeviceRing {
    /// The handle of a ring of this configuration, whose memory and state have these addresses on the device.
    /// Producers (of a consumer's handle: consumers) wait up to `limit_ns` nanoseconds.
    ///
    /// The value is nothing but numbers; who makes a producer or consumer of it promises that they are right.
    pub const fn new(memory: *mut u8, state: *mut DeviceState, config: Config, limit_ns: u64) -> Self {
        let Config { capacity, mode, start } = config;
        Self { memory, state, capacity, format: Self::format_of(mode), start, limit_ns }
    }

    /// The word that says the layout's version and the mode in one.
    ///
    /// ```
    /// use perdix_core::{DeviceRing, Mode, VERSION};
    /// assert_eq!(DeviceRing::format_of(Mode::FenceFree), u64::from(VERSION) << 32 | 1);
    /// ```
    #[inline(always)]
    pub const fn format_of(mode: Mode) -> u64 {
        (VERSION as u64) << 32 | mode as u64
    }

    /// A view of the ring, for the device side.
    ///
    /// # Errors
    /// [`AttachError::Version`] if a host of another layout version made the value, and another [`AttachError`] if
    /// none made it for a ring. Nothing was read or written then.
    ///
    /// # Safety
    /// The value was made for a ring that outlives every copy of the view.
    #[inline(always)]
    pub unsafe fn ring(&self) -> Result<Ring, AttachError> {
        let mode = self.mode()?;
        let config = Config { capacity: self.capacity, mode, start: self.start };
        // SAFETY: the caller's contract.
        unsafe { Ring::assume(self.memory, config) }
    }

    /// Whether a host of this layout version made the handle.
    #[inline(always)]
    pub const fn is_current(&self) -> bool {
        self.format >> 32 == VERSION as u64
    }

    /// The mode, if the handle is of this version.
    #[inline(always)]
    fn mode(&self) -> Result<Mode, AttachError> {
        // Version and mode in one comparison; which of them is wrong matters only then.
        match Mode::from_word(self.format.wrapping_sub(Self::format_of(Mode::Fenced))) {
            Some(mode) => Ok(mode),
            None if self.is_current() => Err(AttachError::Mode { found: self.format & u32::MAX as u64 }),
            None => Err(AttachError::Version { found: (self.format >> 32) as u32 }),
        }
    }
}

/// What the producers of one ring share, in device memory: nothing of it crosses the link. The consumer of a ring whose producer is a
/// CPU keeps its place here too, and uses no more than `head` (the next message to take), `messages`, `bytes`, `paused`, `dropped`,
/// `gap_record` and `found`.
///
/// It outlives a kernel, so that the next kernel can go on with the stream. Counts are relative to the ring's first message
/// where that is said, so that they do not wrap.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct DeviceState {
    /// The next message number to claim. A grid claims with atomic additions; others store it when they pause.
    pub head: AtomicU64,
    /// A tail that some producer has read from the ring, for the others to use.
    pub tail: AtomicU64,
    /// The first claimed message that was not sent, counted from the ring's first message; `u64::MAX` for none.
    pub unsent: AtomicU64,
    /// The [`Fault`](crate::Fault) that made a producer give up; 0 for none. Stops the others too.
    pub fault: AtomicU64,
    /// Producers of a grid that have finished.
    pub finished: AtomicU64,
    /// Messages sent, added up when producers pause or finish.
    pub messages: AtomicU64,
    /// Bytes of payload sent, added up likewise.
    pub bytes: AtomicU64,
    /// How many times a producer found the ring full, added up likewise.
    pub full: AtomicU64,
    /// Not zero once all producers of a kernel have ended and one has paused: the kernel left the stream open on purpose. A later
    /// kernel's producers set it back as they begin.
    pub paused: AtomicU64,
    /// Not zero while some producer reads the tail across the link on behalf of all.
    pub refreshing: AtomicU64,
    /// Messages dropped because the ring was full, that no gap marker has reported.
    pub unreported: AtomicU64,
    /// All messages dropped so far, on this ring.
    pub dropped: AtomicU64,
    /// Not zero while some thread publishes a gap marker on behalf of all (events).
    pub reporting_gap: AtomicU64,
    /// Which of the ring's two records of reported gaps is written next; a consumer's.
    pub gap_record: AtomicU64,
    /// What one thread of a consuming block has found, for the others.
    pub found: AtomicU64,
}

const_assert_eq!(size_of::<DeviceState>(), 128);
const_assert_eq!(offset_of!(DeviceState, full), 56);
const_assert_eq!(offset_of!(DeviceState, paused), 64);
const_assert_eq!(offset_of!(DeviceState, dropped), 88);
const_assert_eq!(offset_of!(DeviceState, reporting_gap), 96);

impl DeviceState {
    /// The state for a ring on which message `head` is next, of which everything below `tail` is released.
    pub const fn new(head: u64, tail: u64) -> Self {
        Self {
            head: AtomicU64::new(head),
            tail: AtomicU64::new(tail),
            unsent: AtomicU64::new(u64::MAX),
            fault: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            full: AtomicU64::new(0),
            paused: AtomicU64::new(0),
            refreshing: AtomicU64::new(0),
            unreported: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            gap_record: AtomicU64::new(0),
            found: AtomicU64::new(0),
            reporting_gap: AtomicU64::new(0),
        }
    }

    /// The same state, going on for a producer that dropped `dropped` messages, the last `gap` of them unreported.
    #[must_use]
    pub const fn with_gap(self, dropped: u64, gap: u64) -> Self {
        Self { dropped: AtomicU64::new(dropped), unreported: AtomicU64::new(gap), ..self }
    }

    /// The state of a ring's consumer that goes on with message `next`, has taken `messages` of `bytes` bytes so far, and has had gaps of
    /// `dropped` messages; `record` is the gap record that it writes next.
    pub const fn of_consumer(next: u64, (messages, bytes): (u64, u64), dropped: u64, record: u64) -> Self {
        Self {
            messages: AtomicU64::new(messages),
            bytes: AtomicU64::new(bytes),
            dropped: AtomicU64::new(dropped),
            gap_record: AtomicU64::new(record),
            ..Self::new(next, next)
        }
    }
}
