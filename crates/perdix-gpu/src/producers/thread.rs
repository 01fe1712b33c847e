//! One thread.

use core::sync::atomic::Ordering;

use perdix_core::{DeviceRing, Mode, PAYLOAD_SIZE, Producer as Core, Refused};

use crate::error::Error;
use crate::intrinsics::{now_ns, sleep_ns};
use crate::link::Link;
use crate::source::read_chunk;

/// Sends messages from one thread: simplest, slowest (about a microsecond per message in fenced
/// mode).
///
/// The thread drives the same protocol code as a CPU producer. Messages come in the order of the
/// calls: what is
/// [staged](Self::stage) is published by every call that sends or drops another message, and by those that end or pause
/// the stream.
///
/// ```
/// use perdix_gpu::emulation::EmulatedRing;
/// use perdix_gpu::{Mode, ThreadProducer};
///
/// let mut ring = EmulatedRing::new(8, Mode::Fenced);
/// // SAFETY: the ring's only producer, and the ring outlives it.
/// let mut producer = unsafe { ThreadProducer::new(ring.handle()) }?;
/// producer.stage(0, b"one")?;
/// producer.stage(0, b"two")?; // both under one fence
/// producer.produce(0, b"three")?;
/// producer.stage(0, b"four")?;
/// producer.finish();
/// let texts: Vec<_> = ring.received().into_iter().map(|(_, bytes)| bytes).collect();
/// assert_eq!(texts, [b"one".as_slice(), b"two", b"three", b"four"]);
/// # Ok::<(), perdix_gpu::Error>(())
/// ```
#[derive(Debug)]
pub struct ThreadProducer {
    core: Core,
    link: Link,
}

