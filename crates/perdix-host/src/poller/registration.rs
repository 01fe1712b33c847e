//! One task's place at the poller.

use std::task::Context;
use std::time::{Duration, Instant};

use super::table::POLLER;
use super::thread;
use super::watch::Watch;

/// How often a waiting task is woken to ask what has become of kernels or a process that produce.
const QUESTION_EVERY: Duration = Duration::from_millis(50);

/// A place at the poller, for one wait after the other. Dropping it ends the wait. It must be dropped before the half that it watches.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    /// `None` before the first wait.
    place: Option<usize>,
    /// Since the task was told to wait it was not seen to find anything.
    waiting: bool,
}

impl Registration {
    /// Whether the last look has led to a wait: then whoever looks again asks what has become of the producer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Has the task woken as soon as one of `watches` shows something, be it that it does already.
    pub(crate) fn wait(&mut self, cx: &Context<'_>, watches: Vec<Watch>) {
        self.waiting = true;
        let waker = cx.waker().clone();
        let may_vanish = watches.iter().any(Watch::may_vanish);
        let question = may_vanish.then(|| Instant::now() + QUESTION_EVERY);
        let mut table = POLLER.lock();
        if !table.running {
            table.running = thread::start();
        }
        if !table.running {
            // Without a thread the task itself has to look again and again.
            drop(table);
            return waker.wake();
        }
        let place = *self.place.get_or_insert_with(|| table.add());
        let before = table.arm(place, watches, waker, question);
        POLLER.tell(&mut table);
        drop(table);
        drop(before);
    }

    /// The task found something: it waits no longer.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.waiting) {
            if let Some(place) = self.place {
                let before = POLLER.lock().disarm(place);
                drop(before);
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end();
        if let Some(place) = self.place {
            POLLER.lock().remove(place);
        }
    }
}
