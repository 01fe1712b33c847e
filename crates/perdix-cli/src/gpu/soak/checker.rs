//! What must come out of a ring that a kernel fills.

use perdix_kernels::soak::SoakMessages;

use crate::soak::Violation;

/// Follows the messages of all senders: each one's come in order and whole.
#[derive(Debug)]
pub(crate) struct KernelChecker {
    messages: SoakMessages,
    /// The count of each sender's next message.
    next: Vec<u64>,
    /// Slots that have come.
    pub(crate) slots: u64,
    /// Bytes in them.
    pub(crate) bytes: u64,
}

impl KernelChecker {
    pub(crate) fn new(messages: SoakMessages, senders: usize) -> Self {
        Self { messages, next: vec![0; senders], slots: 0, bytes: 0 }
    }

    /// The next slot has come.
    #[inline]
    pub(crate) fn slot(&mut self, kind: u16, has_more: bool, bytes: &[u8]) -> Result<(), Violation> {
        let sender = usize::from(kind >> 8);
        let Some(next) = self.next.get_mut(sender) else {
            return Err(Violation::new(format!("a message of sender {sender}, who is none: kind {kind:#x}")));
        };
        let id = (sender as u64) << 40 | *next;
        if has_more || !self.messages.matches(id, kind, bytes) {
            return Err(wrong(&self.messages, id, kind, bytes));
        }
        *next += 1;
        self.slots += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// How many messages of each sender have come.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.next
    }

    /// All have come, so many of each sender.
    pub(crate) fn whole(&self, each: u64) -> Result<(), Violation> {
        all_came(&self.next, each)
    }
}

/// Whether so many messages came of each sender.
pub(crate) fn all_came(counts: &[u64], each: u64) -> Result<(), Violation> {
    match counts.iter().position(|count| *count != each) {
        None => Ok(()),
        Some(sender) => Err(Violation::new(format!(
            "sender {sender} sent {each} messages, but the stream ended after {:?} of them",
            counts.get(sender)
        ))),
    }
}

#[cold]
fn wrong(messages: &SoakMessages, id: u64, kind: u16, bytes: &[u8]) -> Violation {
    Violation::new(format!(
        "message {id:#x} has {} bytes and kind {kind:#x}, expected {} bytes and kind {:#x}, or its bytes are others than were sent",
        bytes.len(),
        messages.len(id),
        messages.kind(id)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: SoakMessages = SoakMessages { seed: 3, most: 240, sentinels: 0 };

    fn message(id: u64) -> (u16, Vec<u8>) {
        let mut bytes: Vec<u8> = (0..30).flat_map(|index| MESSAGES.word(id, index).to_le_bytes()).collect();
        bytes.truncate(MESSAGES.len(id));
        (MESSAGES.kind(id), bytes)
    }

    fn check(checker: &mut KernelChecker, id: u64) -> Result<(), Violation> {
        let (kind, bytes) = message(id);
        checker.slot(kind, false, &bytes)
    }

    #[test]
    fn what_comes_in_each_senders_order_passes() {
        let mut checker = KernelChecker::new(MESSAGES, 3);
        for id in [0, 1 << 40, 1, 2, 1 << 40 | 1, 2 << 40, 2 << 40 | 1, 1 << 40 | 2, 2 << 40 | 2] {
            check(&mut checker, id).unwrap();
        }
        assert_eq!(checker.whole(3), Ok(()));
        assert!(checker.whole(4).is_err() && all_came(&[3, 3, 2], 3).is_err());
    }

    #[test]
    fn what_is_lost_repeated_swapped_or_changed_is_seen() {
        for (before, wrong) in [(0..2, 3), (0..2, 1), (0..2, 3 << 40), (0..1, 1 << 39)] {
            let mut checker = KernelChecker::new(MESSAGES, 3);
            before.for_each(|id| check(&mut checker, id).unwrap());
            assert!(check(&mut checker, wrong).is_err(), "{wrong:#x}");
        }
        let (kind, bytes) = message(0);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert!(KernelChecker::new(MESSAGES, 1).slot(kind, false, &bytes).is_err());
        }
        assert!(KernelChecker::new(MESSAGES, 1).slot(kind, true, &bytes).is_err());
        assert!(KernelChecker::new(MESSAGES, 1).slot(kind, false, bytes.get(1..).unwrap()).is_err());
    }
}
