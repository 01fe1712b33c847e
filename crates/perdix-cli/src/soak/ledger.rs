//! Which messages a producer dropped because the ring was full.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs of dropped messages on their way from the sending to the receiving side, beside the ring.
#[derive(Debug, Default)]
pub(crate) struct Drops(Mutex<VecDeque<Run>>);

#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    count: u64,
}

impl Drops {
    /// Message `id` was dropped. To be called before any later message is published.
    pub(crate) fn note(&self, id: u64) {
        let mut runs = self.lock();
        match runs.back_mut() {
            Some(run) if run.first + run.count == id => run.count += 1,
            _ => runs.push_back(Run { first: id, count: 1 }),
        }
    }

    /// How many messages from `id` on were dropped; forgets them. To be called once a later message was seen, or the end.
    pub(crate) fn take(&self, id: u64) -> u64 {
        let mut runs = self.lock();
        match runs.front() {
            Some(run) if run.first == id => runs.pop_front().map_or(0, |run| run.count),
            _ => 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
