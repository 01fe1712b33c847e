//! What both ends of a stream of records share: how a payload is seen as records, and what can be wrong with it.

use bytemuck::AnyBitPattern;
use perdix_core::{Meta, RecordLayout};

use crate::error::{ConsumeError, ProduceError};

/// Why a message is not what was asked for: records of one kind and size. It is never read as something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The message's length is no multiple of the record's size.
    #[error(
        "message {message} has {len} bytes, no multiple of the record's {size}; is it read as the type that was sent?"
    )]
    Length {
        /// The message's number.
        message: u64,
        /// Bytes of the message.
        len: usize,
        /// Bytes of a record.
        size: usize,
    },
    /// The message has another kind than the records.
    #[error(
        "message {message} is of kind {found}, the records are of kind {expected}; take it with `try_next`"
    )]
    Kind {
        /// The message's number.
        message: u64,
        /// Its kind.
        found: u16,
        /// The kind asked for.
        expected: u16,
    },
    /// The message is a part of a large one.
    #[error("message {message} begins a large message; take it with `large`")]
    Large {
        /// The message's number.
        message: u64,
    },
}

/// Why a stream of records does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeRecordsError {
    /// There is no message.
    #[error(transparent)]
    Stream(#[from] ConsumeError),
    /// The next message holds no such records. It was not taken.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Why [`RecordProducer::push_all`](crate::RecordProducer::push_all) stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped after {pushed} records: {source}")]
pub struct PushAllError {
    /// Records that were taken: published, or in the slot that the next [`flush`](crate::RecordProducer::flush) publishes.
    pub pushed: u64,
    /// What stopped it; the record after those was not taken.
    pub source: ProduceError,
}

/// Whether message `number` can hold records of type `T`.
#[inline(always)]
pub(crate) fn check_length<T>(number: u64, len: usize) -> Result<(), RecordError> {
    let size = RecordLayout::<T>::SIZE;
    if len % size == 0 { Ok(()) } else { Err(RecordError::Length { message: number, len, size }) }
}

/// Whether message `number` holds records of type `T` and this kind.
#[inline(always)]
pub(crate) fn check_message<T>(number: u64, meta: Meta, kind: u16) -> Result<(), RecordError> {
    if meta.kind() != kind {
        return Err(RecordError::Kind { message: number, found: meta.kind(), expected: kind });
    }
    if meta.has_more() {
        return Err(RecordError::Large { message: number });
    }
    check_length::<T>(number, meta.len())
}

/// The whole records in a payload.
///
/// # Safety
/// `bytes` is aligned to 16.
#[inline(always)]
pub(crate) unsafe fn records_in<T: AnyBitPattern>(bytes: &[u8]) -> &[T] {
    let count = bytes.len() / RecordLayout::<T>::SIZE;
    // SAFETY: `count` records lie in the bytes, whose alignment is enough for any record, and every bit pattern is one.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), count) }
}
