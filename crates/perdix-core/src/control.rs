//! The control block ahead of the slots.

use core::mem::{align_of, offset_of, size_of};
use core::sync::atomic::AtomicU64;

use static_assertions::const_assert_eq;

use crate::chunk::Chunk16;
use crate::slot::LINE;

/// A cursor as it stands in a shared word: the low 63 bits of a message number, and one flag beside
/// it, so that one read across the link tells both.
///
/// ```
/// use perdix_core::Cursor;
/// let cursor = Cursor::new(41, true);
/// assert_eq!((cursor.distance_to(44), cursor.flag()), (3, true));
/// assert_eq!(Cursor::new(u64::MAX, false).distance_to(1), 2); // numbers wrap
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(u64);

/// The bits of a message number that a [`Cursor`] keeps.
pub const CURSOR_MASK: u64 = u64::MAX >> 1;

impl Cursor {
    /// The cursor of message number `number` (its top bit is not kept).
    #[inline(always)]
    pub const fn new(number: u64, flag: bool) -> Self {
        Self(number << 1 | flag as u64)
    }

    /// Reads a shared word.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The word to store.
    #[inline(always)]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// The flag beside the number.
    #[inline(always)]
    pub const fn flag(self) -> bool {
        self.0 & 1 != 0
    }

    /// How far ahead of this cursor `number` is, modulo 2^63.
    #[inline(always)]
    pub const fn distance_to(self, number: u64) -> u64 {
        number.wrapping_sub(self.0 >> 1) & CURSOR_MASK
    }

    /// How far this cursor is ahead of `number`, modulo 2^63.
    #[inline(always)]
    pub const fn distance_from(self, number: u64) -> u64 {
        (self.0 >> 1).wrapping_sub(number) & CURSOR_MASK
    }
}

/// The control block: four lines of 256 bytes ahead of slot 0. Each line has one writer.
///
/// `Control<u64>` is a private copy of one, for who only looks: [`Control::from_bytes`].
#[repr(C)]
#[derive(Debug)]
pub struct Control<W = AtomicU64> {
    /// What the ring is. Written once, by its creator, `magic` last.
    pub identity: Identity<W>,
    /// Written by the consumer.
    pub consumer: ConsumerLine<W>,
    /// Written by the producer.
    pub producer: ProducerLine<W>,
    /// Zero; kept for later versions.
    pub reserved: Reserved<W>,
}

/// What the ring is; read-only after its creation.
#[repr(C, align(256))]
#[derive(Debug)]
pub struct Identity<W = AtomicU64> {
    /// [`MAGIC`](crate::MAGIC), stored last with Release: who sees it sees the rest.
    pub magic: W,
    /// The layout's [`VERSION`](crate::VERSION) in the low half, the slot size in bytes in the high
    /// half.
    pub format: W,
    /// Slots, a power of two.
    pub capacity: W,
    /// The [`Mode`](crate::Mode).
    pub mode: W,
    /// The number of the first message, 0 unless asked otherwise.
    pub start: W,
}

/// The consumer's line.
#[repr(C, align(256))]
#[derive(Debug)]
pub struct ConsumerLine<W = AtomicU64> {
    /// A [`Cursor`]: messages released, and the flag "consumer disconnected". The producer's
    /// credit. Stored with Release.
    pub tail: W,
    /// Keeps the statistics off the cache lines (and their prefetched neighbours) that the producer
    /// polls.
    pub padding: [W; 15],
    /// Statistics, stored Relaxed.
    pub stats: ConsumerStats<W>,
    /// Keeps what follows at a place of its own, whatever is counted.
    pub spare: [W; 5],
    /// Zero until a consumer of another process has attached; then who came last, see [`Attached`].
    /// Stored with Release.
    pub attached: W,
    /// In fence-free mode: all messages below this are done with, and their slots are being
    /// recycled. Stored before that begins, so that whoever comes after a consumer that died can
    /// finish it.
    pub recycled: W,
    /// The two places at which gaps were last reported, for whoever goes on there.
    pub reported: [Reported<W>; 2],
}

/// A place in the stream up to which so many dropped messages were reported.
#[repr(C)]
#[derive(Debug)]
pub struct Reported<W = AtomicU64> {
    /// The number of the message behind the gap. While the record is being written, the number
    /// before the ring's first.
    pub position: W,
    /// Messages that gaps up to there reported as dropped.
    pub dropped: W,
}

/// What the consumer counts; published with `tail`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsumerStats<W = AtomicU64> {
    /// Messages (slots) taken.
    pub messages: W,
    /// Bytes of payload taken.
    pub bytes: W,
    /// Messages that the producer dropped, as far as the consumer knows from gap markers.
    pub dropped: W,
}

