//! What must come out of a ring.

use std::fmt::Display;

use perdix_host::PAYLOAD_SIZE;

use super::script::{Put, Script, Span};
use super::violation::Violation;

/// Follows a stream message by message: order, completeness, length, kind, every byte.
#[derive(Debug)]
pub(crate) struct Checker {
    script: Script,
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
    /// Messages that were dropped, as gaps have told.
    pub(crate) dropped: u64,
    /// Gaps.
    pub(crate) gaps: u64,
}

impl Checker {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, id: 0, offset: 0, seen: Seen::default() }
    }

    /// Whether the next message may be the first part of a large one, or a whole one: not a later part.
    pub(crate) fn is_at_start(&self) -> bool {
        self.offset == 0
    }

    /// The kind of the records that come next, if records do.
    pub(crate) fn records(&mut self) -> Option<u16> {
        let (id, span) = (self.id, self.script.at(self.id));
        (span.put == Put::Records).then(|| span.kind(id))
    }

    /// The next slot has come.
    #[inline]
    pub(crate) fn slot(&mut self, kind: u16, has_more: bool, bytes: &[u8]) -> Result<(), Violation> {
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

    /// So many messages are said to be missing here. What comes next tells whether it was so many.
    pub(crate) fn gap(&mut self, dropped: u64) -> Result<(), Violation> {
        for _ in 0..dropped {
            let (id, span) = (self.id, self.script.at(self.id));
            if span.put != Put::OrDrop || self.offset != 0 {
                return Err(wrong(
                    id,
                    span,
                    format_args!("is in a gap of {dropped}, though it is never dropped"),
                ));
            }
            self.id += 1;
        }
        self.seen.dropped += dropped;
        self.seen.gaps += 1;
        Ok(())
    }

    /// The stream has ended, and the producer has come as far as message `sent`.
    pub(crate) fn end(&mut self, sent: u64) -> Result<(), Violation> {
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
}

/// Message `id` is not as it should be.
#[cold]
fn wrong(id: u64, span: &Span, what: impl Display) -> Violation {
    Violation::new(format!("message {id} (sent by {}) {what}", span.put.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checker that has seen all before message `id`, and the messages that it expects.
    fn before(seed: u64, id: u64) -> (Checker, Script) {
        let mut checker = Checker::new(Script::new(seed, 4));
        let mut script = Script::new(seed, 4);
        while checker.id < id {
            come(&mut checker, &mut script).unwrap();
        }
        (checker, script)
    }

    /// The next message comes, whole.
    fn come(checker: &mut Checker, script: &mut Script) -> Result<(), Violation> {
        send(checker, script, checker.id)
    }

    fn send(checker: &mut Checker, script: &mut Script, id: u64) -> Result<(), Violation> {
        let span = script.at(id);
        let mut bytes = vec![0; span.len(id)];
        span.fill(id, 0, &mut bytes);
        let slots = bytes.len().div_ceil(PAYLOAD_SIZE).max(1) as u64;
        checker.large(span.kind(id), slots, &bytes)
    }

    /// Five messages that may be dropped, and behind them a longer one.
    fn droppable(seed: u64) -> u64 {
        let mut script = Script::new(seed, 4);
        let fits = |id: u64, script: &mut Script| {
            let span = *script.at(id);
            span.put == Put::OrDrop && id + 7 < span.end && span.len(id + 5) >= 8
        };
        (1..).find(|id| fits(*id, &mut script)).unwrap()
    }

    #[test]
    fn a_gap_must_have_the_right_place_and_size() {
        for seed in 0..20 {
            let first = droppable(seed);
            let (mut checker, mut script) = before(seed, first);
            checker.gap(5).unwrap();
            send(&mut checker, &mut script, first + 5).unwrap();
            assert_eq!((checker.seen.dropped, checker.seen.gaps), (5, 1));
            for wrong in [4, 6] {
                let (mut checker, mut script) = before(seed, first);
                let outcome = checker.gap(wrong).and_then(|()| send(&mut checker, &mut script, first + 5));
                assert!(outcome.is_err(), "{wrong} instead of 5");
            }
            let (mut checker, mut script) = before(seed, first);
            assert!(send(&mut checker, &mut script, first + 5).is_err(), "a gap that nobody told of");
        }
    }

    #[test]
    fn what_is_never_dropped_is_in_no_gap() {
        let mut script = Script::new(1, 4);
        let id = (0..).find(|id| script.at(*id).put == Put::Produce).unwrap();
        let (mut checker, _) = before(1, id);
        assert!(checker.gap(1).unwrap_err().to_string().contains("never dropped"));
        let (mut checker, _) = before(1, id);
        assert_eq!(checker.gap(0), Ok(()));
    }
}
