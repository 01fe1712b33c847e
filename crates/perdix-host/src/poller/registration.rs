//! One task's place at the poller.

use std::task::Context;
use std::time::{Duration, Instant};

use super::table::Poller;
use super::thread;
use super::watch::Watch;

/// How often a waiting task is woken to ask what has become of kernels or a process that produce.
const QUESTION_EVERY: Duration = Duration::from_millis(50);

/// A place at the poller, for one wait after the other. Dropping it ends the wait. It must be
/// dropped before the half that it watches.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    /// Where it is, at which poller; `None` before the first wait.
    place: Option<(&'static Poller, usize)>,
    /// Since the task was told to wait it was not seen to find anything.
    waiting: bool,
}

impl Registration {
    /// Whether the last look has led to a wait: then whoever looks again asks what has become of
    /// the producer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Has the task woken as soon as one of `watches` shows something, be it that it does already.
    pub(crate) fn wait(&mut self, cx: &Context<'_>, watches: Vec<Watch>) {
        self.waiting = true;
        let waker = cx.waker().clone();
        let may_vanish = watches.iter().any(Watch::may_vanish);
        let question = may_vanish.then(|| Instant::now() + QUESTION_EVERY);
        let poller = Poller::of_process();
        let mut table = poller.lock();
        if !table.running {
            table.running = thread::start(poller);
        }
        if !table.running {
            // Without a thread the task itself has to look again and again.
            drop(table);
            return waker.wake();
        }
        let place = match self.place {
            // A place at the poller of a process that forked this one is of no use here.
            Some((owner, place)) if std::ptr::eq(owner, poller) => place,
            _ => table.add(),
        };
        self.place = Some((poller, place));
        let before = table.arm(place, watches, waker, question);
        poller.tell(&mut table);
        drop(table);
        drop(before);
    }

    /// The place, if it is at the poller of this process: the lock of another's may be held for
    /// ever.
    fn own_place(&self) -> Option<(&'static Poller, usize)> {
        self.place.filter(|(poller, _)| poller.is_here())
    }

    /// The task found something: it waits no longer.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.waiting) {
            if let Some((poller, place)) = self.own_place() {
                let before = poller.lock().disarm(place);
                drop(before);
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.end();
        if let Some((poller, place)) = self.own_place() {
            poller.lock().remove(place);
        }
    }
}
