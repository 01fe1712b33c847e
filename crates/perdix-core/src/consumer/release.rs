//! How slots go back to the producer.

use core::sync::atomic::Ordering;

use super::{Consumer, length};
use crate::control::Cursor;
use crate::lines::write_lines;
use crate::mode::Mode;
use crate::sentinel;
use crate::word::Word;

/// Slots whose lines are written in one go: few enough that they are still in the first-level cache.
const WRITTEN_TOGETHER: u64 = 16;

/// Fewer messages than these before an idle look are no stream, and their answer must not wait until lines are written.
const RUN: u64 = 4;

impl<W: Word> Consumer<W> {
    /// Hands back the slots of everything taken. The caller no longer looks at them.
    #[inline(always)]
    pub fn settle(&mut self) {
        if self.ring.mode() == Mode::FenceFree && self.settled != self.next {
            // Release: not before the record of a gap that is settled now.
            self.control().consumer.settled.store(self.next, Ordering::Release);
            // Whoever finds a word re-armed finds that store too: pairs with the Acquire load of settled in Consumer::resume
            W::fence(Ordering::Release);
            while self.settled != self.next {
                let slot = self.slot(self.settled);
                // SAFETY: the message was taken, and its slot is not handed back yet.
                unsafe { sentinel::rearm(slot, length(slot)) };
                self.settled = self.settled.wrapping_add(1);
            }
        }
        self.settled = self.next;
        if self.settled.wrapping_sub(self.published) >= self.tail_every {
            self.publish_tail();
        } else if self.settled.wrapping_sub(self.unwritten) >= WRITTEN_TOGETHER {
            self.write_lines();
        }
    }

    /// Publishes the tail now, with the statistics.
    #[inline]
    pub fn publish_tail(&mut self) {
        if self.settled.wrapping_sub(self.unwritten) >= RUN.min(self.ring.capacity()) {
            self.write_lines();
        }
        self.unwritten = self.settled;
        let line = &self.control().consumer;
        line.stats.messages.store(self.messages, Ordering::Relaxed);
        line.stats.bytes.store(self.bytes, Ordering::Relaxed);
        line.stats.dropped.store(self.dropped, Ordering::Relaxed);
        // pairs with the Acquire load of tail in Producer::renew
        line.tail.store(Cursor::new(self.settled, self.gone).word(), Ordering::Release);
        self.published = self.settled;
    }

    /// Says that nobody will read any more: producers stop. Idempotent, and stays so until [`rejoin`](Self::rejoin).
    pub fn leave(&mut self) {
        self.gone = true;
        self.settle();
        self.publish_tail();
    }

    /// Takes back [`leave`](Self::leave), to go on with the next message.
    pub fn rejoin(&mut self) {
        self.gone = false;
        self.settle();
        self.publish_tail();
    }

    /// Writes the lines of the settled slots.
    #[inline]
    fn write_lines(&mut self) {
        if self.from_core && self.ring.mode() == Mode::Fenced {
            while self.unwritten != self.settled {
                let slot = self.slot(self.unwritten);
                write_lines(slot, length(slot));
                self.unwritten = self.unwritten.wrapping_add(1);
            }
        }
        self.unwritten = self.settled;
    }
}
