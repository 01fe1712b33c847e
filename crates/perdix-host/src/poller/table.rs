//! Who waits.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::watch::Watch;
use super::{PollerConfig, PollerStats};
use crate::fork::Home;

/// The newest poller. Pollers live for ever: one for a process, and one more for each generation of
/// forks before it.
static NEWEST: AtomicPtr<Poller> = AtomicPtr::new(std::ptr::null_mut());

#[derive(Debug)]
pub(super) struct Poller {
    home: Home,
    /// Held for moments only. Wakers are neither cloned, woken nor dropped under it: all of these
    /// may run the user's code, which may wait for a ring or stop doing so.
    table: Mutex<Table>,
    /// Somebody waits who did not, or the configuration is another one.
    pub(super) changed: Condvar,
    pub(super) looks: AtomicU64,
    pub(super) wakes: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    /// Places of entries that belong to nobody.
    free: Vec<usize>,
    /// Entries with a waker.
    pub(super) waiting: usize,
    /// Set when a wait begins: the thread looks eagerly again.
    pub(super) fresh: bool,
    /// The thread is parked or sleeps, and has to be told what changes.
    pub(super) asleep: bool,
    /// The thread was started.
    pub(super) running: bool,
    pub(super) config: PollerConfig,
}

/// One task's wait; its place belongs to a [`Registration`](super::Registration).
#[derive(Debug, Default)]
struct Entry {
    /// Kept until its owner changes or leaves it, so that the poller never drops the last share of
    /// a ring.
    watches: Vec<Watch>,
    /// While the task waits.
    waker: Option<Waker>,
    /// When it should ask after its producers, if they can be lost.
    question: Option<Instant>,
}

impl Poller {
    /// The poller of this process. In a child that was forked the parent's has no thread, and its
    /// lock may be held for ever: the child gets one of its own, with the default configuration.
    pub(super) fn of_process() -> &'static Self {
        let newest = NEWEST.load(Ordering::Acquire); // pairs with the Release of the exchange below
        // SAFETY: null, or a poller that was leaked below and lives for ever.
        match unsafe { newest.as_ref() } {
            Some(poller) if poller.home.is_here() => poller,
            _ => Self::succeed(newest),
        }
    }

    #[cold]
    fn succeed(before: *mut Self) -> &'static Self {
        let fresh = Box::into_raw(Box::new(Self {
            home: Home::here(),
            table: Mutex::new(Table::default()),
            changed: Condvar::new(),
            looks: AtomicU64::new(0),
            wakes: AtomicU64::new(0),
        }));
        // pairs with the Acquire load in `of_process`, and with itself
        match NEWEST.compare_exchange(before, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just made, and never freed from here on.
            Ok(_) => unsafe { &*fresh },
            Err(winner) => {
                // SAFETY: just made, and seen by nobody.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: another thread of this process has put it there; it lives for ever.
                unsafe { &*winner }
            }
        }
    }

    /// Whether this is the poller of this process.
    pub(super) fn is_here(&self) -> bool {
        self.home.is_here()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn configure(&self, config: PollerConfig) {
        let mut table = self.lock();
        table.config = config;
        self.tell(&mut table);
    }

    /// Has the thread look at once.
    pub(super) fn tell(&self, table: &mut Table) {
        table.fresh = true;
        if table.asleep {
            self.changed.notify_one();
        }
    }

    pub(super) fn stats(&self) -> PollerStats {
        PollerStats {
            waiting: self.lock().waiting,
            looks: self.looks.load(Ordering::Relaxed),
            wakes: self.wakes.load(Ordering::Relaxed),
        }
    }
}

impl Table {
    /// A place for one wait after the other.
    pub(super) fn add(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.entries.push(Entry::default());
            self.entries.len() - 1
        })
    }

    /// The task at `place` waits. What it waited for and its waker until now are for the caller to
    /// drop.
    #[must_use]
    pub(super) fn arm(
        &mut self,
        place: usize,
        watches: Vec<Watch>,
        waker: Waker,
        question: Option<Instant>,
    ) -> (Vec<Watch>, Option<Waker>) {
        let Some(entry) = self.entries.get_mut(place) else { return (watches, Some(waker)) };
        let before = entry.waker.replace(waker);
        self.waiting += usize::from(before.is_none());
        entry.question = question;
        (std::mem::replace(&mut entry.watches, watches), before)
    }

    /// The task at `place` no longer waits.
    #[must_use]
    pub(super) fn disarm(&mut self, place: usize) -> (Vec<Watch>, Option<Waker>) {
        let Some(entry) = self.entries.get_mut(place) else { return (Vec::new(), None) };
        let waker = entry.waker.take();
        self.waiting -= usize::from(waker.is_some());
        (std::mem::take(&mut entry.watches), waker)
    }

    /// Gives the place, at which nobody waits, to others.
    pub(super) fn remove(&mut self, place: usize) {
        self.free.push(place);
    }

    /// Takes the wakers of all tasks that should look.
    pub(super) fn look(&mut self, woken: &mut Vec<Waker>) {
        let mut now = None;
        for entry in &mut self.entries {
            if entry.waker.is_none() {
                continue;
            }
            let is_due = |question| question <= *now.get_or_insert_with(Instant::now);
            if entry.watches.iter().any(Watch::shows) || entry.question.is_some_and(is_due) {
                woken.extend(entry.waker.take());
                self.waiting -= 1;
            }
        }
    }
}
