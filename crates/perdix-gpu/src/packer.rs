//! Fixed-size records of the lanes of a warp, gathered into messages.

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use bytemuck::NoUninit;
use perdix_core::RecordLayout;

use crate::error::{BatchError, Error};
use crate::intrinsics::{WARP_SIZE, Warp, lane_id};
use crate::records::{read_word, unit};
use crate::source::Source;
use crate::write::LANES_PER_SLOT;

/// Messages published together at most, an even number: all that one push of records of 32 bytes
/// can fill, under one fence.
const GROUP: usize = 6;

/// Records that a warp can hold, in multiples of 32: those of one push beyond an almost full slot
/// of 240.
const REGISTERS: usize = 9;

/// A producer that a [`RecordPacker`] sends through: [`WarpProducer`](crate::WarpProducer) or
/// [`GridProducer`](crate::GridProducer).
pub trait PackInto {
    /// Slots of the ring.
    fn slots(&self) -> u64;

    /// The token of the warp that sends.
    fn warp(&mut self) -> &mut Warp;

    /// Sends the first `count` messages of `source`, as `produce_batch` of the producer.
    ///
    /// # Errors
    /// [`BatchError`] says how many were sent.
    fn send(&mut self, count: u64, source: &impl Source) -> Result<(), BatchError>;
}

/// Gathers records that the lanes of a warp may have, each for itself, into full messages.
///
/// All 32 lanes call every method together. The records of one [`push`](Self::push) follow each
/// other in the order of the lanes. A message is sent as soon as it is full; the rest waits in
/// registers for the next push. **Call [`flush`](Self::flush) at the end:** a packer that is
/// dropped loses the records that still wait in it, fewer than fit one slot.
///
/// A type of more than 240 bytes, of none, or with an alignment above 16 does not compile. Records
/// of 4, 8, 16 and 32 bytes are moved between lanes by a few shuffles; other sizes work too, and
/// cost more.
///
/// ```
/// use perdix_gpu::emulation::{self, EmulatedRing};
/// use perdix_gpu::{GridProducer, Mode, RecordPacker, intrinsics};
///
/// let mut ring = EmulatedRing::new(64, Mode::Fenced);
/// emulation::launch(1, 32, || {
///     // SAFETY: nothing else is launched on the ring, which outlives the launch.
///     let Ok(mut producer) = (unsafe { GridProducer::new(ring.handle()) }) else { return };
///     let mut packer = RecordPacker::<u64>::new(7);
///     for round in 0..10 {
///         let number = 32 * round + u64::from(intrinsics::lane_id());
///         let is_found = number % 3 == 0; // each lane by itself
///         if packer.push(&mut producer, is_found, number).is_err() {
///             break;
///         }
///     }
///     // An error is told to the consumer by finish.
///     let _ = packer.flush(&mut producer);
///     producer.finish();
/// });
/// let numbers: Vec<u8> = ring.received().into_iter().flat_map(|(_, bytes)| bytes).collect();
/// assert!(numbers.chunks(8).map(|bytes| bytes[0]).eq((0..=255).step_by(3).chain((2..64).step_by(3))));
/// ```
#[derive(Debug)]
#[must_use = "records that were pushed and not flushed are lost"]
pub struct RecordPacker<T> {
    kind: u16,
    /// The place of the first record held. Places 0 to `32 * REGISTERS - 1` form a circle; place
    /// `p` is register `p / 32` of lane `p % 32`.
    first: u32,
    /// Records held by the warp.
    count: u32,
    /// This lane's share; all bytes are initialised.
    held: [MaybeUninit<T>; REGISTERS],
}

impl<T: NoUninit> RecordPacker<T> {
    /// A packer with no records, for messages of this kind.
    #[inline(always)]
    pub fn new(kind: u16) -> Self {
        Self { kind, first: 0, count: 0, held: [MaybeUninit::zeroed(); REGISTERS] }
    }

    /// Takes the record of each lane that is `active`, and sends the messages that are full now,
    /// waiting up to the ring's time limit.
    ///
    /// # Errors
    /// [`PackError`] says why a message was not sent, how many records were, and whether this
    /// push's records were taken: they are not while those of an earlier failed push still fill a
    /// slot. What was taken and not sent is held for the next call.
    #[inline(always)]
    pub fn push(&mut self, producer: &mut impl PackInto, active: bool, record: T) -> Result<(), PackError> {
        let (mut sent, mut taken) = (0, false);
        // One loop, so that the code that sends is there once.
        loop {
            if self.count >= Shape::<T>::PER_SLOT {
                // At first: left by a push that failed. There may be no room for more.
                sent += self.send_some(producer).map_err(|failed| failed.after(sent, taken))?;
            } else if taken {
                return Ok(());
            } else {
                self.append(producer.warp(), active, record);
                taken = true;
            }
        }
    }

    /// Sends all records held, the last message perhaps not full.
    ///
    /// # Errors
    /// [`PackError`], as [`push`](Self::push).
    #[inline(always)]
    pub fn flush(&mut self, producer: &mut impl PackInto) -> Result<(), PackError> {
        let mut sent = 0;
        while self.count != 0 {
            sent += self.send_some(producer).map_err(|failed| failed.after(sent, true))?;
        }
        Ok(())
    }

