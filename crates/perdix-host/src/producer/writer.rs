//! The stream as bytes: `Write`.

use std::borrow::BorrowMut;
use std::io::{self, Write};
use std::marker::PhantomData;

use perdix_core::PAYLOAD_SIZE;

use super::{PUBLISH_EVERY, Producer};
use crate::error::ProduceError;
use crate::wait::Wait;

/// A stream of bytes, cut into messages of 240 bytes. Made by [`Producer::writer`] and [`Producer::into_writer`].
///
/// [`write`](Write::write) waits for a free slot as the buffer's [`WaitStrategy`](crate::WaitStrategy) says. Bytes that do not fill a slot are
/// gathered; [`flush`](Write::flush), or dropping the writer, publishes them as a shorter message. The first of them makes sure of a
/// slot, so neither ever waits. A writer that is forgotten (`std::mem::forget`) loses them.
///
/// Dropping a borrowed writer leaves the stream open; dropping one that owns its producer, or [`finish`](Writer::finish), ends it. The messages are
/// of kind 0.
///
/// Errors: `BrokenPipe` once the consumer is gone (seen when the producer next looks at its tail, and by every `flush`),
/// `TimedOut` or `WouldBlock` as [`wait`](Self::wait) says, `InvalidData` if the ring's memory is corrupt. The [`ProduceError`] is the `io::Error`'s inner error. Nothing of
/// a `write` that fails was taken.
///
/// ```
/// use perdix_host::Buffer;
/// use std::io::{Read, Write};
///
/// let (producer, consumer) = Buffer::new(64)?.split();
/// let writing = std::thread::spawn(move || {
///     let mut writer = producer.into_writer();
///     for i in 0..1000 {
///         writeln!(writer, "line {i}")?;
///     }
///     writer.finish()
/// });
/// let mut text = String::new();
/// consumer.into_reader().read_to_string(&mut text)?;
/// assert_eq!(text.lines().count(), 1000);
/// # writing.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<'a, P: BorrowMut<Producer<'a>> = Producer<'a>> {
    producer: P,
    wait: Wait,
    /// Bytes gathered; a slot is free for them. A consumer that waits looks at the slot all the time, so they are stored there at once.
    filled: usize,
    gathered: [u8; PAYLOAD_SIZE],
    ring: PhantomData<Producer<'a>>,
}

impl<'a> Producer<'a> {
    /// Takes a stream of bytes.
    pub fn writer(&mut self) -> Writer<'a, &mut Self> {
        Writer::new(self)
    }

    /// Takes a stream of bytes, by value: dropping the writer ends the stream.
    pub fn into_writer(self) -> Writer<'a> {
        Writer::new(self)
    }

    /// Publishes full slots of `bytes` (at least one), as many as are free after waiting for one, and says how many bytes that were.
    fn write_slots(&mut self, bytes: &[u8], wait: Wait) -> Result<usize, ProduceError> {
        self.room_for(0, wait)?;
        let core = self.core();
        let want = PUBLISH_EVERY.min((bytes.len() / PAYLOAD_SIZE) as u64);
        if core.credit() < want {
            // One is free; more would do, and their lack is not counted as a full ring.
            let _ = core.renew(1);
        }
        let free = core.credit().min(want);
        for slot in bytes.chunks_exact(PAYLOAD_SIZE).take(free as usize) {
            let staged = core.stage(0, 0, slot);
            debug_assert_eq!(staged, Ok(()));
        }
        Ok(core.publish() as usize * PAYLOAD_SIZE)
    }
}

impl<'a, P: BorrowMut<Producer<'a>>> Writer<'a, P> {
    fn new(producer: P) -> Self {
        Self { producer, wait: Wait::Forever, filled: 0, gathered: [0; PAYLOAD_SIZE], ring: PhantomData }
    }

    /// Waiting this long while the ring is full; for ever, unless said. Then the error is
    /// [`io::ErrorKind::TimedOut`], or with [`Wait::No`] [`io::ErrorKind::WouldBlock`].
    #[must_use]
    pub fn wait(mut self, wait: impl Into<Wait>) -> Self {
        self.wait = wait.into();
        self
    }

    /// Bytes gathered that no message holds yet.
    pub fn pending(&self) -> usize {
        self.filled
    }

    /// Publishes what is gathered, for which a slot is free.
    fn publish(&mut self) -> Result<(), ProduceError> {
        let bytes = self.gathered.get(..self.filled).unwrap_or(&self.gathered);
        if !bytes.is_empty() {
            self.producer.borrow_mut().try_produce(bytes)?;
            self.filled = 0;
        }
        Ok(())
    }
}

impl Writer<'_> {
    /// Publishes what is gathered and ends the stream, as dropping does.
    ///
    /// # Errors
    /// `BrokenPipe` if the consumer is gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

impl<'a, P: BorrowMut<Producer<'a>>> Write for Writer<'a, P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.filled == 0 {
            let producer = self.producer.borrow_mut();
            if bytes.len() >= PAYLOAD_SIZE {
                return Ok(producer.write_slots(bytes, self.wait)?);
            }
            producer.room_for(0, self.wait)?;
        }
        let room = self.gathered.get_mut(self.filled..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.filled += count;
        if self.filled == PAYLOAD_SIZE {
            self.publish()?;
        }
        Ok(count)
    }

    /// Publishes what is gathered. Never waits.
    fn flush(&mut self) -> io::Result<()> {
        self.producer.borrow_mut().status().map_err(ProduceError::from)?;
        Ok(self.publish()?)
    }
}

impl<'a, P: BorrowMut<Producer<'a>>> Drop for Writer<'a, P> {
    fn drop(&mut self) {
        // A slot is free, so this is refused by corrupt memory alone.
        let _ = self.publish();
    }
}
