//! How long one call waits.

use std::time::Duration;

/// How long a call waits for what it needs: a message, or a free slot.
///
/// A [`Duration`] is a `Wait` too, so a time limit is given as it is:
///
/// ```
/// use perdix_host::{Buffer, ConsumeError, Wait};
/// use std::time::Duration;
///
/// let mut buffer = Buffer::new(8)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// assert_eq!(consumer.next(Wait::No).err(), Some(ConsumeError::Empty));
/// assert!(matches!(consumer.next(Duration::from_millis(1)), Err(ConsumeError::TimedOut { .. })));
/// producer.produce(b"abc")?;
/// assert_eq!(&consumer.next(Wait::Forever)?[..], b"abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What the caller's thread does meanwhile is the buffer's [`WaitStrategy`](crate::WaitStrategy). A wait
/// ends in an error as soon as it is known that the other side has left for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Not at all: [`ProduceError::Full`](crate::ProduceError::Full) or
    /// [`ConsumeError::Empty`](crate::ConsumeError::Empty) says that there is nothing now.
    No,
    /// Until it is there, or can no longer come.
    Forever,
    /// No longer than this; then the error is `TimedOut`.
    For(Duration),
}

impl From<Duration> for Wait {
    fn from(limit: Duration) -> Self {
        Self::For(limit)
    }
}

impl Wait {
    /// The time limit; `None` for no limit.
    #[inline(always)]
    pub(crate) fn limit(self) -> Option<Duration> {
        match self {
            Self::No => Some(Duration::ZERO),
            Self::Forever => None,
            Self::For(limit) => Some(limit),
        }
    }
}

/// Tries between two questions to the counterpart: to ask a driver costs about a microsecond.
const TRIES_PER_QUESTION: u32 = 256;

/// Counts the tries of a caller who does not wait and found nothing. Such a caller, too, must learn that the
/// other side is lost.
#[derive(Debug, Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Counts one, and says whether to ask the counterpart now.
    #[inline]
    pub(crate) fn is_time_to_ask(&mut self) -> bool {
        self.0 = self.0.wrapping_add(1);
        self.0 % TRIES_PER_QUESTION == 0
    }
}