    /// Records that wait to be sent.
    #[inline(always)]
    pub fn pending(&self) -> u32 {
        self.count
    }

    /// Sends full messages, as many as make a group and the ring has slots for, or all records if
    /// they fill none. Returns how many records were sent.
    #[inline(always)]
    fn send_some(&mut self, producer: &mut impl PackInto) -> Result<u64, PackError> {
        let most = if producer.slots() < GROUP as u64 { producer.slots() as u32 } else { GROUP as u32 };
        let full = self.count / Shape::<T>::PER_SLOT;
        let (slots, records) = match full {
            0 => (1, self.count),
            _ => (if full < most { full } else { most }, Shape::<T>::PER_SLOT),
        };
        let source = Gathered {
            len: records as usize * RecordLayout::<T>::SIZE,
            kind: self.kind,
            chunks: self.gather(producer.warp(), slots),
        };
        let (gone, result) = match producer.send(u64::from(slots), &source) {
            Ok(()) => (slots, Ok(())),
            Err(BatchError { sent, error }) => (sent as u32, Err(error)),
        };
        let gone = gone * records;
        self.first = Shape::<T>::wrap(self.first + gone);
        self.count -= gone;
        match result {
            Ok(()) => Ok(u64::from(gone)),
            Err(error) => Err(PackError { sent: u64::from(gone), taken: true, error }),
        }
    }

    /// Puts the active lanes' records behind those held, in the order of the lanes.
    #[inline(always)]
    fn append(&mut self, warp: &mut Warp, active: bool, record: T) {
        let active = warp.ballot(active);
        let end = Shape::<T>::wrap(self.first + self.count);
        // The new places follow each other, so each lane has at most one of them: that of the
        // `turn`th active lane.
        let turn = lane_id().wrapping_sub(end) % WARP_SIZE;
        let is_new = turn < active.count_ones();
        let from = nth_lane(active, turn);
        let register = Shape::<T>::wrap(end + turn) / WARP_SIZE;
        let record = MaybeUninit::new(record);
        for word in 0..Shape::<T>::WORDS {
            let value = warp.shuffle(word_of(&record, word), from);
            for number in 0..Shape::<T>::REGISTERS {
                if let Some(held) = self.held.get_mut(number) {
                    let kept = word_of(held, word);
                    set_word(held, word, if is_new && number as u32 == register { value } else { kept });
                }
            }
        }
        self.count += active.count_ones();
    }

    /// Brings to each lane the chunks that it stores of the next `slots` messages, at most
    /// [`GROUP`].
    #[inline(always)]
    fn gather(&self, warp: &mut Warp, slots: u32) -> [[u64; 2]; GROUP / 2] {
        [
            self.gather_chunk(warp, 0, slots),
            self.gather_chunk(warp, 1, slots),
            self.gather_chunk(warp, 2, slots),
        ]
    }

    /// The chunk that this lane stores of the messages `2 * pair` and `2 * pair + 1`, if there are
    /// as many.
    #[inline(always)]
    fn gather_chunk(&self, warp: &mut Warp, pair: u32, slots: u32) -> [u64; 2] {
        if pair as usize >= Shape::<T>::PAIRS || 2 * pair >= slots {
            return [0; 2];
        }
        let (half, part) = (lane_id() / LANES_PER_SLOT, lane_id() % LANES_PER_SLOT);
        let first = Shape::<T>::wrap(self.first + (2 * pair + half) * Shape::<T>::PER_SLOT);
        let at = 16 * (if part == 0 { 0 } else { part - 1 });
        // Four calls and no loop, so that what each asks for is a constant.
        let words = [
            self.gather_word(warp, first, at, 0),
            self.gather_word(warp, first, at, 1),
            self.gather_word(warp, first, at, 2),
            self.gather_word(warp, first, at, 3),
        ];
        let [a, b, c, d] = words.map(u64::from);
        [a | b << 32, c | d << 32]
    }

    /// Word `word` of the chunk at byte `at` of the message whose first record has the place
    /// `first`.
    #[inline(always)]
    fn gather_word(&self, warp: &mut Warp, first: u32, at: u32, word: usize) -> u32 {
        let (size, unit) = (RecordLayout::<T>::SIZE as u32, const { unit::<T>(4) });
        let mut value = 0;
        for part in 0..4 / unit {
            // A part of a word lies in one word of one record.
            let byte = at + (4 * word + part * unit) as u32;
            let place = Shape::<T>::wrap(first + byte / size);
            let (lane, register, offset) = (place % WARP_SIZE, place / WARP_SIZE, byte % size);
            let mut found = 0;
            // A lane cannot ask for a register or word that it computes: all those possible are
            // offered, and one is taken.
            for number in 0..Shape::<T>::REGISTERS {
                for choice in 0..Shape::<T>::WORDS / Shape::<T>::WORD_STEP {
                    let own = word % Shape::<T>::WORD_STEP + choice * Shape::<T>::WORD_STEP;
                    let offered = self.held.get(number).map_or(0, |held| word_of(held, own));
                    let offered = warp.shuffle(offered, lane);
                    if number as u32 == register && own as u32 == offset / 4 {
                        found = offered;
                    }
                }
            }
            let found = found >> (8 * (offset % 4));
            value |= if unit == 4 { found } else { (found & ((1 << (8 * unit)) - 1)) << (8 * part * unit) };
        }
        value
    }
}

