//! The waiting call that the standard library's channels have, with their three outcomes.

use std::time::Duration;

use super::{Consumer, Message};
use crate::error::ConsumeError;

/// Why [`Consumer::recv_timeout`] has no message: [`std::sync::mpsc::RecvTimeoutError`], and what a channel between threads cannot suffer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecvTimeoutError {
    /// The time limit passed; a message may still come.
    #[error("no message within the time limit")]
    Timeout,
    /// The producer ended the stream, and everything it published has been consumed.
    #[error("end of stream")]
    Ended,
    /// The stream has a gap, broke off or is corrupt. Never [`ConsumeError::TimedOut`] or [`ConsumeError::EndOfStream`].
    #[error(transparent)]
    Trouble(ConsumeError),
}

impl From<ConsumeError> for RecvTimeoutError {
    fn from(error: ConsumeError) -> Self {
        match error {
            ConsumeError::TimedOut { .. } => Self::Timeout,
            ConsumeError::EndOfStream => Self::Ended,
            other => Self::Trouble(other),
        }
    }
}

impl Consumer<'_> {
    /// The next message, waiting no longer than `limit`: [`consume_timeout`](Self::consume_timeout) with the errors sorted as those
    /// of a channel's `recv_timeout`.
    ///
    /// ```
    /// use perdix_host::{Buffer, RecvTimeoutError};
    /// use std::time::Duration;
    /// let mut buffer = Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.produce(b"tick")?;
    /// let limit = Duration::from_millis(1);
    /// assert_eq!(&consumer.recv_timeout(limit)?[..], b"tick");
    /// assert_eq!(consumer.recv_timeout(limit).err(), Some(RecvTimeoutError::Timeout));
    /// producer.finish();
    /// assert_eq!(consumer.recv_timeout(limit).err(), Some(RecvTimeoutError::Ended));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RecvTimeoutError`].
    #[inline]
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Message<'_>, RecvTimeoutError> {
        Ok(self.consume_timeout(limit)?)
    }
}
