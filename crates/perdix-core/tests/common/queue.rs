//! What a ring does, in plain variables: the model that the halves are compared with.

#![allow(unreachable_pub)] // a helper of a test binary

use std::collections::VecDeque;

use perdix_core::{Fault, Refused};

use super::messages::Message;

/// The ring in plain variables; numbers count from the first message.
#[derive(Default)]
pub struct Model {
    pub capacity: u64,
    pub tail_every: u64,
    pub head: u64,
    pub staged: VecDeque<Message>,
    /// Published, and not yet taken: messages, and notices of so many dropped ones.
    pub queue: VecDeque<Result<Message, u64>>,
    /// Taken, and not yet recycled.
    pub held: VecDeque<Result<Message, u64>>,
    /// Dropped, with no notice of it yet.
    pub gap: u64,
    /// Dropped, as far as the consumer has been told.
    pub told: u64,
    pub recycled: u64,
    /// As the consumer stored it, and as the producer last read it.
    pub tail: u64,
    pub cached_tail: u64,
    pub gone: bool,
    pub end: Option<u64>,
    pub fault: Option<Fault>,
    pub starved: bool,
    /// Messages, bytes, full, dropped, highest fill.
    pub produced: [u64; 5],
    /// Messages and bytes taken, and the same as published with the tail.
    pub taken: [u64; 2],
    pub taken_published: [u64; 2],
}

impl Model {
    pub fn room(&mut self, slots: u64) -> Result<(), Refused> {
        if self.capacity - (self.head - self.cached_tail) >= slots { Ok(()) } else { self.renew(slots) }
    }

    pub fn renew(&mut self, slots: u64) -> Result<(), Refused> {
        if self.gone {
            return Err(Refused::Disconnected);
        }
        let free = self.read_tail();
        if free != 0 && self.gap != 0 {
            self.publish_marker();
        }
        let starved = self.head - self.tail + slots > self.capacity;
        self.produced[2] += u64::from(starved && !self.starved);
        self.starved = starved;
        if starved { Err(Refused::Full) } else { Ok(()) }
    }

    fn read_tail(&mut self) -> u64 {
        self.cached_tail = self.tail;
        let fill = self.head - self.tail;
        self.produced[4] = self.produced[4].max(fill);
        self.capacity - fill
    }

    fn publish_marker(&mut self) {
        self.queue.push_back(Err(std::mem::take(&mut self.gap)));
        self.head += 1;
    }

    fn drop_one(&mut self) {
        self.produced[3] += 1;
        self.gap += 1;
    }

    pub fn push_or_drop(&mut self, message: Message) -> Result<bool, Refused> {
        self.staged.clear();
        if self.capacity == self.head - self.cached_tail {
            if self.gone {
                return Err(Refused::Disconnected);
            }
            let free = self.read_tail();
            let needed = if self.gap != 0 && self.capacity > 1 { 2 } else { 1 };
            self.produced[2] += u64::from(free < needed && !self.starved);
            self.starved = free < needed;
            if self.starved || self.gap != 0 && self.capacity == 1 {
                self.drop_one();
            }
            if self.starved {
                self.cached_tail = self.head - self.capacity;
                return Ok(false);
            }
            if self.gap != 0 {
                self.publish_marker();
            }
            if self.capacity == self.head - self.cached_tail {
                return Ok(false);
            }
        }
        self.push(message).map(|()| true)
    }

    /// What is dropped and neither told nor in the ring is owed.
    pub fn reopen(&mut self) {
        (self.end, self.fault) = (None, None);
        let in_ring: u64 = self.queue.iter().filter_map(|item| item.as_ref().err()).sum();
        self.gap = self.produced[3] - self.told - in_ring;
        self.staged.clear();
        if self.gap != 0 {
            self.cached_tail = self.head - self.capacity.min(self.head);
        }
    }

    /// The gap that a consumer finds now.
    pub fn next_gap(&self) -> Option<u64> {
        match self.queue.front() {
            Some(Err(count)) => Some(*count),
            None if self.end.is_some() && self.produced[3] != self.told => Some(self.produced[3] - self.told),
            _ => None,
        }
    }

    pub fn take_gap(&mut self) -> Option<u64> {
        let gap = self.next_gap()?;
        self.told += gap;
        self.held.extend(self.queue.pop_front());
        Some(gap)
    }

    /// Messages in the queue before the next gap.
    pub fn run(&self) -> u64 {
        self.queue.iter().take_while(|item| item.is_ok()).count() as u64
    }

    pub fn finish(&mut self, fault: Option<Fault>) {
        self.staged.clear();
        (self.end, self.fault) = (Some(self.head), fault);
        self.produced[4] = self.produced[4].max(self.head - self.tail);
    }

    pub fn publish(&mut self) -> u64 {
        let count = self.staged.len() as u64;
        self.head += count;
        self.produced[0] += count;
        self.produced[1] += self.staged.iter().map(|message| message.bytes.len() as u64).sum::<u64>();
        self.queue.extend(self.staged.drain(..).map(Ok));
        count
    }

    pub fn push(&mut self, message: Message) -> Result<(), Refused> {
        self.staged.clear();
        self.stage(message)?;
        self.publish();
        Ok(())
    }

    pub fn stage(&mut self, message: Message) -> Result<(), Refused> {
        self.room(self.staged.len() as u64 + 1)?;
        self.staged.push_back(message);
        Ok(())
    }

    pub fn take(&mut self) -> Option<Message> {
        let message = self.queue.pop_front()?.ok()?;
        self.taken[0] += 1;
        self.taken[1] += message.bytes.len() as u64;
        self.held.push_back(Ok(message.clone()));
        Some(message)
    }

    pub fn recycle(&mut self) {
        self.recycled += self.held.len() as u64;
        self.held.clear();
        if self.recycled - self.tail >= self.tail_every {
            self.publish_tail();
        }
    }

    pub fn publish_tail(&mut self) {
        self.tail = self.recycled;
        self.taken_published = self.taken;
    }
}
