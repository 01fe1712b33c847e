//! Fixed-size records, many to a slot, written in place.

use std::fmt;
use std::time::Duration;

use bytemuck::NoUninit;
use perdix_core::{Producer as Core, RecordLayout};

use super::{Producer, wait_for_slots};
use crate::error::ProduceError;
use crate::records::PushAllError;
use crate::wait::WaitStrategy;

impl Producer<'_> {
    /// Sends records of type `T` as messages of this kind, as many to a slot as fit 240 bytes: see [`RecordProducer`].
    ///
    /// A type of more than 240 bytes, of none, or with an alignment above 16 does not compile.
    pub fn records<T: NoUninit>(&mut self, kind: u16) -> RecordProducer<'_, T> {
        let strategy = self.shared.waits.producer;
        let core = self.core();
        core.abandon();
        let null = std::ptr::null_mut();
        RecordProducer { core, strategy, kind, first: null, next: null, last: null }
    }
}

/// Writes fixed-size records straight into slots: 30 of 8 bytes to a slot, 15 of 16, 7 of 32.
///
/// A slot is published when it is full. The records of a slot that is not full are published by [`flush`](Self::flush), or when
/// the `RecordProducer` is dropped; forgotten (`std::mem::forget`), it leaves them unpublished, and the slot is used again. To
/// send messages of another kind in between, drop it.
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
    strategy: WaitStrategy,
    kind: u16,
    /// Where the open slot's first record is; null while no slot is open.
    first: *mut T,
    /// Where the next record goes.
    next: *mut T,
    /// Where the slot's last record goes. Equal to `next` while no slot is open, so that one comparison tells whether a
    /// record can just be stored.
    last: *mut T,
}

// SAFETY: the pointers lead into the slot that `core` owns; it is like `&mut Core` and `&mut [T]`.
unsafe impl<T: NoUninit + Send> Send for RecordProducer<'_, T> {}
// SAFETY: as above; nothing is written through a shared reference.
unsafe impl<T: NoUninit + Sync> Sync for RecordProducer<'_, T> {}

impl<T: NoUninit> RecordProducer<'_, T> {
    /// Records in a full slot.
    pub const PER_SLOT: usize = RecordLayout::<T>::PER_SLOT;

    /// Appends a record, waiting while the ring is full.
    ///
    /// # Errors
    /// [`ProduceError::ConsumerGone`] or [`ProduceError::Corrupt`]; the record was not taken, those before it stay.
    #[inline(always)]
    pub fn push(&mut self, record: T) -> Result<(), ProduceError> {
        if self.next < self.last {
            self.put(record);
            return Ok(());
        }
        self.push_at_edge(record, None)
    }

    /// [`push`](Self::push) without waiting.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`ProduceError::Full`].
    #[inline(always)]
    pub fn try_push(&mut self, record: T) -> Result<(), ProduceError> {
        if self.next < self.last {
            self.put(record);
            return Ok(());
        }
        self.push_at_edge(record, Some(Duration::ZERO)).map_err(|error| match error {
            ProduceError::TimedOut { .. } => {
                ProduceError::Full { needed: 1, capacity: self.core.ring().capacity() }
            }
            other => other,
        })
    }

    /// [`push`](Self::push), waiting no longer than `limit`.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`ProduceError::TimedOut`].
    #[inline]
    pub fn push_timeout(&mut self, record: T, limit: Duration) -> Result<(), ProduceError> {
        self.push_at_edge(record, Some(limit))
    }

    /// Appends every record of an iterator, waiting while the ring is full, and says how many. The last slot stays open for more.
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
            if self.first.is_null() {
                let pushed = (records.len() - left.len()) as u64;
                self.open(None).map_err(|source| PushAllError { pushed, source })?;
            }
            let (now, later) = left.split_at(left.len().min(Self::PER_SLOT - self.pending()));
            // SAFETY: the slot is the producer's, and that many records have room from `next` on.
            unsafe { std::ptr::copy_nonoverlapping(now.as_ptr(), self.next, now.len()) };
            self.next = self.next.wrapping_add(now.len());
            if self.next > self.last {
                self.flush();
            }
            left = later;
        }
        Ok(records.len() as u64)
    }

    /// Publishes the slot that is not full, if records wait in one.
    pub fn flush(&mut self) {
        let count = self.pending();
        if count != 0 {
            // The slot was found free when it was opened, and nobody else takes it: this cannot be refused.
            let staged = self.core.stage_in_place(count * RecordLayout::<T>::SIZE, self.kind, 0);
            debug_assert_eq!(staged, Ok(()));
            self.core.publish();
        }
        self.first = std::ptr::null_mut();
        self.next = std::ptr::null_mut();
        self.last = std::ptr::null_mut();
    }

    /// Records that wait in a slot that is not full.
    pub fn pending(&self) -> usize {
        (self.next as usize - self.first as usize) / RecordLayout::<T>::SIZE
    }

    /// The first record of a slot, or the last.
    #[inline(never)]
    fn push_at_edge(&mut self, record: T, limit: Option<Duration>) -> Result<(), ProduceError> {
        if self.first.is_null() {
            self.open(limit)?;
        }
        self.put(record);
        if self.next > self.last {
            self.flush();
        }
        Ok(())
    }

    /// Opens the next slot.
    fn open(&mut self, limit: Option<Duration>) -> Result<(), ProduceError> {
        if self.core.credit() == 0 {
            wait_for_slots(self.core, self.strategy, 1, limit)?;
        }
        self.first = self.core.ring().slot(self.core.head()).payload_ptr().cast();
        self.next = self.first;
        self.last = self.first.wrapping_add(Self::PER_SLOT - 1);
        Ok(())
    }

    /// Stores a record into the open slot, which is not full.
    #[inline(always)]
    fn put(&mut self, record: T) {
        // SAFETY: `next` is at most `last`, so it is aligned and inside the open slot's payload, which is the producer's.
        unsafe { self.next.write(record) };
        self.next = self.next.wrapping_add(1);
    }
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
