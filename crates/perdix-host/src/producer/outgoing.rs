//! One message to send, with its options.

use bytemuck::bytes_of;
use perdix_core::{Producer as Core, Refused, Typed};

use super::typed::kind_of;
use super::{Producer, Waiting, explain};
use crate::error::ProduceError;
use crate::wait::Wait;

/// A message and how it is to be sent. Made by [`Producer::message`] and [`Producer::value`].
///
/// ```
/// use perdix_host::{Buffer, ProduceError, Wait};
/// use std::time::Duration;
///
/// let mut buffer = Buffer::new(2)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// producer.message(b"one").kind(7).send()?;
/// producer.message(b"two").wait(Duration::from_secs(1)).send()?;
/// let full = producer.message(b"three").wait(Wait::No).send();
/// assert!(matches!(full, Err(ProduceError::Full { .. })));
/// assert_eq!(producer.message(b"three").send_or_drop(), Ok(false));
/// assert_eq!(consumer.try_next()?.kind(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The options cost nothing: [`produce`](Producer::produce) is `message(bytes).send()`, and
/// [`try_produce`](Producer::try_produce) is the same with [`Wait::No`].
#[derive(Debug)]
#[must_use = "a message that is not sent is not published"]
pub struct Outgoing<'p> {
    pub(super) core: &'p mut Core,
    pub(super) waiting: &'p mut Waiting,
    pub(super) bytes: &'p [u8],
    pub(super) kind: u16,
    pub(super) wait: Wait,
}

impl Producer<'_> {
    /// A message to send: of kind 0, waiting for a free slot, unless its options say otherwise.
    #[inline(always)]
    pub fn message<'p>(&'p mut self, bytes: &'p [u8]) -> Outgoing<'p> {
        let Self { core, waiting, .. } = self;
        Outgoing { core, waiting, bytes, kind: 0, wait: Wait::Forever }
    }

    /// A value to send as a message of its type's kind, with the options of
    /// [`message`](Self::message). A type that does not fit a slot does not compile.
    ///
    /// ```
    /// # #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
    /// # #[repr(C)]
    /// # struct Residual(f32);
    /// # impl perdix_host::Typed for Residual {
    /// #     const KIND: u16 = 3;
    /// # }
    /// use perdix_host::Wait;
    /// let mut buffer = perdix_host::Buffer::new(8)?;
    /// let (mut producer, mut consumer) = buffer.split_mut();
    /// producer.value(&Residual(0.5)).send()?;
    /// assert_eq!(*consumer.value::<Residual>(Wait::Forever)?, Residual(0.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn value<'p, T: Typed>(&'p mut self, value: &'p T) -> Outgoing<'p> {
        self.message(bytes_of(value)).kind(kind_of::<T>())
    }
}

impl Outgoing<'_> {
    /// With this kind: a tag of 16 bits for the user's purposes.
    #[inline(always)]
    pub fn kind(self, kind: u16) -> Self {
        Self { kind, ..self }
    }

    /// Waiting this long for free slots; until there are some, unless said.
    #[inline(always)]
    pub fn wait(self, wait: impl Into<Wait>) -> Self {
        Self { wait: wait.into(), ..self }
    }

    /// Publishes the message (up to 240 bytes).
    ///
    /// # Errors
    /// [`ProduceError`]; nothing is published then. [`ProduceError::TooLong`]: over 240 bytes,
    /// [`send_large`](Self::send_large) is the call.
    #[inline(always)]
    pub fn send(self) -> Result<(), ProduceError> {
        let Self { core, waiting, bytes, kind, wait } = self;
        match core.push(kind, 0, bytes) {
            Ok(()) => Ok(()),
            Err(refused) => send_slowly(refused, core, waiting, kind, bytes, wait),
        }
    }

    /// Publishes the message (up to 240 bytes) if a slot is free; if the ring is full, drops and counts it,
    /// and returns `false`. It never waits, whatever [`wait`](Self::wait) says.
    ///
    /// The consumer learns how many messages are missing, in their place
    /// ([`ConsumeError::Gap`](crate::ConsumeError::Gap)). The gap marker takes a slot of its own ahead of the
    /// next message, so after a drop messages are dropped until two slots are free. (On a ring of one slot the
    /// marker goes first and the message is dropped; under lasting pressure such a ring carries nothing but
    /// gap markers.)
    ///
    /// # Errors
    /// [`ProduceError::TooLong`], [`ProduceError::ConsumerGone`] or [`ProduceError::Corrupt`]; the message is
    /// not counted as dropped then.
    #[inline]
    pub fn send_or_drop(self) -> Result<bool, ProduceError> {
        let Self { core, bytes, kind, .. } = self;
        core.push_or_drop(kind, 0, bytes).map_err(|refused| explain(refused, core, bytes.len(), 1))
    }
}

/// Sends a message that was refused at first.
#[cold]
fn send_slowly(
    refused: Refused,
    core: &mut Core,
    waiting: &mut Waiting,
    kind: u16,
    bytes: &[u8],
    wait: Wait,
) -> Result<(), ProduceError> {
    waiting.wait_after(refused, core, wait)?;
    core.push(kind, 0, bytes).map_err(|refused| explain(refused, core, bytes.len(), 1))
}