/// The producer's line.
#[repr(C, align(256))]
#[derive(Debug)]
pub struct ProducerLine<W = AtomicU64> {
    /// Zero while the stream is open; then a [`Cursor`] with the flag set: the number that follows
    /// the last message. Stored with Release. Since it carries the count, it may arrive before the
    /// messages it counts.
    pub end: W,
    /// A fault code, zero for none: why a producer gave up.
    pub fault: W,
    /// Keeps the statistics off the cache line that the consumer polls.
    pub padding: [W; 14],
    /// Statistics, stored Relaxed.
    pub stats: ProducerStats<W>,
    /// Keeps what follows at a place of its own, whatever is counted.
    pub spare: [W; 2],
    /// Zero until a producer of another process has attached; then who, see [`Attached`]. Stored
    /// with Release.
    pub attached: W,
}

impl<W> ProducerLine<W> {
    /// The words [`end`](Self::end) and [`fault`](Self::fault), which a device loads together.
    #[inline(always)]
    pub const fn end_and_fault(&self) -> &Chunk16<W> {
        let words = core::ptr::from_ref(self).cast::<[W; 2]>();
        // SAFETY: the line begins with these two words.
        let words = unsafe { &*words };
        // SAFETY: a line is aligned to 256 bytes.
        unsafe { Chunk16::new(words) }
    }
}

/// What the producer counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerStats<W = AtomicU64> {
    /// Messages (slots) published.
    pub messages: W,
    /// Bytes of payload published.
    pub bytes: W,
    /// How many times the producer found the ring full, repeats while it waits not counted.
    pub full: W,
    /// Messages dropped at the user's wish because the ring was full. Stored before `end`: what gap
    /// markers have not reported by then is missing at the end.
    pub dropped: W,
    /// The most slots seen occupied when the producer renewed its credit.
    pub highest_fill: W,
    /// Messages that device producers had claimed when they gave up, from the first that was not
    /// sent on.
    pub lost: W,
}

/// Who holds a role of a ring that processes share, as it stands in `attached`: a process, and what
/// produces there.
///
/// It tells "has not come yet" from "was here". It is nobody's proof of life (a lock is), and the
/// process's number is for people.
///
/// ```
/// use perdix_core::Attached;
/// let word = Attached { process: 4711, device: true }.word();
/// assert_eq!(Attached::from_word(word), Some(Attached { process: 4711, device: true }));
/// assert_eq!(Attached::from_word(0), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The process's number in its own system.
    pub process: u32,
    /// Whether kernels produce, not a CPU.
    pub device: bool,
}

impl Attached {
    /// The word to store; never zero.
    pub const fn word(self) -> u64 {
        (self.process as u64) << 32 | (self.device as u64) << 1 | 1
    }

    /// Reads a shared word; `None` while nobody has come.
    pub const fn from_word(word: u64) -> Option<Self> {
        if word == 0 {
            return None;
        }
        Some(Self { process: (word >> 32) as u32, device: word & 2 != 0 })
    }
}

/// A line kept for later versions.
#[repr(C, align(256))]
#[derive(Debug)]
pub struct Reserved<W = AtomicU64>(pub [W; 32]);

impl Control {
    /// Bytes of the control block; slot 0 follows.
    pub const SIZE: usize = size_of::<Self>();
}

const_assert_eq!(size_of::<Control>(), 4 * LINE);
const_assert_eq!(align_of::<Control>(), LINE);
const_assert_eq!(offset_of!(Control, identity), 0);
const_assert_eq!(offset_of!(Control, consumer), LINE);
const_assert_eq!(offset_of!(Control, producer), 2 * LINE);
const_assert_eq!(offset_of!(Control, reserved), 3 * LINE);
const_assert_eq!(offset_of!(Identity, magic), 0);
const_assert_eq!(offset_of!(Identity, format), 8);
const_assert_eq!(offset_of!(Identity, capacity), 16);
const_assert_eq!(offset_of!(Identity, mode), 24);
const_assert_eq!(offset_of!(Identity, start), 32);
const_assert_eq!(offset_of!(ConsumerLine, tail), 0);
const_assert_eq!(offset_of!(ConsumerLine, stats), 128);
const_assert_eq!(offset_of!(ProducerLine, end), 0);
const_assert_eq!(offset_of!(ProducerLine, fault), 8);
const_assert_eq!(offset_of!(ProducerLine, stats), 128);
const_assert_eq!(offset_of!(ProducerStats, highest_fill), 32);
const_assert_eq!(offset_of!(ProducerStats, lost), 40);
const_assert_eq!(offset_of!(ConsumerStats, bytes), 8);
const_assert_eq!(offset_of!(ConsumerLine, attached), 192);
const_assert_eq!(offset_of!(ConsumerLine, recycled), 200);
const_assert_eq!(offset_of!(ConsumerLine, reported), 208);
const_assert_eq!(size_of::<ConsumerLine>(), LINE);
const_assert_eq!(size_of::<ProducerLine>(), LINE);
const_assert_eq!(offset_of!(ProducerLine, attached), 192);
const_assert_eq!(offset_of!(ConsumerStats, dropped), 16);
