//! What must come out of a ring.

use std::fmt::Display;
use std::sync::Arc;

use perdix_host::PAYLOAD_SIZE;

use super::ledger::Drops;
use super::script::{Put, Script, Span};
use super::violation::Violation;

/// Follows a stream message by message: order, completeness, length, kind, every byte.
#[derive(Debug)]
pub(crate) struct Checker {
    script: Script,
    drops: Arc<Drops>,
    /// The identity of the message that must come next.
    id: u64,
    /// How much of it has come already, if it is a large one.
    offset: usize,
    pub(crate) seen: Seen,
}

/// What has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Messages, a large one counting once.
    pub(crate) messages: u64,
    /// Slots.
    pub(crate) slots: u64,
    /// Bytes of payload.
    pub(crate) bytes: u64,
    /// Messages that were dropped, as the ledger says.
    pub(crate) dropped: u64,
}

impl Checker {
    pub(crate) fn new(script: Script, drops: Arc<Drops>) -> Self {
        Self { script, drops, id: 0, offset: 0, seen: Seen::default() }
    }

    /// Whether the next message may be the first part of a large one, or a whole one: not a later part.
    pub(crate) fn is_at_start(&self) -> bool {
        self.offset == 0
    }

    /// The kind of the records that come next, if nothing before them was dropped.
    pub(crate) fn records(&mut self) -> Option<u16> {
        let (id, span) = (self.id, self.script.at(self.id));
        (span.put == Put::Records).then(|| span.kind(id))
    }

    /// The next slot has come.
    #[inline]
    pub(crate) fn slot(&mut self, kind: u16, has_more: bool, bytes: &[u8]) -> Result<(), Violation> {
        self.skip_dropped();
        let (id, offset) = (self.id, self.offset);
        let span = self.script.at(id);
        let left = span.len(id) - offset;
        let goes_on = left > PAYLOAD_SIZE;
        if bytes.len() != left.min(PAYLOAD_SIZE) || has_more != goes_on || kind != span.kind(id) {
            return Err(wrong(
                id,
                span,
                format_args!(
                    "has {} bytes, kind {kind} and {} more slots; expected {} bytes, kind {} and {} more slots",
                    bytes.len(),
                    if has_more { "some" } else { "no" },
                    left.min(PAYLOAD_SIZE),
                    span.kind(id),
                    if goes_on { "some" } else { "no" },
                ),
            ));
        }
        if !span.matches(id, offset, bytes) {
            return Err(wrong(id, span, "has other bytes than were sent"));
        }
        self.seen.slots += 1;
        self.seen.bytes += bytes.len() as u64;
        if goes_on {
            self.offset += PAYLOAD_SIZE;
        } else {
            self.done();
        }
        Ok(())
    }

    /// The next message has come whole, out of so many slots.
    pub(crate) fn large(&mut self, kind: u16, slots: u64, bytes: &[u8]) -> Result<(), Violation> {
        self.skip_dropped();
        let (id, span) = (self.id, self.script.at(self.id));
        let expected = (bytes.len().div_ceil(PAYLOAD_SIZE) as u64).max(1);
        if bytes.len() != span.len(id) || kind != span.kind(id) || slots != expected {
            return Err(wrong(
                id,
                span,
                format_args!(
                    "has {} bytes, kind {kind} and {slots} slots; expected {} bytes and kind {}",
                    bytes.len(),
                    span.len(id),
                    span.kind(id)
                ),
            ));
        }
        if !span.matches(id, 0, bytes) {
            return Err(wrong(id, span, "has other bytes than were sent"));
        }
        self.seen.slots += slots;
        self.seen.bytes += bytes.len() as u64;
        self.done();
        Ok(())
    }

    /// The stream has ended, and the producer has come as far as message `sent`.
    pub(crate) fn end(&mut self, sent: u64) -> Result<(), Violation> {
        self.skip_dropped();
        match (self.id, self.offset) {
            (id, 0) if id == sent => Ok(()),
            (id, offset) => Err(wrong(
                id,
                self.script.at(id),
                format_args!(
                    "did not come (after {offset} bytes of it), though the producer sent all before message {sent}"
                ),
            )),
        }
    }

    fn done(&mut self) {
        self.seen.messages += 1;
        self.id += 1;
        self.offset = 0;
    }

    /// Steps over messages that the producer says it dropped.
    #[inline]
    fn skip_dropped(&mut self) {
        while self.offset == 0 && self.script.at(self.id).put == Put::OrDrop {
            match self.drops.take(self.id) {
                0 => break,
                count => {
                    self.id += count;
                    self.seen.dropped += count;
                }
            }
        }
    }
}

/// Message `id` is not as it should be.
#[cold]
fn wrong(id: u64, span: &Span, what: impl Display) -> Violation {
    Violation::new(format!("message {id} (sent by {}) {what}", span.put.name()))
}
