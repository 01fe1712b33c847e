//! What anybody may see of a ring at any time, from any thread.

use core::sync::atomic::Ordering;

use super::Ring;
use crate::control::{Attached, ConsumerStats, Cursor, ProducerStats};
use crate::fault::Fault;
use crate::word::Word;

impl<W: Word> Ring<W> {
    /// Where the ring lies: a name for it.
    pub fn address(&self) -> *const u8 {
        self.control.as_ptr().cast::<u8>().cast_const()
    }

    /// The sequence word of the slot that message `number` uses: `number + 1` once it is published.
    /// (A follower's in a batch may be there before the message.)
    #[inline(always)]
    pub fn sequence(&self, number: u64) -> u64 {
        // SAFETY: the word is only loaded.
        unsafe { self.slot(number) }.seq.load(Ordering::Relaxed)
    }

    /// The tail: messages released, and whether the consumer has disconnected.
    #[inline(always)]
    pub fn tail(&self) -> Cursor {
        // pairs with the Release store of tail in Consumer::publish_tail
        Cursor::from_word(acquire(&self.words().consumer.tail))
    }

    /// The number that follows the stream's last message, if the stream has ended; its top bit is
    /// not kept.
    #[inline(always)]
    pub fn end(&self) -> Option<Cursor> {
        // pairs with the Release store of end in Ring::close
        let end = Cursor::from_word(acquire(&self.words().producer.end));
        end.flag().then_some(end)
    }

    /// Why the stream ended early, if it did.
    pub fn fault(&self) -> Option<Fault> {
        Fault::from_word(self.words().producer.fault.load(Ordering::Relaxed))
    }

    /// What the producer has counted. The words are not read at the same instant.
    pub fn producer_stats(&self) -> ProducerStats<u64> {
        let stats = &self.words().producer.stats;
        let read = |word: &W| word.load(Ordering::Relaxed);
        ProducerStats {
            messages: read(&stats.messages),
            bytes: read(&stats.bytes),
            full: read(&stats.full),
            dropped: read(&stats.dropped),
            highest_fill: read(&stats.highest_fill),
            lost: read(&stats.lost),
        }
    }

    /// What the consumer has counted. The words are not read at the same instant.
    pub fn consumer_stats(&self) -> ConsumerStats<u64> {
        let stats = &self.words().consumer.stats;
        let read = |word: &W| word.load(Ordering::Relaxed);
        ConsumerStats {
            messages: read(&stats.messages),
            bytes: read(&stats.bytes),
            dropped: read(&stats.dropped),
        }
    }

    /// Who has the producer's role, between processes.
    pub fn attached_producer(&self) -> Option<Attached> {
        // pairs with the Release store in attach_producer
        Attached::from_word(acquire(&self.words().producer.attached))
    }

    /// Who has, or last had, the consumer's role, between processes.
    pub fn attached_consumer(&self) -> Option<Attached> {
        // pairs with the Release store in attach_consumer
        Attached::from_word(acquire(&self.words().consumer.attached))
    }

    /// Notes who has taken the producer's role.
    ///
    /// # Safety
    /// The caller has the role, and the memory may be written to.
    pub unsafe fn attach_producer(&self, who: Attached) {
        // pairs with the Acquire fence in attached_producer
        self.words().producer.attached.store(who.word(), Ordering::Release);
    }

    /// Notes who has taken the consumer's role.
    ///
    /// # Safety
    /// The caller has the role, and the memory may be written to.
    pub unsafe fn attach_consumer(&self, who: Attached) {
        // pairs with the Acquire fence in attached_consumer
        self.words().consumer.attached.store(who.word(), Ordering::Release);
    }

    /// Says in the tail that the consumer has disconnected, on behalf of one that is no more. What
    /// it released stays released.
    ///
    /// # Safety
    /// The ring has no consumer now, and the memory may be written to.
    pub unsafe fn disconnect_consumer(&self) {
        let tail = self.tail();
        // pairs with the Acquire load of tail in Producer::renew
        self.words().consumer.tail.store(tail.word() | 1, Ordering::Release);
    }
}

/// An Acquire load. On memory that may only be read, a relaxed one and a fence are all that is
/// allowed.
#[inline(always)]
fn acquire<W: Word>(word: &W) -> u64 {
    let value = word.load(Ordering::Relaxed);
    W::fence(Ordering::Acquire);
    value
}
