//! A ring in a `static`: the halves without `unsafe`.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::config::{Config, MAX_CAPACITY};
use crate::consumer::Consumer;
use crate::control::Control;
use crate::mode::Mode;
use crate::producer::Producer;
use crate::ring::Ring;
use crate::slot::Slot;

/// A ring of `SLOTS` slots (a power of two) for two threads of one program, in memory that is never
/// freed: a `static`, or a leaked box.
///
/// ```
/// use perdix_core::{Mode, Poll, StaticRing};
///
/// static RING: StaticRing<8> = StaticRing::new();
///
/// let (mut producer, mut consumer) = RING.split(Mode::Fenced).ok_or("it was split before")?;
/// std::thread::spawn(move || producer.push(0, 0, b"hello")).join().unwrap()?;
/// let Poll::Ready(message) = consumer.poll()? else { panic!("it was sent") };
/// assert_eq!(message.payload(), b"hello");
/// assert!(RING.split(Mode::Fenced).is_none()); // there is one producer, and one consumer
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// ```compile_fail,E0080
/// static RING: perdix_core::StaticRing<6> = perdix_core::StaticRing::new(); // no power of two
/// ```
/// ```compile_fail,E0597
/// let ring = perdix_core::StaticRing::<8>::new();
/// let halves = ring.split(perdix_core::Mode::Fenced); // they would outlive it
/// ```
#[repr(C)]
#[derive(Debug)]
pub struct StaticRing<const SLOTS: usize> {
    control: Control,
    slots: [Slot; SLOTS],
    is_split: AtomicBool,
}

impl<const SLOTS: usize> StaticRing<SLOTS> {
    /// A ring that is not used yet.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(SLOTS.is_power_of_two(), "a ring has a power of two of slots");
            assert!(SLOTS as u64 <= MAX_CAPACITY, "a ring has at most 2^30 slots");
        }
        Self {
            control: Control::ZERO,
            slots: [const { Slot::ZERO }; SLOTS],
            is_split: AtomicBool::new(false),
        }
    }

    /// The ring's only producer and its only consumer; `None` if they were asked for before.
    pub fn split(&'static self, mode: Mode) -> Option<(Producer, Consumer)> {
        self.split_from(mode, 0)
    }

    /// [`split`](Self::split) of a ring whose first message has the number `start`.
    pub fn split_from(&'static self, mode: Mode, start: u64) -> Option<(Producer, Consumer)> {
        if self.is_split.swap(true, Ordering::Relaxed) {
            return None;
        }
        let config = Config { capacity: SLOTS as u64, mode, start };
        // SAFETY: a static outlives everything, and nothing but the halves below ever sees its
        // words.
        let ring: Ring = unsafe { Ring::from_parts(&self.control, &self.slots, config) }.ok()?;
        // SAFETY: there are no halves yet, and never will be others.
        unsafe { ring.reset() };
        // SAFETY: this is the ring's only producer.
        let producer = unsafe { Producer::new(ring) };
        // SAFETY: this is the ring's only consumer.
        let consumer = unsafe { Consumer::new(ring) };
        Some((producer, consumer))
    }
}

impl<const SLOTS: usize> Default for StaticRing<SLOTS> {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    /// All words zero.
    #[allow(clippy::declare_interior_mutable_const)] // a value to begin with
    const ZERO: Self = {
        use crate::control::{
            ConsumerLine, ConsumerStats, Identity, ProducerLine, ProducerStats, Reported, Reserved,
        };
        const ZERO: AtomicU64 = AtomicU64::new(0);
        const REPORTED: Reported = Reported { position: ZERO, dropped: ZERO };
        Self {
            identity: Identity { magic: ZERO, format: ZERO, capacity: ZERO, mode: ZERO, start: ZERO },
            consumer: ConsumerLine {
                tail: ZERO,
                padding: [ZERO; 15],
                stats: ConsumerStats { messages: ZERO, bytes: ZERO, dropped: ZERO },
                spare: [ZERO; 5],
                attached: ZERO,
                recycled: ZERO,
                reported: [REPORTED; 2],
            },
            producer: ProducerLine {
                end: ZERO,
                fault: ZERO,
                padding: [ZERO; 14],
                stats: ProducerStats {
                    messages: ZERO,
                    bytes: ZERO,
                    full: ZERO,
                    dropped: ZERO,
                    highest_fill: ZERO,
                    lost: ZERO,
                },
                spare: [ZERO; 2],
                attached: ZERO,
            },
            reserved: Reserved([ZERO; 32]),
        }
    };
}

impl Slot {
    /// All words zero.
    #[allow(clippy::declare_interior_mutable_const)] // a value to begin with
    const ZERO: Self = Self {
        seq: AtomicU64::new(0),
        meta: AtomicU64::new(0),
        payload: [const { AtomicU64::new(0) }; crate::slot::PAYLOAD_WORDS],
    };
}
