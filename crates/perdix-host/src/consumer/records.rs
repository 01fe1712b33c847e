//! Messages as fixed-size records, where they lie.

use std::marker::PhantomData;

use bytemuck::AnyBitPattern;
use perdix_core::RecordLayout;

use super::{Consumer, Message, MessageBatch, MessageRef, OwnedMessage};
use crate::error::ConsumeError;
use crate::records::{ConsumeRecordsError, RecordError, check_length, check_message, records_in};
use crate::wait::Wait;

/// Slots in one [`RecordBatch`] at most: enough to spread the cost of releasing them, few enough that the producer goes on.
const BATCH_SLOTS: u64 = 32;

/// Streams of fixed-size records, as [`RecordProducer`](crate::RecordProducer) and the device's packed records send them. Kind
/// and size of every message are checked: one that holds no such records is an error, and is left for `try_next`.
impl Consumer<'_> {
    /// The records that are there, those of up to 32 slots; if there are none, waits for the first as `wait`
    /// says.
    ///
    /// ```
    /// use perdix_host::Wait;
    /// let mut buffer = perdix_host::Buffer::new(64)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.records::<u64>(3).push_all(0..100)?;
    /// let batch = consumer.records::<u64>(3, Wait::Forever)?;
    /// assert_eq!(batch.len(), 100);
    /// assert!(batch.iter().copied().eq(0..100));
    /// assert_eq!(batch.slices().next().map(<[u64]>::len), Some(30)); // a slot full
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConsumeRecordsError::Stream`] as [`next`](Self::next), [`ConsumeRecordsError::Record`] if the next
    /// message holds no records of this type and kind.
    pub fn records<T: AnyBitPattern>(
        &mut self,
        kind: u16,
        wait: impl Into<Wait>,
    ) -> Result<RecordBatch<'_, T>, ConsumeRecordsError> {
        self.find(wait.into())?;
        let (slots, bytes) = self.record_run::<T>(kind)?;
        Ok(RecordBatch::new(MessageBatch::take(self.core(), slots, bytes), bytes))
    }

    /// Calls `each` with every record until the end of the stream, waiting for them, and says how many there were.
    ///
    /// # Errors
    /// As [`records`](Self::records), but for the end of the stream; everything before has been delivered.
    pub fn for_each_record<T: AnyBitPattern>(
        &mut self,
        kind: u16,
        mut each: impl FnMut(&T),
    ) -> Result<u64, ConsumeRecordsError> {
        let mut count = 0;
        loop {
            let meta = match self.find(Wait::Forever) {
                Ok(meta) => meta,
                Err(ConsumeError::EndOfStream) => return Ok(count),
                Err(error) => return Err(error.into()),
            };
            let core = self.core();
            check_message::<T>(core.next(), meta, kind)?;
            let message = Message::take(core, meta);
            // SAFETY: a payload in a slot is aligned to 16.
            let records = unsafe { records_in::<T>(&message) };
            records.iter().for_each(&mut each);
            count += records.len() as u64;
        }
    }

    /// How many messages from the next one on are there and hold such records, and their bytes; an error if the very next is
    /// there and does not.
    fn record_run<T>(&mut self, kind: u16) -> Result<(u64, u64), RecordError> {
        let core = self.core();
        let most = BATCH_SLOTS.min(core.ring().capacity());
        let (mut slots, mut bytes) = (0, 0);
        while slots < most {
            let number = core.next().wrapping_add(slots);
            // A corrupt message counts as not there; the next wait names it.
            let Ok(Some(meta)) = core.peek(slots) else { break };
            match check_message::<T>(number, meta, kind) {
                Ok(()) => {}
                Err(error) if slots == 0 => return Err(error),
                Err(_) => break,
            }
            slots += 1;
            bytes += meta.len() as u64;
        }
        Ok((slots, bytes))
    }
}

/// Records where they lie, released together when the guard is dropped.
#[derive(Debug)]
pub struct RecordBatch<'c, T> {
    messages: MessageBatch<'c>,
    records: usize,
    record: PhantomData<fn() -> T>,
}

impl<'c, T: AnyBitPattern> RecordBatch<'c, T> {
    fn new(messages: MessageBatch<'c>, bytes: u64) -> Self {
        let records = bytes as usize / RecordLayout::<T>::SIZE;
        Self { messages, records, record: PhantomData }
    }

    /// Records in the batch.
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether there are none (the batch may still hold empty messages).
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The records, in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slices().flatten()
    }

    /// The records of each slot, in order: the fastest form.
    #[inline]
    pub fn slices(&self) -> impl Iterator<Item = &[T]> {
        self.messages.iter().map(|message| {
            // SAFETY: a payload in a slot is aligned to 16.
            unsafe { records_in(message.bytes()) }
        })
    }
}

impl Message<'_> {
    /// The payload as records of one size, in place.
    ///
    /// ```
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.records::<[u32; 2]>(0).push_all([[1, 2], [3, 4]])?;
    /// let message = consumer.consume()?;
    /// assert_eq!(message.records::<[u32; 2]>()?, [[1, 2], [3, 4]]);
    /// assert!(message.records::<[u32; 3]>().is_err()); // 16 bytes are no multiple of 12
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RecordError::Length`] if the payload's length is no multiple of the record's size.
    #[inline]
    pub fn records<T: AnyBitPattern>(&self) -> Result<&[T], RecordError> {
        check_length::<T>(self.number(), self.len())?;
        // SAFETY: a payload in a slot is aligned to 16.
        Ok(unsafe { records_in(self) })
    }
}

impl<'c> MessageRef<'c> {
    /// The payload as records of one size, in place.
    ///
    /// # Errors
    /// [`RecordError::Length`] if the payload's length is no multiple of the record's size.
    #[inline]
    pub fn records<T: AnyBitPattern>(&self) -> Result<&'c [T], RecordError> {
        let bytes = self.bytes();
        check_length::<T>(self.number(), bytes.len())?;
        // SAFETY: a payload in a slot is aligned to 16.
        Ok(unsafe { records_in(bytes) })
    }
}

impl OwnedMessage {
    /// The payload as records of one size.
    ///
    /// # Errors
    /// [`RecordError::Length`] if the payload's length is no multiple of the record's size.
    #[inline]
    pub fn records<T: AnyBitPattern>(&self) -> Result<&[T], RecordError> {
        check_length::<T>(self.number(), self.len())?;
        // SAFETY: the payload comes first in a copy, which is aligned to 16.
        Ok(unsafe { records_in(self) })
    }
}
