//! What producers of whole warps have in common, however they claim their numbers.

use perdix_core::{MessageLayout, PAYLOAD_SIZE, Typed};

use super::batch_size;
use crate::error::{BatchError, Error};
use crate::intrinsics::{WARP_SIZE, Warp, lane_id};
use crate::link::Link;
use crate::packer::PackInto;
use crate::source::{FromFn, Source};
use crate::value::{Value, chunk_of};
use crate::write::{fitting, publish};

/// How a warp comes by message numbers whose slots are free. (Only this crate implements it.)
pub trait Claim {
    /// The first of `count` (1 to 32) numbers, once their slots are free; waits up to `limit_ns`.
    fn wait(&mut self, link: &mut Link, warp: &mut Warp, count: u32, limit_ns: u64) -> Result<u64, Error>;

    /// A number whose slot is free now.
    fn now(&mut self, link: &mut Link, warp: &mut Warp) -> Result<u64, Error>;

    /// A number whose slot is free now; `None` if there is none, and a message was counted as
    /// dropped.
    fn or_drop(&mut self, link: &mut Link, warp: &mut Warp) -> Result<Option<u64>, Error>;
}

/// Sends messages from a warp, whose 32 lanes call every method together with the same arguments: a
/// [`WarpProducer`](crate::WarpProducer), the ring's only one, or one
/// [`GridProducer`](crate::GridProducer) of many.
///
/// The lanes write 16 bytes each, so a message is one coalesced store; a batch shares one fence.
///
/// **Errors of a grid's producer.** [`Error::TimedOut`], [`Error::ConsumerGone`],
/// [`Error::Corrupt`] and [`Error::Stopped`] of calls that wait end the stream before the message,
/// for all warps: its number was claimed. After all other errors nothing was claimed, and the
/// stream goes on; as it does after any error of a warp's producer.
#[derive(Debug)]
pub struct ConvergedProducer<C> {
    pub(super) link: Link,
    pub(super) warp: Warp,
    pub(super) claim: C,
}

