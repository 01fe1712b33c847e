//! The same errors where `std::io` is spoken.

use std::io::{Error, ErrorKind};

use super::{ConsumeError, ProduceError};

/// Keeps the error as the inner one, and says by the kind what to do:
///
/// ```
/// use perdix_host::ConsumeError;
/// let error = std::io::Error::from(ConsumeError::Gap { dropped: 3, position: 7 });
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
/// let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
/// assert_eq!(inner, Some(&ConsumeError::Gap { dropped: 3, position: 7 }));
/// ```
impl From<ConsumeError> for Error {
    fn from(error: ConsumeError) -> Self {
        let kind = match error {
            ConsumeError::Empty => ErrorKind::WouldBlock,
            ConsumeError::TimedOut { .. } => ErrorKind::TimedOut,
            ConsumeError::Gap { .. } | ConsumeError::Corrupt(_) => ErrorKind::InvalidData,
            ConsumeError::EndOfStream
            | ConsumeError::Truncated { .. }
            | ConsumeError::ProducerFailed { .. }
            | ConsumeError::ProducerLost { .. } => ErrorKind::UnexpectedEof,
        };
        Self::new(kind, error)
    }
}

/// Keeps the error as the inner one, and says by the kind what to do.
impl From<ProduceError> for Error {
    fn from(error: ProduceError) -> Self {
        let kind = match error {
            ProduceError::Full { .. } => ErrorKind::WouldBlock,
            ProduceError::TooLong { .. } => ErrorKind::InvalidInput,
            ProduceError::ConsumerGone | ProduceError::ConsumerLost => ErrorKind::BrokenPipe,
            ProduceError::TimedOut { .. } => ErrorKind::TimedOut,
            ProduceError::Corrupt => ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