/// Why a [`RecordPacker`] did not send all that was full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackError {
    /// Records that this call sent, earlier ones first. All others that were taken are held.
    pub sent: u64,
    /// Whether the records of this push were taken.
    pub taken: bool,
    /// Why the next message was not sent.
    pub error: Error,
}

impl PackError {
    /// The same after `before` other records.
    #[inline(always)]
    fn after(self, before: u64, taken: bool) -> Self {
        Self { sent: self.sent + before, taken, ..self }
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken = if self.taken { "taken" } else { "not taken" };
        write!(f, "{} records sent, those of this call {taken}, then: {}", self.sent, self.error)
    }
}

impl core::error::Error for PackError {}

/// Messages of one length whose chunks already lie in the lanes that store them.
struct Gathered {
    len: usize,
    kind: u16,
    chunks: [[u64; 2]; GROUP / 2],
}

/// `chunk` depends on who calls, against the rule for sources: it is right for the lane that stores
/// the chunk, and no other lane asks for it.
impl Source for Gathered {
    #[inline(always)]
    fn len(&self, _index: u64) -> usize {
        self.len
    }

    #[inline(always)]
    fn kind(&self, _index: u64) -> u16 {
        self.kind
    }

    #[inline(always)]
    fn chunk(&self, index: u64, _chunk: usize) -> [u64; 2] {
        self.chunks.iter().zip(0..).fold(
            [0; 2],
            |found, (chunk, pair)| {
                if index / 2 == pair { *chunk } else { found }
            },
        )
    }
}

/// Constants of a record type.
struct Shape<T>(PhantomData<T>);

impl<T> Shape<T> {
    const PER_SLOT: u32 = RecordLayout::<T>::PER_SLOT as u32;
    /// Registers in use: for one record less than a slot holds, and one more of each lane.
    const REGISTERS: usize = (RecordLayout::<T>::PER_SLOT + 31).div_ceil(32);
    /// Pairs of messages that become full at most, up to a group.
    const PAIRS: usize = {
        let slots = (RecordLayout::<T>::PER_SLOT + 31) / RecordLayout::<T>::PER_SLOT;
        if slots < GROUP { slots.div_ceil(2) } else { GROUP / 2 }
    };
    /// Words of 4 bytes that cover a record.
    const WORDS: usize = RecordLayout::<T>::SIZE.div_ceil(4);
    /// Records of whole words: word `i` of a chunk is found only in every so many words of a
    /// record, from `i % WORD_STEP` on.
    const WORD_STEP: usize = if RecordLayout::<T>::SIZE % 4 == 0 { unit::<T>(16) / 4 } else { 1 };

    /// A place after up to one round of the circle.
    #[inline(always)]
    fn wrap(place: u32) -> u32 {
        let round = WARP_SIZE * Self::REGISTERS as u32;
        if place < round { place } else { place - round }
    }
}

/// The `n`th of the lanes in `mask`, counted from 0; some lane, if there are not as many.
#[inline(always)]
fn nth_lane(mask: u32, n: u32) -> u32 {
    let (mut mask, mut n, mut lane) = (mask, n, 0);
    for width in [16, 8, 4, 2, 1] {
        let low = (mask & ((1 << width) - 1)).count_ones();
        if n >= low {
            n -= low;
            mask >>= width;
            lane += width;
        }
    }
    lane
}

/// Word `word` of a record; the last one may have fewer bytes.
#[inline(always)]
fn word_of<T>(record: &MaybeUninit<T>, word: usize) -> u32 {
    let unit = const { unit::<T>(4) };
    let mut value = 0;
    for byte in (0..4).step_by(unit) {
        if 4 * word + byte < RecordLayout::<T>::SIZE {
            value |= read_word(record, 4 * word + byte, unit) << (8 * byte);
        }
    }
    value
}

/// Sets word `word` of a record, as far as the record goes.
#[inline(always)]
fn set_word<T>(record: &mut MaybeUninit<T>, word: usize, value: u32) {
    let start = record.as_mut_ptr().cast::<u8>();
    if 4 * word + 4 <= RecordLayout::<T>::SIZE {
        // SAFETY: four bytes inside the record.
        unsafe { start.wrapping_add(4 * word).cast::<u32>().write_unaligned(value) };
        return;
    }
    for byte in 0..RecordLayout::<T>::SIZE % 4 {
        // SAFETY: inside the record.
        unsafe { start.wrapping_add(4 * word + byte).write((value >> (8 * byte)) as u8) };
    }
}
