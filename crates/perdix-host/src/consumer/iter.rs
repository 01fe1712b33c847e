//! The stream as an iterator.

use super::Consumer;
use super::message::OwnedMessage;
use crate::error::ConsumeError;

/// Copies of the messages, in order, until the end of the stream. Made by [`Consumer::messages`], and by `for` over `&mut consumer`.
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

/// [`Messages`] that own their consumer: what `for` over a consumer makes. Dropping it tells the producer that nobody reads any more.
///
/// ```
/// let (mut producer, consumer) = perdix_host::Buffer::new(8)?.split();
/// let sum = std::thread::spawn(move || -> Result<u32, perdix_host::ConsumeError> {
///     let mut sum = 0;
///     for message in consumer {
///         sum += u32::from(message?[0]);
///     }
///     Ok(sum)
/// });
/// producer.produce_all([[1], [2], [3]])?;
/// producer.finish();
/// assert_eq!(sum.join().unwrap()?, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IntoMessages<'b> {
    consumer: Consumer<'b>,
    over: bool,
}

impl<'c, 'b> Messages<'c, 'b> {
    pub(super) fn new(consumer: &'c mut Consumer<'b>) -> Self {
        Self { consumer: Some(consumer) }
    }
}

impl Iterator for Messages<'_, '_> {
    type Item = Result<OwnedMessage, ConsumeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = copy_of_next(self.consumer.as_mut()?);
        if is_last(&next) {
            self.consumer = None;
        }
        next
    }
}

impl Iterator for IntoMessages<'_> {
    type Item = Result<OwnedMessage, ConsumeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = copy_of_next(&mut self.consumer);
        self.over = is_last(&next);
        next
    }
}

impl std::iter::FusedIterator for Messages<'_, '_> {}
impl std::iter::FusedIterator for IntoMessages<'_> {}

impl<'c, 'b> IntoIterator for &'c mut Consumer<'b> {
    type Item = Result<OwnedMessage, ConsumeError>;
    type IntoIter = Messages<'c, 'b>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages()
    }
}

impl<'b> IntoIterator for Consumer<'b> {
    type Item = Result<OwnedMessage, ConsumeError>;
    type IntoIter = IntoMessages<'b>;

    fn into_iter(self) -> Self::IntoIter {
        IntoMessages { consumer: self, over: false }
    }
}

fn copy_of_next(consumer: &mut Consumer<'_>) -> Option<Result<OwnedMessage, ConsumeError>> {
    match consumer.consume() {
        Ok(message) => Some(Ok(message.to_owned())),
        Err(ConsumeError::EndOfStream) => None,
        Err(error) => Some(Err(error)),
    }
}

/// Whether nothing follows.
pub(crate) fn is_last(next: &Option<Result<OwnedMessage, ConsumeError>>) -> bool {
    !matches!(next, Some(Ok(_) | Err(ConsumeError::Gap { .. })))
}
