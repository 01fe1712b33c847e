//! Fixed-size records, gathered and stored a slot at a time.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use bytemuck::NoUninit;
use perdix_core::{PAYLOAD_SIZE, Producer as Core, RecordLayout};

use super::{Producer, Waiting};
use crate::error::ProduceError;
use crate::records::PushAllError;
use crate::wait::Wait;

impl Producer<'_> {
    /// Sends records of type `T` as messages of this kind, as many to a slot as fit 240 bytes: see [`RecordProducer`].
    ///
    /// A type of more than 240 bytes, of none, or with an alignment above 16 does not compile.
    pub fn records<T: NoUninit>(&mut self, kind: u16) -> RecordProducer<'_, T> {
        let Self { core, waiting, .. } = self;
        core.abandon();
        RecordProducer {
            core,
            waiting,
            kind,
            wait: Wait::Forever,
            filled: 0,
            last: 0,
            gathered: Payload::new(),
            record: PhantomData,
        }
    }
}

/// Sends fixed-size records, many to a slot: 30 of 8 bytes, 15 of 16, 7 of 32.
///
/// The first record of a slot makes sure of a free one; the slot is published when it is full. The records of a slot that is not
/// full are published by [`flush`](Self::flush), or when the `RecordProducer` is dropped; forgotten (`std::mem::forget`), it loses
/// them. To send messages of another kind in between, drop it.
///
/// ```
/// use bytemuck::{AnyBitPattern, NoUninit};
/// use perdix_host::Buffer;
///
/// #[derive(Clone, Copy, Debug, PartialEq, NoUninit, AnyBitPattern)]
/// #[repr(C)]
/// struct Sample { time: u64, value: f32, sensor: u32 }
///
/// let mut buffer = Buffer::new(64)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// let mut samples = producer.records::<Sample>(7);
/// for time in 0..20 {
///     samples.push(Sample { time, value: 0.5, sensor: 1 })?;
/// }
/// drop(samples); // publishes the last five; fifteen filled a slot
/// producer.finish();
///
/// let mut times = 0;
/// let count = consumer.for_each_record(7, |sample: &Sample| times += sample.time)?;
/// assert_eq!((count, times), (20, 190));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it sends nothing by itself"]
pub struct RecordProducer<'p, T: NoUninit> {
    core: &'p mut Core,
    waiting: &'p mut Waiting,
    kind: u16,
    wait: Wait,
    /// Records gathered for the open slot.
    filled: usize,
    /// The index of the slot's last record; 0 while no slot is open, so that one comparison tells whether a record can just be
    /// stored.
    last: usize,
    /// The records, until the slot is full. A consumer that waits looks at the slot all the time, and would take its first cache
    /// line away from every single store into it; stored all at once, the records cross once.
    gathered: Payload,
    record: PhantomData<T>,
}

/// A slot's payload.
#[repr(C, align(16))]
struct Payload([MaybeUninit<u8>; PAYLOAD_SIZE]);

impl Payload {
    fn new() -> Self {
        Self([MaybeUninit::uninit(); PAYLOAD_SIZE])
    }
}

