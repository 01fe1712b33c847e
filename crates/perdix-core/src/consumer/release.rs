//! How slots go back to the producer.

use core::sync::atomic::Ordering;

use super::{Consumer, length};
use crate::cache_lines::write_lines;
use crate::control::Cursor;
use crate::mode::Mode;
use crate::sentinel;
use crate::word::Word;

/// Slots whose lines are written in one go: few enough that they are still in the first-level
/// cache.
const WRITTEN_TOGETHER: u64 = 16;

/// Below this many messages before an idle look this is ping-pong, not a stream: the tail is
/// published first, and no lines are written.
const STREAM: u64 = 4;

impl<W: Word> Consumer<W> {
    /// Hands back the slots of everything taken. The caller no longer looks at them.
    #[inline(always)]
    pub fn recycle(&mut self) {
        if self.ring.mode() == Mode::FenceFree && self.recycled != self.next {
            // Release: not before the record of a gap that is recycled now.
            self.control().consumer.recycled.store(self.next, Ordering::Release);
            // Whoever finds a word re-armed finds that store too: pairs with the Acquire load of
            // recycled in Consumer::recover
            W::fence(Ordering::Release);
            while self.recycled != self.next {
                let slot = self.slot(self.recycled);
                // SAFETY: the message was taken, and its slot is not handed back yet.
                unsafe { sentinel::rearm(slot, length(slot)) };
                self.recycled = self.recycled.wrapping_add(1);
            }
        }
        self.recycled = self.next;
        if self.recycled.wrapping_sub(self.published) >= self.tail_every {
            self.publish_tail();
        } else if self.recycled.wrapping_sub(self.unwritten) >= WRITTEN_TOGETHER {
            self.write_lines();
        }
    }

    /// Publishes the tail now, with the statistics.
    #[inline]
    pub fn publish_tail(&mut self) {
        if self.recycled.wrapping_sub(self.unwritten) >= STREAM.min(self.ring.capacity()) {
            self.write_lines();
        }
        self.unwritten = self.recycled;
        let line = &self.control().consumer;
        line.stats.messages.store(self.messages, Ordering::Relaxed);
        line.stats.bytes.store(self.bytes, Ordering::Relaxed);
        line.stats.dropped.store(self.dropped, Ordering::Relaxed);
        // pairs with the Acquire load of tail in Producer::renew
        line.tail.store(Cursor::new(self.recycled, self.disconnected).word(), Ordering::Release);
        self.published = self.recycled;
    }

    /// Says that nobody will read any more: producers stop. Idempotent, and stays so until
    /// [`reconnect`](Self::reconnect).
    pub fn disconnect(&mut self) {
        self.disconnected = true;
        self.recycle();
        self.publish_tail();
    }

    /// Takes back [`disconnect`](Self::disconnect), to go on with the next message.
    pub fn reconnect(&mut self) {
        self.disconnected = false;
        self.recycle();
        self.publish_tail();
    }

    /// Writes the lines of the recycled slots.
    #[inline]
    fn write_lines(&mut self) {
        if self.from_core && self.ring.mode() == Mode::Fenced {
            while self.unwritten != self.recycled {
                let slot = self.slot(self.unwritten);
                write_lines(slot, length(slot));
                self.unwritten = self.unwritten.wrapping_add(1);
            }
        }
        self.unwritten = self.recycled;
    }
}
