//! Messages that are values of a type, the same on the host.

use core::marker::PhantomData;

use perdix_core::{MessageLayout, Typed};

use crate::error::Error;
use crate::producers::{BlockProducer, ThreadProducer};
use crate::source::Source;
use crate::value::{Value, chunk_of};

/// Typed messages that a closure makes, one to a slot: a batch for any producer's `produce_batch`.
///
/// `make(i)` returns message `i` of the batch; like all of a [`Source`] it is called by many lanes,
/// in any order, more than once.
///
/// ```
/// use perdix_gpu::emulation::{self, EmulatedRing};
/// use perdix_gpu::{Mode, Values, WarpProducer};
///
/// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
/// #[repr(C)]
/// struct Tile {
///     index: u64,
///     residual: f64,
/// }
/// impl perdix_gpu::Typed for Tile {
///     const KIND: u16 = 1;
/// }
///
/// let mut ring = EmulatedRing::new(64, Mode::Fenced);
/// emulation::launch(1, 32, || {
///     // SAFETY: one warp, and the ring outlives the launch.
///     let Ok(mut producer) = (unsafe { WarpProducer::new(ring.handle()) }) else { return };
///     let tiles = Values::new(|index| Tile { index, residual: 1.0 / index as f64 });
///     if producer.produce_batch(40, &tiles).is_ok() && producer.send(&Tile { index: 40, residual: 0.0 }).is_ok() {
///         producer.finish();
///     }
/// });
/// let messages = ring.received();
/// assert_eq!(messages.len(), 41);
/// assert_eq!((messages[7].0, messages[7].1[0]), (1, 7));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Values<T, F> {
    make: F,
    value: PhantomData<fn() -> T>,
}

impl<T: Typed, F: Fn(u64) -> T + Sync> Values<T, F> {
    /// As many messages as a batch asks for; `make(i)` returns message `i`.
    #[inline(always)]
    pub fn new(make: F) -> Self {
        Self { make, value: PhantomData }
    }
}

impl<T: Typed, F: Fn(u64) -> T + Sync> Source for Values<T, F> {
    #[inline(always)]
    fn len(&self, _index: u64) -> usize {
        MessageLayout::<T>::SIZE
    }

    #[inline(always)]
    fn kind(&self, _index: u64) -> u16 {
        T::KIND
    }

    #[inline(always)]
    fn chunk(&self, index: u64, chunk: usize) -> [u64; 2] {
        chunk_of(&Value(&(self.make)(index)), chunk)
    }
}

impl ThreadProducer {
    /// Sends a value, waiting while the ring is full, up to the ring's time limit.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::ConsumerGone`] or [`Error::Corrupt`]; nothing was sent then.
    #[inline(always)]
    pub fn send<T: Typed>(&mut self, value: &T) -> Result<(), Error> {
        self.produce_with(T::KIND, MessageLayout::<T>::SIZE, |chunk| chunk_of(&Value(value), chunk))
    }

    /// Sends a value if a slot is free.
    ///
    /// # Errors
    /// As [`send`](Self::send), with [`Error::Full`] instead of [`Error::TimedOut`].
    #[inline(always)]
    pub fn try_send<T: Typed>(&mut self, value: &T) -> Result<(), Error> {
        self.produce_with_within(T::KIND, MessageLayout::<T>::SIZE, |chunk| chunk_of(&Value(value), chunk), 0)
    }

    /// Sends a value if a slot is free; if the ring is full, drops and counts it. Whether it was
    /// sent.
    ///
    /// # Errors
    /// [`Error::ConsumerGone`] or [`Error::Corrupt`].
    #[inline(always)]
    pub fn send_or_drop<T: Typed>(&mut self, value: &T) -> Result<bool, Error> {
        self.produce_with_or_drop(T::KIND, MessageLayout::<T>::SIZE, |chunk| chunk_of(&Value(value), chunk))
    }
}

impl BlockProducer {
    /// Sends a value, the same in all threads, waiting while the ring is full, up to the ring's
    /// time limit. Many at once are faster: a batch of [`Values`].
    ///
    /// # Errors
    /// As [`produce_batch`](Self::produce_batch).
    #[inline(always)]
    pub fn send<T: Typed>(&mut self, value: &T) -> Result<(), Error> {
        self.produce_batch(1, &Value(value))
    }

    /// Sends a value, the same in all threads, if a slot is free.
    ///
    /// # Errors
    /// As [`try_produce_batch`](Self::try_produce_batch).
    #[inline(always)]
    pub fn try_send<T: Typed>(&mut self, value: &T) -> Result<(), Error> {
        self.try_produce_batch(1, &Value(value))
    }

    /// Sends a value, the same in all threads, if a slot is free; if the ring is full, drops and
    /// counts it. Whether it was sent.
    ///
    /// # Errors
    /// As [`produce_batch_or_drop`](Self::produce_batch_or_drop).
    #[inline(always)]
    pub fn send_or_drop<T: Typed>(&mut self, value: &T) -> Result<bool, Error> {
        self.produce_batch_or_drop(1, &Value(value))
    }
}
