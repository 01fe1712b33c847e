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
    /// Published, and not yet taken.
    pub queue: VecDeque<Message>,
    /// Taken, and not yet settled.
    pub held: VecDeque<Message>,
    pub settled: u64,
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
            return Err(Refused::ConsumerGone);
        }
        self.cached_tail = self.tail;
        let fill = self.head - self.tail;
        self.produced[4] = self.produced[4].max(fill);
        let starved = fill + slots > self.capacity;
        self.produced[2] += u64::from(starved && !self.starved);
        self.starved = starved;
        if starved { Err(Refused::Full) } else { Ok(()) }
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
        self.queue.append(&mut self.staged);
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
        let message = self.queue.pop_front()?;
        self.taken[0] += 1;
        self.taken[1] += message.bytes.len() as u64;
        self.held.push_back(message.clone());
        Some(message)
    }

    pub fn settle(&mut self) {
        self.settled += self.held.len() as u64;
        self.held.clear();
        if self.settled - self.tail >= self.tail_every {
            self.publish_tail();
        }
    }

    pub fn publish_tail(&mut self) {
        self.tail = self.settled;
        self.taken_published = self.taken;
    }
}
