//! Several rings as one `Stream`.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::{ShardError, ShardedConsumer};
use crate::consumer::OwnedMessage;
use crate::poller::Registration;

/// Messages that a [`ShardStream`] yields in a row before it lets other tasks run.
const TURN: u32 = 256;

/// Copies of the messages of several rings, each with its ring's index, until all have ended. Made by [`ShardedConsumer::into_stream`]. (Feature
/// `futures`.)
///
/// It takes from the rings in turn, a message each. The trouble of a ring is an item ([`ShardError::Ring`]); the other rings go on.
///
/// ```
/// use futures_util::StreamExt;
/// use perdix_host::{ShardedConsumer, Shards};
///
/// let (producers, consumers) = Shards::new(4, 8)?.split();
/// for mut producer in producers {
///     producer.produce_all([b"a", b"b"])?;
/// }
/// let rings = ShardedConsumer::new(consumers).into_stream().map(|item| item.map(|(ring, _)| ring));
/// let rings: Vec<usize> = futures_executor::block_on_stream(rings).collect::<Result<_, _>>()?;
/// assert_eq!(rings, [0, 1, 2, 3, 0, 1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct ShardStream<'a> {
    /// Dropped first.
    registration: Registration,
    consumer: ShardedConsumer<'a>,
    over: bool,
    turn: u32,
}

impl<'a> ShardedConsumer<'a> {
    /// The messages of all rings as a `Stream`. (Feature `futures`.)
    pub fn into_stream(self) -> ShardStream<'a> {
        ShardStream { registration: Registration::default(), consumer: self, over: false, turn: 0 }
    }
}

impl<'a> ShardStream<'a> {
    /// The consumer; nothing that was not yielded is lost.
    pub fn into_inner(self) -> ShardedConsumer<'a> {
        self.consumer
    }
}

impl Stream for ShardStream<'_> {
    type Item = Result<(usize, OwnedMessage), ShardError>;

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
        let next = match this.consumer.pick(this.registration.is_waiting()) {
            Ok(Some((place, meta))) => {
                let (ring, message) = this.consumer.message(place, meta);
                Some(Ok((ring, message.to_owned())))
            }
            Ok(None) => {
                this.turn = 0;
                this.registration.wait(cx, this.consumer.watches());
                return Poll::Pending;
            }
            Err(ShardError::EndOfStream) => None,
            Err(error) => Some(Err(error)),
        };
        this.registration.end();
        this.turn += 1;
        this.over = next.is_none();
        Poll::Ready(next)
    }
}

impl FusedStream for ShardStream<'_> {
    fn is_terminated(&self) -> bool {
        self.over
    }
}