impl ThreadProducer {
    /// The producer of a ring, going on where the one before paused.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made, [`Error::Version`] if a host of
    /// another layout version made it.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel. This thread's producer is the
    /// only one that uses the ring and its state now.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceRing) -> Result<Self, Error> {
        // SAFETY: the caller's contract.
        let link = unsafe { Link::new(&handle) }?;
        // SAFETY: the caller's contract.
        let mut core = unsafe { Core::resume_at(link.ring, link.state.head()) };
        let state = link.state.words();
        core.set_dropped(state.dropped.load(Ordering::Relaxed), state.unreported.load(Ordering::Relaxed));
        Ok(Self { core, link })
    }

    /// Sends `message` (up to 240 bytes) if a slot is free.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::ConsumerGone`], [`Error::TooLong`] or [`Error::Corrupt`]; nothing
    /// was sent then.
    #[inline(always)]
    pub fn try_produce(&mut self, kind: u16, message: &[u8]) -> Result<(), Error> {
        self.produce_within(kind, message, 0)
    }

    /// Sends `message`, waiting while the ring is full, up to the ring's time limit.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::ConsumerGone`], [`Error::TooLong`] or [`Error::Corrupt`];
    /// nothing was sent then.
    #[inline(always)]
    pub fn produce(&mut self, kind: u16, message: &[u8]) -> Result<(), Error> {
        self.produce_within(kind, message, self.link.limit_ns)
    }

    /// [`produce`](Self::produce) with another time limit.
    ///
    /// # Errors
    /// As [`produce`](Self::produce); [`Error::Full`] if the limit is 0.
    #[inline(always)]
    pub fn produce_within(&mut self, kind: u16, message: &[u8], limit_ns: u64) -> Result<(), Error> {
        self.publish();
        loop {
            match self.push(kind, message) {
                Err(Refused::Full) => self.wait(limit_ns)?,
                other => return other.map_err(Error::from),
            }
        }
    }

    /// Sends `message` if a slot is free; if the ring is full, drops and counts it. Whether it was
    /// sent. The consumer learns in order how many are missing, by a gap marker that takes a slot
    /// of its own: after a drop messages are dropped until two slots are free.
    ///
    /// # Errors
    /// [`Error::ConsumerGone`], [`Error::TooLong`] or [`Error::Corrupt`]; the message is not
    /// counted then.
    #[inline(always)]
    pub fn produce_or_drop(&mut self, kind: u16, message: &[u8]) -> Result<bool, Error> {
        if message.len() > PAYLOAD_SIZE {
            return Err(Error::TooLong);
        }
        self.publish();
        Ok(self.core.room_or_drop()? && self.push(kind, message).map(|()| true)?)
    }

    /// Sends one message of `len` bytes (up to 240) that never lies in memory: `make(chunk)` gives
    /// its bytes `16 * chunk` to `16 * chunk + 16`. Waits as [`produce`](Self::produce), and is
    /// faster.
    ///
    /// # Errors
    /// As [`produce`](Self::produce).
    #[inline(always)]
    pub fn produce_with(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2],
    ) -> Result<(), Error> {
        self.produce_with_within(kind, len, make, self.link.limit_ns)
    }

    /// [`produce_with`](Self::produce_with) with another time limit.
    ///
    /// # Errors
    /// As [`produce`](Self::produce); [`Error::Full`] if the limit is 0.
    #[inline(always)]
    pub fn produce_with_within(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2],
        limit_ns: u64,
    ) -> Result<(), Error> {
        self.publish();
        loop {
            match self.core.push_chunks(kind, 0, len, &make) {
                Err(Refused::Full) => self.wait(limit_ns)?,
                other => return other.map_err(Error::from),
            }
        }
    }

    /// [`produce_or_drop`](Self::produce_or_drop) of a message as
    /// [`produce_with`](Self::produce_with) takes it.
    ///
    /// # Errors
    /// As [`produce_or_drop`](Self::produce_or_drop).
    #[inline(always)]
    pub fn produce_with_or_drop(
        &mut self,
        kind: u16,
        len: usize,
        make: impl Fn(usize) -> [u64; 2],
    ) -> Result<bool, Error> {
        if len > PAYLOAD_SIZE {
            return Err(Error::TooLong);
        }
        self.publish();
        Ok(self.core.room_or_drop()? && self.core.push_chunks(kind, 0, len, make).map(|()| true)?)
    }

    /// Copies a message into the next slot without publishing it: [`publish`](Self::publish) then
    /// makes all staged messages visible under one fence, as does every other call that sends,
    /// drops, ends or pauses. For fenced rings; on a fence-free ring it sends at once. A producer
    /// that is dropped, not ended, publishes nothing: that is a kernel that breaks off.
    ///
    /// # Errors
    /// As [`try_produce`](Self::try_produce).
    #[inline(always)]
    pub fn stage(&mut self, kind: u16, message: &[u8]) -> Result<(), Error> {
        match self.link.ring.mode() {
            Mode::Fenced => self.core.stage(kind, 0, message).map_err(Error::from),
            Mode::FenceFree => self.push(kind, message).map_err(Error::from),
        }
    }

    /// Publishes what is staged, and says how many messages that were.
    #[inline(always)]
    pub fn publish(&mut self) -> u64 {
        self.core.publish()
    }

    /// Leaves the stream open for a later kernel.
    #[inline(always)]
    pub fn pause(mut self) {
        self.store_place();
        self.link.leave_open();
    }

    /// Ends the stream.
    #[inline(always)]
    pub fn finish(mut self) {
        self.store_place();
        self.link.close();
    }

    /// Ends the stream and tells the consumer why it ends early.
    #[inline(always)]
    pub fn fail(mut self, error: Error) {
        self.store_place();
        self.link.give_up(self.core.head(), error);
        self.link.close();
    }

    #[inline(always)]
    fn push(&mut self, kind: u16, message: &[u8]) -> Result<(), Refused> {
        match self.link.ring.mode() {
            Mode::Fenced => self.core.push(kind, 0, message),
            Mode::FenceFree => self.core.push_chunks(kind, 0, message.len(), |pair| {
                let (offset, len) = (16 * pair, message.len());
                let left = if len - offset < 16 { len - offset } else { 16 };
                // SAFETY: the protocol asks only for pairs that the message has.
                unsafe { read_chunk(message.as_ptr().wrapping_add(offset), left) }
            }),
        }
    }

    // Not a function of its own on a GPU: one that got the producer's address would force it into
    // local memory.
    #[cfg_attr(target_arch = "nvptx64", inline(always))]
    #[cfg_attr(not(target_arch = "nvptx64"), cold, inline(never))]
    fn wait(&mut self, limit_ns: u64) -> Result<(), Error> {
        let begun = now_ns();
        loop {
            match self.core.ensure(1) {
                Err(Refused::Full) if limit_ns == 0 => return Err(Error::Full),
                Err(Refused::Full) if now_ns().wrapping_sub(begun) >= limit_ns => {
                    return Err(Error::TimedOut);
                }
                Err(Refused::Full) => sleep_ns(500),
                other => return other.map_err(Error::from),
            }
        }
    }

    #[inline(always)]
    fn store_place(&mut self) {
        self.publish();
        let (messages, bytes, full) = self.core.counts();
        self.link.count(messages, bytes, full);
        self.link.add_counts();
        let state = self.link.state.words();
        state.head.store(self.core.head(), Ordering::Relaxed);
        state.unreported.store(self.core.unreported(), Ordering::Relaxed);
        state.dropped.store(self.core.dropped(), Ordering::Relaxed);
    }
}
