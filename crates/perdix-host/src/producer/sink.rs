//! The producer as a `Sink`, and room in its ring as a future.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use super::{PUBLISH_EVERY, Producer, explain};
use crate::error::ProduceError;
use crate::poller::{Registration, Watch};

/// A `Sink` of messages (anything that is bytes, up to 240), on any executor. Made by
/// [`Producer::into_sink`]. (Feature `futures`.)
///
/// `poll_ready` waits for a free slot: its task is woken by the [poller](crate::poller). Items are
/// written into their slots at once and published together: every 32, when the ring is full, and by
/// `poll_flush`. `poll_close` ends the stream, and so does dropping the sink, which publishes what
/// it took before.
///
/// Messages are of kind 0. The example is at [`MessageStream`](crate::MessageStream).
///
/// A sink takes items of one type. `poll_flush` and `poll_close` look whether the consumer is still
/// there: what nobody will read is no success.
#[must_use = "sinks do nothing unless polled"]
pub struct MessageSink<'a, T = Vec<u8>> {
    /// Dropped first.
    registration: Registration,
    /// `None` after it was closed.
    producer: Option<Producer<'a>>,
    item: PhantomData<fn(T)>,
}

impl<T> fmt::Debug for MessageSink<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSink").field("producer", &self.producer).finish_non_exhaustive()
    }
}

/// Why a [`MessageSink`] did not take an item, which is lost then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It was closed before: the stream has ended.
    #[error("the sink is closed; the stream has ended")]
    Closed,
    /// The message could not be produced. ([`ProduceError::Full`] only if the sink was not asked
    /// whether it is ready.)
    #[error(transparent)]
    Produce(#[from] ProduceError),
}

/// Waits until slots are free; made by [`Producer::room`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Room<'p, 'a> {
    /// Dropped first.
    registration: Registration,
    producer: &'p mut Producer<'a>,
    slots: u64,
}

impl<'a> Producer<'a> {
    /// The producer as a `Sink` of items of one type, anything that is bytes. (Feature `futures`.)
    ///
    /// ```
    /// use futures_util::SinkExt;
    /// let (producer, mut consumer) = perdix_host::Buffer::new(8)?.split();
    /// futures_executor::block_on(async {
    ///     let mut sink = producer.into_sink();
    ///     sink.feed("one").await?;
    ///     sink.feed("two").await?;
    ///     sink.flush().await?;
    ///     sink.close().await
    /// })?;
    /// assert_eq!(consumer.messages().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_sink<T: AsRef<[u8]>>(self) -> MessageSink<'a, T> {
        MessageSink { registration: Registration::default(), producer: Some(self), item: PhantomData }
    }

    /// Waits until `slots` slots are free, for [`reserve`](Self::reserve), [`batch`](Self::batch)
    /// or any other call to fill. May be dropped at any time. (Feature `futures`.)
    ///
    /// ```
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// futures_executor::block_on(async {
    ///     producer.room(1).await?;
    ///     let mut grant = producer.reserve(3, perdix_host::Wait::No)?;
    ///     grant.copy_from_slice(b"abc");
    ///     grant.commit();
    ///     Ok::<_, perdix_host::ProduceError>(())
    /// })?;
    /// assert_eq!(consumer.try_consume().as_deref(), Some(&b"abc"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ProduceError::ConsumerGone`], [`ProduceError::ConsumerLost`] or [`ProduceError::Corrupt`];
    /// [`ProduceError::Full`] if the ring has fewer slots.
    pub fn room(&mut self, slots: usize) -> Room<'_, 'a> {
        self.core().abandon();
        Room { registration: Registration::default(), producer: self, slots: slots as u64 }
    }

    /// Whether `slots` slots are free beyond those staged; if not, what is staged is published, and
    /// the task is woken when they are.
    fn poll_room(
        &mut self,
        slots: u64,
        registration: &mut Registration,
        cx: &Context<'_>,
    ) -> Poll<Result<(), ProduceError>> {
        let Self { core, waiting, shared, .. } = self;
        let staged = core.staged();
        let mut found =
            core.ensure(staged.saturating_add(slots)).map_err(|refused| explain(refused, core, 0, slots));
        if let Err(ProduceError::Full { .. }) = found {
            core.publish();
            found = waiting.room(core, slots, registration.is_waiting());
        }
        match found {
            Err(ProduceError::Full { .. }) if slots <= core.ring().capacity() => {
                let may_vanish = waiting.may_be_in_vain();
                let watch = Watch::room(Arc::clone(shared), core.head(), slots, may_vanish);
                registration.wait(cx, vec![watch]);
                Poll::Pending
            }
            other => {
                registration.end();
                Poll::Ready(other)
            }
        }
    }

    /// Whether somebody may still read.
    fn check_consumer(&self) -> Result<(), ProduceError> {
        if self.core.consumer_disconnected() {
            return Err(ProduceError::ConsumerGone);
        }
        self.waiting.lost().map_or(Ok(()), |_| Err(ProduceError::ConsumerLost))
    }
}

impl Future for Room<'_, '_> {
    type Output = Result<(), ProduceError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { registration, producer, slots } = self.get_mut();
        producer.poll_room(*slots, registration, cx)
    }
}

impl<'a, T> MessageSink<'a, T> {
    /// The producer, with all that was taken published; `None` if the sink was closed.
    pub fn into_inner(mut self) -> Option<Producer<'a>> {
        self.publish();
        self.producer.take()
    }

    fn publish(&mut self) {
        if let Some(producer) = &mut self.producer {
            producer.core().publish();
        }
    }

    /// Publishes what was taken, and looks whether anybody will read it. (A sink that is closed has
    /// nothing left.)
    fn flush_now(&mut self) -> Result<(), SinkError> {
        self.publish();
        self.producer.as_ref().map_or(Ok(()), |producer| Ok(producer.check_consumer()?))
    }
}

impl<T: AsRef<[u8]>> Sink<T> for MessageSink<'_, T> {
    type Error = SinkError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        let Self { registration, producer, .. } = self.get_mut();
        let Some(producer) = producer else { return Poll::Ready(Err(SinkError::Closed)) };
        Poll::Ready(Ok(ready!(producer.poll_room(1, registration, cx))?))
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), SinkError> {
        let Some(producer) = &mut self.get_mut().producer else { return Err(SinkError::Closed) };
        let (core, message) = (producer.core(), item.as_ref());
        core.stage(0, 0, message).map_err(|refused| explain(refused, core, message.len(), 1))?;
        if core.staged() >= PUBLISH_EVERY {
            core.publish();
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        Poll::Ready(self.get_mut().flush_now())
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SinkError>> {
        let this = self.get_mut();
        let flushed = this.flush_now();
        this.producer = None;
        Poll::Ready(flushed)
    }
}

impl<T> Drop for MessageSink<'_, T> {
    fn drop(&mut self) {
        self.registration.end();
        self.publish();
    }
}
