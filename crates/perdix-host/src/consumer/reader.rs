//! The stream as bytes: `Read` and `BufRead`.

use std::borrow::BorrowMut;
use std::io::{self, BufRead, Read};
use std::marker::PhantomData;

use perdix_core::Meta;

use super::{Consumer, MessageRef};
use crate::cores::ReadPosition;
use crate::error::ConsumeError;
use crate::wait::Wait;

/// The payloads of all messages one after the other, as a stream of bytes. Made by [`Consumer::reader`] and [`Consumer::into_reader`].
///
/// [`BufRead::fill_buf`] waits as the buffer's [`WaitStrategy`](crate::WaitStrategy) says and lends the bytes where they lie in the slot; nothing
/// is copied before [`Read::read`] does. Lengths and kinds of messages leave no trace: empty messages are skipped, the parts of large ones
/// follow each other.
///
/// A message goes back to the producer when its last byte was consumed. One that was read in part stays the next one: another reader of
/// the same ring in this process goes on inside it, the other calls get the whole of it.
///
/// | what happens | [`io::ErrorKind`] | then |
/// |---|---|---|
/// | the producer ended the stream | none: 0 bytes | |
/// | [`ConsumeError::TimedOut`] | `TimedOut` | read on |
/// | [`ConsumeError::Empty`] | `WouldBlock` | read on |
/// | [`ConsumeError::Gap`] | `InvalidData` | read on behind the gap |
/// | [`ConsumeError::ProducerFailed`], [`ConsumeError::ProducerLost`] | `UnexpectedEof` | the same again |
/// | [`ConsumeError::Corrupt`] | `InvalidData` | the same again |
///
/// The [`ConsumeError`] is the `io::Error`'s inner error.
///
/// ```
/// use perdix_host::Buffer;
/// use std::io::{BufRead, Write};
///
/// let mut buffer = Buffer::new(64)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// writeln!(producer.writer(), "one\ntwo")?;
/// producer.finish();
/// let lines: Result<Vec<String>, _> = consumer.reader().lines().collect();
/// assert_eq!(lines?, ["one", "two"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<'a, C = Consumer<'a>> {
    consumer: C,
    wait: Wait,
    /// Bytes that the last `fill_buf` lent and that were not consumed.
    lent: usize,
    ring: PhantomData<Consumer<'a>>,
}

impl<'a> Consumer<'a> {
    /// The stream as bytes.
    pub fn reader(&mut self) -> Reader<'a, &mut Self> {
        Reader::new(self)
    }

    /// The stream as bytes, by value: to move into a thread.
    pub fn into_reader(self) -> Reader<'a> {
        Reader::new(self)
    }

    /// What was not read of the next message that has bytes, waiting for it; nothing at the end of the stream.
    #[inline]
    fn rest_within(&mut self, wait: Wait) -> Result<&[u8], ConsumeError> {
        loop {
            match self.find(wait) {
                Ok(meta) if self.has_rest(meta) => return Ok(self.rest(meta)),
                Ok(meta) => self.pass(meta),
                Err(ConsumeError::EndOfStream) => return Ok(&[]),
                Err(error) => return Err(error),
            }
        }
    }

    /// The same without waiting; nothing also if there is nothing now.
    #[inline]
    fn rest_now(&mut self) -> &[u8] {
        loop {
            let core = self.core();
            // A corrupt message counts as not there; the next wait names it.
            match core.peek(0) {
                Ok(Some(meta)) if self.has_rest(meta) => return self.rest(meta),
                Ok(Some(meta)) => self.pass(meta),
                _ => return &[],
            }
        }
    }

    fn bytes_read(&mut self) -> usize {
        let message = self.position();
        if self.read.message == message { self.read.bytes } else { 0 }
    }

    fn has_rest(&mut self, meta: Meta) -> bool {
        self.bytes_read() < meta.len()
    }

    /// What was not read of the next message, which a poll found there with this `meta`.
    fn rest(&mut self, meta: Meta) -> &[u8] {
        let read = self.bytes_read();
        let core = self.core();
        // SAFETY: a poll has seen the message, and as it was not taken its slot is handed back by no call, all of which need `self`.
        let message = unsafe { MessageRef::at(core, core.next(), meta) };
        message.bytes().get(read..).unwrap_or_default()
    }

    /// Hands the next message back, all of which was read.
    fn pass(&mut self, meta: Meta) {
        let core = self.core();
        // SAFETY: the message was found there.
        unsafe { core.take(1, meta.len() as u64) };
        core.recycle();
    }

    /// Notes that `count` of the `lent` bytes left of the next message were read.
    #[inline]
    fn advance(&mut self, count: usize, lent: usize) {
        let bytes = self.bytes_read() + count;
        if count < lent {
            self.read = ReadPosition { message: self.position(), bytes };
        } else {
            let core = self.core();
            // SAFETY: the message was found there.
            unsafe { core.take(1, bytes as u64) };
            core.recycle();
        }
    }
}

impl<'a, C: BorrowMut<Consumer<'a>>> Reader<'a, C> {
    fn new(consumer: C) -> Self {
        Self { consumer, wait: Wait::Forever, lent: 0, ring: PhantomData }
    }

    /// Waiting this long for a message; until one comes, unless said. Then the error is
    /// [`io::ErrorKind::TimedOut`], or with [`Wait::No`] [`io::ErrorKind::WouldBlock`].
    #[must_use]
    pub fn wait(mut self, wait: impl Into<Wait>) -> Self {
        self.wait = wait.into();
        self
    }

    /// The consumer.
    pub fn into_inner(self) -> C {
        self.consumer
    }
}

impl<'a, C: BorrowMut<Consumer<'a>>> BufRead for Reader<'a, C> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.lent = 0;
        let bytes = self.consumer.borrow_mut().rest_within(self.wait)?;
        self.lent = bytes.len();
        Ok(bytes)
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        let count = count.min(self.lent);
        if count != 0 {
            self.consumer.borrow_mut().advance(count, self.lent);
            self.lent -= count;
        }
    }
}

impl<'a, C: BorrowMut<Consumer<'a>>> Read for Reader<'a, C> {
    /// Waits for one message, and takes what else is there.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut done = copy(self.fill_buf()?, buffer);
        self.consume(done);
        while let Some(room) = buffer.get_mut(done..).filter(|room| !room.is_empty()) {
            let bytes = self.consumer.borrow_mut().rest_now();
            self.lent = bytes.len();
            let count = copy(bytes, room);
            if count == 0 {
                break;
            }
            self.consume(count);
            done += count;
        }
        Ok(done)
    }
}

/// Copies what fits, and says how much that is.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    to[..count].copy_from_slice(&from[..count]);
    count
}
