//! The stream as an iterator.

use super::Consumer;
use super::message::OwnedMessage;
use crate::error::ConsumeError;

/// Copies of the messages, in order, until the end of the stream. Made by [`Consumer::messages`].
///
/// A gap is yielded where it is ([`ConsumeError::Gap`]). Any other error (corrupt memory) is yielded once; then the iterator ends.
///
/// ```
/// let mut buffer = perdix_host::Buffer::new(8)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// producer.produce_all([b"one", b"two"])?;
/// producer.finish();
/// let all: Result<Vec<_>, _> = consumer.messages().collect();
/// assert_eq!(all?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Messages<'c, 'b> {
    /// `None` after the end.
    consumer: Option<&'c mut Consumer<'b>>,
}

impl<'c, 'b> Messages<'c, 'b> {
    pub(super) fn new(consumer: &'c mut Consumer<'b>) -> Self {
        Self { consumer: Some(consumer) }
    }
}

impl Iterator for Messages<'_, '_> {
    type Item = Result<OwnedMessage, ConsumeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.consumer.as_mut()?.consume().map(|message| message.to_owned());
        if !matches!(next, Ok(_) | Err(ConsumeError::Gap { .. })) {
            self.consumer = None;
        }
        match next {
            Err(ConsumeError::EndOfStream) => None,
            other => Some(other),
        }
    }
}

impl std::iter::FusedIterator for Messages<'_, '_> {}