impl<C: Claim> ConvergedProducer<C> {
    /// Sends one message of `len` bytes (up to 240), waiting up to the ring's time limit; the lane
    /// that stores bytes `16 * chunk` to `16 * chunk + 16` calls `make(chunk)` for them, by itself.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::ConsumerGone`], [`Error::TooLong`], [`Error::Corrupt`], or
    /// [`Error::Stopped`] when another warp of the grid has ended the stream; the message was not
    /// sent then.
    #[inline(always)]
    pub fn produce(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2] + Sync,
    ) -> Result<(), Error> {
        self.produce_until(kind, len, make, self.link.limit_ns)
    }

    /// Sends one message if a slot is free.
    ///
    /// # Errors
    /// As [`produce`](Self::produce), with [`Error::Full`] instead of [`Error::TimedOut`]; nothing
    /// was claimed then.
    #[inline(always)]
    pub fn try_produce(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2] + Sync,
    ) -> Result<(), Error> {
        check_len(len)?;
        let number = self.claim.now(&mut self.link, &mut self.warp)?;
        self.publish(number, 1, &FromFn::new(len, kind, |_, chunk| make(chunk)), 0);
        Ok(())
    }

    /// Sends one message if a slot is free; if the ring is full, drops and counts it. Whether it
    /// was sent.
    ///
    /// The consumer learns in order how many are missing, by gap markers that take a slot of their
    /// own: after a drop messages are dropped until two slots are free.
    ///
    /// # Errors
    /// [`Error::ConsumerGone`], [`Error::TooLong`], [`Error::Corrupt`] or [`Error::Stopped`]; the
    /// message is not counted then.
    #[inline(always)]
    pub fn produce_or_drop(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2] + Sync,
    ) -> Result<bool, Error> {
        check_len(len)?;
        let Some(number) = self.claim.or_drop(&mut self.link, &mut self.warp)? else { return Ok(false) };
        self.publish(number, 1, &FromFn::new(len, kind, |_, chunk| make(chunk)), 0);
        Ok(true)
    }

    /// [`produce`](Self::produce) of what the lanes have, as a [`WarpMessage`](crate::WarpMessage)
    /// holds them: lane `i` gives bytes `16 * i` to `16 * i + 16`.
    ///
    /// # Errors
    /// As [`produce`](Self::produce).
    #[inline(always)]
    pub fn produce_chunks(&mut self, kind: u16, len: usize, chunk: [u64; 2]) -> Result<(), Error> {
        // The first lane stores the header, so that each chunk is stored by the lane behind the one
        // that has it.
        let before = lane_id().wrapping_sub(1) % WARP_SIZE;
        let chunk = chunk.map(|word| self.warp.shuffle_u64(word, before));
        self.produce(kind, len, |_| chunk)
    }

    /// Sends the first `count` messages of `source`, 32 (one claim, one fence) at a time, waiting
    /// up to the ring's time limit for each 32.
    ///
    /// # Errors
    /// [`BatchError`] says how many were sent; where the stream goes on, the next call does after
    /// them.
    #[inline(always)]
    pub fn produce_batch(&mut self, count: u64, source: &impl Source) -> Result<(), BatchError> {
        self.produce_batch_until(count, source, self.link.limit_ns)
    }

    /// Sends a value, the same in all lanes, waiting up to the ring's time limit.
    ///
    /// # Errors
    /// As [`produce`](Self::produce).
    #[inline(always)]
    pub fn send<T: Typed>(&mut self, value: &T) -> Result<(), Error> {
        let value = Value(value);
        self.produce(T::KIND, MessageLayout::<T>::SIZE, |chunk| chunk_of(&value, chunk))
    }

    /// Sends a value, the same in all lanes, if a slot is free.
    ///
    /// # Errors
    /// As [`try_produce`](Self::try_produce).
    #[inline(always)]
    pub fn try_send<T: Typed>(&mut self, value: &T) -> Result<(), Error> {
        let value = Value(value);
        self.try_produce(T::KIND, MessageLayout::<T>::SIZE, |chunk| chunk_of(&value, chunk))
    }

    /// Sends a value, the same in all lanes, if a slot is free; if the ring is full, drops and
    /// counts it. Whether it was sent.
    ///
    /// # Errors
    /// As [`produce_or_drop`](Self::produce_or_drop).
    #[inline(always)]
    pub fn send_or_drop<T: Typed>(&mut self, value: &T) -> Result<bool, Error> {
        let value = Value(value);
        self.produce_or_drop(T::KIND, MessageLayout::<T>::SIZE, |chunk| chunk_of(&value, chunk))
    }

    /// The warp's token, for operations of the kernel's own: all lanes are here, by the contract of
    /// the constructor.
    #[inline(always)]
    pub fn warp(&mut self) -> &mut Warp {
        &mut self.warp
    }

    #[inline(always)]
    pub(super) fn produce_until(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2] + Sync,
        limit_ns: u64,
    ) -> Result<(), Error> {
        check_len(len)?;
        let number = self.claim.wait(&mut self.link, &mut self.warp, 1, limit_ns)?;
        self.publish(number, 1, &FromFn::new(len, kind, |_, chunk| make(chunk)), 0);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn produce_batch_until(
        &mut self,
        count: u64,
        source: &impl Source,
        limit_ns: u64,
    ) -> Result<(), BatchError> {
        let most = batch_size(&self.link);
        let mut sent = 0;
        while sent < count {
            let left = count - sent;
            let asked = if left < u64::from(most) { left as u32 } else { most };
            let some = fitting(&mut self.warp, source, sent, asked);
            if some != 0 {
                let number = self
                    .claim
                    .wait(&mut self.link, &mut self.warp, some, limit_ns)
                    .map_err(|error| BatchError { sent, error })?;
                self.publish(number, some, source, sent);
            }
            sent += u64::from(some);
            if some < asked {
                return Err(BatchError { sent, error: Error::TooLong });
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn publish(&mut self, number: u64, count: u32, source: &impl Source, index: u64) {
        debug_assert!(count <= WARP_SIZE);
        publish(&mut self.link, &mut self.warp, number, count, source, index);
    }
}

#[inline(always)]
fn check_len(len: usize) -> Result<(), Error> {
    if len > PAYLOAD_SIZE { Err(Error::TooLong) } else { Ok(()) }
}

impl<C: Claim> PackInto for ConvergedProducer<C> {
    #[inline(always)]
    fn slots(&self) -> u64 {
        self.link.ring.capacity()
    }

    #[inline(always)]
    fn warp(&mut self) -> &mut Warp {
        &mut self.warp
    }

    #[inline(always)]
    fn send(&mut self, count: u64, source: &impl Source) -> Result<(), BatchError> {
        self.produce_batch(count, source)
    }
}
