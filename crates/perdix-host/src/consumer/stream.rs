//! The stream of messages as a `Stream`, and its next message as a future.

use std::borrow::BorrowMut;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::iter::is_last;
use super::{Consumer, Message, OwnedMessage};
use crate::error::ConsumeError;
use crate::poller::{Registration, Watch};

/// Messages that a [`MessageStream`] yields in a row before it lets other tasks run.
const TURN: u32 = 256;

/// Copies of the messages, in order, until the end of the stream, on any executor. Made by
/// [`Consumer::stream`] and [`Consumer::into_stream`]. (Feature `futures`.)
///
/// It yields what [`Messages`](crate::Messages) yields; instead of waiting it has its task woken by
/// the [poller](crate::poller). It may be dropped at any time; a message is taken when it is
/// yielded, and none is lost. After 256 messages in a row it lets other tasks of its executor run.
///
/// To read messages where they lie, see [`Consumer::next_message`].
///
/// ```
/// use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
/// use perdix_host::Buffer;
///
/// let (producer, consumer) = Buffer::new(8)?.split();
/// let mut sink = producer.into_sink();
/// let sending = async move {
///     let mut numbers = stream::iter((0..100_u8).map(|i| Ok([i])));
///     sink.send_all(&mut numbers).await?;
///     sink.close().await
/// };
/// let receiving = consumer.into_stream().try_fold(0, |sum, message| async move { Ok(sum + u32::from(message[0])) });
/// let (sent, sum) = futures_executor::block_on(futures_util::future::join(sending, receiving));
/// assert_eq!((sent, sum), (Ok(()), Ok(4950)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct MessageStream<'a, C = Consumer<'a>> {
    /// Dropped first.
    registration: Registration,
    consumer: C,
    over: bool,
    /// Messages since the last wait.
    turn: u32,
    ring: PhantomData<Consumer<'a>>,
}

/// Waits until a look at the ring finds something; made by [`Consumer::peek`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Ready<'c, 'a> {
    /// Dropped first.
    registration: Registration,
    consumer: &'c mut Consumer<'a>,
}

impl<'a> Consumer<'a> {
    /// The messages as a `Stream`. (Feature `futures`.)
    pub fn stream(&mut self) -> MessageStream<'a, &mut Self> {
        MessageStream::new(self)
    }

    /// The messages as a `Stream`, by value: to move into a task. (Feature `futures`.)
    pub fn into_stream(self) -> MessageStream<'a> {
        MessageStream::new(self)
    }

    /// Waits until a message is there, for [`try_consume`](Self::try_consume) or any other call to
    /// take it. Takes nothing itself, so it may be dropped at any time. (Feature `futures`.)
    ///
    /// # Errors
    /// As [`consume`](Self::consume).
    pub fn ready(&mut self) -> Ready<'_, 'a> {
        Ready { registration: Registration::default(), consumer: self }
    }

    /// The next message, where it lies, waiting for it. May be dropped at any time: a message is
    /// taken when it is handed out. (Feature `futures`.)
    ///
    /// ```
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.produce(b"abc")?;
    /// let length = futures_executor::block_on(async {
    ///     let message = consumer.next_message().await?;
    ///     Ok::<_, perdix_host::ConsumeError>(message.len())
    /// });
    /// assert_eq!(length, Ok(3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`consume`](Self::consume).
    pub async fn next_message(&mut self) -> Result<Message<'_>, ConsumeError> {
        loop {
            self.ready().await?;
            // Only hostile memory can have taken it back.
            if let Some(meta) = self.look(false)? {
                return Ok(self.take_message(meta));
            }
        }
    }

    /// What to wait for after a look that found nothing.
    pub(crate) fn watch(&mut self) -> Watch {
        self.learn_producer();
        let number = self.position();
        Watch::message(Arc::clone(&self.shared), number, self.producer.may_vanish())
    }
}

impl Future for Ready<'_, '_> {
    type Output = Result<(), ConsumeError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { registration, consumer } = self.get_mut();
        match consumer.look(registration.is_waiting()) {
            Ok(None) => {
                registration.wait(cx, vec![consumer.watch()]);
                Poll::Pending
            }
            found => {
                registration.end();
                Poll::Ready(found.map(|_| ()))
            }
        }
    }
}

impl<'a, C: BorrowMut<Consumer<'a>>> MessageStream<'a, C> {
    fn new(consumer: C) -> Self {
        Self { registration: Registration::default(), consumer, over: false, turn: 0, ring: PhantomData }
    }

    /// The consumer; nothing that was not yielded is lost.
    pub fn into_inner(self) -> C {
        self.consumer
    }
}

impl<'a, C: BorrowMut<Consumer<'a>> + Unpin> Stream for MessageStream<'a, C> {
    type Item = Result<OwnedMessage, ConsumeError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        if this.turn == TURN {
            this.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let consumer = this.consumer.borrow_mut();
        let next = match consumer.look(this.registration.is_waiting()) {
            Ok(Some(meta)) => Some(Ok(consumer.take_message(meta).to_owned())),
            Ok(None) => {
                this.turn = 0;
                this.registration.wait(cx, vec![consumer.watch()]);
                return Poll::Pending;
            }
            Err(ConsumeError::EndOfStream) => None,
            Err(error) => Some(Err(error)),
        };
        this.registration.end();
        this.turn += 1;
        this.over = is_last(&next);
        Poll::Ready(next)
    }
}

impl<'a, C: BorrowMut<Consumer<'a>> + Unpin> FusedStream for MessageStream<'a, C> {
    fn is_terminated(&self) -> bool {
        self.over
    }
}
