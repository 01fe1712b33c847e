//! Fixed-size records as the messages of a batch.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use bytemuck::NoUninit;
use perdix_core::RecordLayout;

use crate::source::Source;

/// Records of one type that a closure makes, packed as many to a message as fit 240 bytes.
///
/// `make(i)` returns record `i`, which is below the count; like all of a [`Source`] it is called by
/// many lanes, in any order, more than once. Records whose size divides 16 or is a multiple of 16
/// go straight from registers into the slot; others take a detour of shifts and selections.
///
/// A type of more than 240 bytes, of none, or with an alignment above 16 does not compile.
///
/// ```
/// use perdix_gpu::emulation::{self, EmulatedRing};
/// use perdix_gpu::{Mode, Records, WarpProducer};
///
/// let mut ring = EmulatedRing::new(64, Mode::Fenced);
/// emulation::launch(1, 32, || {
///     // SAFETY: one warp, and the ring outlives the launch.
///     let Ok(mut producer) = (unsafe { WarpProducer::new(ring.handle()) }) else { return };
///     let squares = Records::new(100, 7, |i| [i, i * i]);
///     if producer.produce_batch(squares.messages(), &squares).is_ok() {
///         producer.finish();
///     }
/// });
/// let messages = ring.received();
/// assert_eq!(messages.len(), 7); // 15 records of 16 bytes each, the last one 10
/// assert_eq!(messages[6].1.len(), 160);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Records<T, F> {
    count: u64,
    kind: u16,
    make: F,
    record: PhantomData<fn() -> T>,
}

impl<T: NoUninit, F: Fn(u64) -> T + Sync> Records<T, F> {
    /// `count` records as messages of this kind; `make(i)` returns record `i`.
    #[inline(always)]
    pub fn new(count: u64, kind: u16, make: F) -> Self {
        Self { count, kind, make, record: PhantomData }
    }

    /// How many messages that makes: what to give to `produce_batch`. Message `m` holds the records
    /// from `m` times the records per slot on.
    #[inline(always)]
    pub fn messages(&self) -> u64 {
        self.count.div_ceil(RecordLayout::<T>::PER_SLOT as u64)
    }
}

impl<T: NoUninit, F: Fn(u64) -> T + Sync> Source for Records<T, F> {
    #[inline(always)]
    fn len(&self, index: u64) -> usize {
        let per_slot = RecordLayout::<T>::PER_SLOT as u64;
        let left = self.count.saturating_sub(index.wrapping_mul(per_slot));
        RecordLayout::<T>::SIZE * (if left > per_slot { per_slot } else { left }) as usize
    }

    #[inline(always)]
    fn kind(&self, _index: u64) -> u16 {
        self.kind
    }

    #[inline(always)]
    fn chunk(&self, index: u64, chunk: usize) -> [u64; 2] {
        let first = index.wrapping_mul(RecordLayout::<T>::PER_SLOT as u64);
        let (size, unit) = (RecordLayout::<T>::SIZE as u32, const { unit::<T>(16) });
        let len = self.len(index) as u32;
        let mut value = [0; 2];
        for part in 0..16 / unit {
            // A part of a chunk lies in one record.
            let at = (16_u32.wrapping_mul(chunk as u32)).wrapping_add((part * unit) as u32);
            if at < len {
                let record = MaybeUninit::new((self.make)(first.wrapping_add(u64::from(at / size))));
                put_part(&mut value, part * unit, read_at(&record, at % size, unit));
            }
        }
        value
    }
}

/// The largest power of two up to `most` that divides the record's size: what never straddles two
/// records.
pub(crate) const fn unit<T>(most: usize) -> usize {
    let size = RecordLayout::<T>::SIZE;
    let power = 1 << size.trailing_zeros();
    if power < most { power } else { most }
}

/// Puts the low bytes of `part` at byte `at` of a chunk.
#[inline(always)]
fn put_part(chunk: &mut [u64; 2], at: usize, part: [u64; 2]) {
    if at == 0 {
        chunk[0] |= part[0];
        chunk[1] |= part[1];
    } else {
        chunk[at / 8] |= part[0] << (8 * (at % 8));
    }
}

/// `unit` bytes (up to 16) at `offset` of a record, `offset` a multiple of `unit`.
#[inline(always)]
fn read_at<T>(record: &MaybeUninit<T>, offset: u32, unit: usize) -> [u64; 2] {
    let mut value = [0; 2];
    // All places with a selection: an address that is computed would force the record out of the
    // registers.
    for place in 0..RecordLayout::<T>::SIZE / unit {
        if (place * unit) as u32 == offset {
            for byte in (0..unit).step_by(if unit < 4 { unit } else { 4 }) {
                let word = u64::from(read_word(record, place * unit + byte, unit));
                value[byte / 8] |= word << (8 * (byte % 8));
            }
        }
    }
    value
}

/// The 1, 2 or 4 bytes (`unit`, if less than 4) at a constant byte offset of a record, as a number.
#[inline(always)]
pub(crate) fn read_word<T>(record: &MaybeUninit<T>, offset: usize, unit: usize) -> u32 {
    let start = record.as_ptr().cast::<u8>().wrapping_add(offset);
    match unit {
        // SAFETY: inside the record, whose bytes are all initialised (`NoUninit`).
        1 => u32::from(unsafe { start.read() }),
        // SAFETY: as above.
        2 => u32::from(unsafe { start.cast::<u16>().read_unaligned() }),
        // SAFETY: as above.
        _ => unsafe { start.cast::<u32>().read_unaligned() },
    }
}
