//! The receiving side: every message in order, until the end of the stream.

use std::time::Duration;

use perdix_host::{ConsumeError, Consumer};

use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::output::Output;
use crate::pattern::{Expected, Wrong};
use crate::stop::Stop;

/// Messages taken at once.
const BATCH: usize = 256;

/// How long a quiet ring is waited for before the sink hears of it and the stop flag is looked at.
const QUIET: Duration = Duration::from_millis(20);

/// What takes the messages.
pub(crate) trait Sink {
    /// Takes one message where it lies.
    fn message(&mut self, number: u64, kind: u16, bytes: &[u8]) -> Result<(), Error>;

    /// Nothing has come for a while.
    fn quiet(&mut self) -> Result<(), Error>;
}

/// Hands every message to the sink, until the end of the stream, or until told to stop while the ring is quiet.
pub(crate) fn receive(mut consumer: Consumer<'_>, sink: &mut impl Sink, stop: &Stop) -> Result<(), Error> {
    loop {
        match consumer.batch(BATCH, QUIET) {
            Ok(batch) => batch
                .iter()
                .try_for_each(|message| sink.message(message.number(), message.kind(), message.bytes()))?,
            Err(ConsumeError::EndOfStream) => return Ok(()),
            Err(ConsumeError::TimedOut { .. }) => {
                sink.quiet()?;
                if stop.is_set() {
                    return Ok(());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Digests the bytes, and writes them in large pieces if there is an output.
pub(crate) struct ByteSink {
    hasher: Hasher,
    output: Option<Output>,
    pending: Vec<u8>,
}

impl ByteSink {
    /// Bytes gathered before they are digested and written.
    const PIECE: usize = 256 * 1024;

    pub(crate) fn new(output: Option<Output>) -> Self {
        Self { hasher: Hasher::default(), output, pending: Vec::with_capacity(Self::PIECE) }
    }

    /// Writes what is left, and returns the digest of everything.
    pub(crate) fn finish(mut self) -> Result<Digest, Error> {
        self.flush()?;
        Ok(self.hasher.digest())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.hasher.update(&self.pending);
        if let Some(output) = &mut self.output {
            output.write(&self.pending)?;
        }
        self.pending.clear();
        Ok(())
    }
}

impl Sink for ByteSink {
    #[inline]
    fn message(&mut self, _number: u64, _kind: u16, bytes: &[u8]) -> Result<(), Error> {
        if self.pending.len() + bytes.len() > Self::PIECE {
            self.flush()?;
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// A filter passes on what it has when no more comes.
    fn quiet(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() { Ok(()) } else { self.flush() }
    }
}

/// Checks every message against the pattern.
#[derive(Debug)]
pub(crate) struct PatternSink<E> {
    expected: E,
    /// The ring's number of the first message.
    first: u64,
    received: u64,
    quiet: Duration,
}

impl<E: Expected> PatternSink<E> {
    /// How long a generator may be silent before it counts as stuck.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// For a ring whose first message has the number `first`.
    pub(crate) fn new(expected: E, first: u64) -> Self {
        Self { expected, first, received: 0, quiet: Duration::ZERO }
    }

    /// How many messages came, all of them right.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }
}

impl<E: Expected> Sink for PatternSink<E> {
    #[inline]
    fn message(&mut self, number: u64, kind: u16, bytes: &[u8]) -> Result<(), Error> {
        let due = self.first.wrapping_add(self.received);
        if number != due {
            return Err(Wrong { number, what: format!("came where message {due} was due") }.into());
        }
        self.expected.check(self.received, kind, bytes)?;
        self.received += 1;
        self.quiet = Duration::ZERO;
        Ok(())
    }

    fn quiet(&mut self) -> Result<(), Error> {
        self.quiet += QUIET;
        if self.quiet < Self::PATIENCE {
            return Ok(());
        }
        Err(Error::Stalled { seconds: Self::PATIENCE.as_secs() })
    }
}