impl<T: NoUninit> RecordProducer<'_, T> {
    /// Records in a full slot.
    pub const PER_SLOT: usize = RecordLayout::<T>::PER_SLOT;

    /// Waiting this long for a free slot, with every call; until there is one, unless said.
    ///
    /// ```
    /// use perdix_host::{ProduceError, Wait};
    /// let mut buffer = perdix_host::Buffer::new(1)?;
    /// let (mut producer, _consumer) = buffer.split_mut();
    /// let mut bytes = producer.records::<u8>(0).wait(Wait::No);
    /// bytes.push_all(0..240)?;
    /// assert!(matches!(bytes.push(240), Err(ProduceError::Full { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(mut self, wait: impl Into<Wait>) -> Self {
        self.wait = wait.into();
        self
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`ProduceError`]; the record was not taken, those before it stay.
    #[inline(always)]
    pub fn push(&mut self, record: T) -> Result<(), ProduceError> {
        if self.filled < self.last {
            self.put(record);
            return Ok(());
        }
        self.push_at_edge(record)
    }

    /// Appends every record of an iterator, and says how many. The last slot stays open for more.
    ///
    /// # Errors
    /// [`PushAllError`] says how many were taken before the one that was not.
    #[inline]
    pub fn push_all(&mut self, records: impl IntoIterator<Item = T>) -> Result<u64, PushAllError> {
        let mut pushed = 0;
        for record in records {
            self.push(record).map_err(|source| PushAllError { pushed, source })?;
            pushed += 1;
        }
        Ok(pushed)
    }

    /// [`push_all`](Self::push_all) for records that lie side by side: one copy per slot.
    ///
    /// # Errors
    /// As [`push_all`](Self::push_all).
    pub fn push_slice(&mut self, records: &[T]) -> Result<u64, PushAllError> {
        let mut left = records;
        while !left.is_empty() {
            if self.filled == 0 {
                let pushed = (records.len() - left.len()) as u64;
                self.open().map_err(|source| PushAllError { pushed, source })?;
            }
            if self.filled == 0 && left.len() >= Self::PER_SLOT {
                let (slot, later) = left.split_at(Self::PER_SLOT);
                publish(self.core, self.kind, bytemuck::cast_slice(slot));
                self.last = 0;
                left = later;
                continue;
            }
            let (now, later) = left.split_at(left.len().min(Self::PER_SLOT - self.filled));
            for record in now {
                self.put(*record);
            }
            if self.filled == Self::PER_SLOT {
                self.send_gathered(Self::PER_SLOT);
            }
            left = later;
        }
        Ok(records.len() as u64)
    }

    /// Publishes the slot that is not full, if records wait for one.
    pub fn flush(&mut self) {
        if self.filled != 0 {
            self.send_gathered(self.filled);
        }
    }

    /// Records that wait for a slot to be full.
    pub fn pending(&self) -> usize {
        self.filled
    }

    /// The first record of a slot, or the last.
    #[inline(never)]
    fn push_at_edge(&mut self, record: T) -> Result<(), ProduceError> {
        if self.filled == 0 {
            self.open()?;
        }
        self.put(record);
        if self.filled == Self::PER_SLOT {
            self.send_gathered(Self::PER_SLOT);
        }
        Ok(())
    }

    /// Makes sure of a free slot.
    #[inline(always)]
    fn open(&mut self) -> Result<(), ProduceError> {
        if self.core.credit() == 0 {
            self.waiting.wait_for(self.core, 1, self.wait)?;
        }
        self.last = Self::PER_SLOT - 1;
        Ok(())
    }

    /// Adds a record to those gathered, which are fewer than a slot holds.
    #[inline(always)]
    fn put(&mut self, record: T) {
        let to = self.gathered.0.as_mut_ptr().cast::<T>().wrapping_add(self.filled);
        // SAFETY: `filled` is below the number that fits, and the payload is aligned for any record.
        unsafe { to.write(record) };
        self.filled += 1;
    }

    /// Publishes the first `count` records gathered, which is all of them.
    #[inline(always)]
    fn send_gathered(&mut self, count: usize) {
        let start = self.gathered.0.as_ptr().cast::<u8>();
        // SAFETY: that many records were stored, and all their bytes are initialised (`NoUninit`).
        let bytes = unsafe { std::slice::from_raw_parts(start, count * RecordLayout::<T>::SIZE) };
        publish(self.core, self.kind, bytes);
        self.filled = 0;
        self.last = 0;
    }
}

/// Publishes a message whose slot was found free.
#[inline(always)]
fn publish(core: &mut Core, kind: u16, bytes: &[u8]) {
    // Nobody else takes the slot meanwhile: this cannot be refused.
    let pushed = core.push(kind, 0, bytes);
    debug_assert_eq!(pushed, Ok(()));
}

impl<T: NoUninit> Drop for RecordProducer<'_, T> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl<T: NoUninit> fmt::Debug for RecordProducer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("RecordProducer");
        all.field("kind", &self.kind).field("pending", &self.pending()).finish_non_exhaustive()
    }
}
