//! Where lanes meet: a barrier that carries a value for each, and notices lanes that do not come.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Looks at the round before a waiting lane sleeps.
const YIELDS: u32 = 4;

/// How long a lane waits before the launch counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a lane came to a meeting for; all must have come for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Call {
    /// A bare barrier.
    Sync,
    /// A vote.
    Vote,
    /// A shuffle.
    Shuffle,
}

/// Where the lanes of a warp, or the threads of a block, meet.
pub(crate) struct Barrier {
    /// "warp" or "block", for messages.
    name: &'static str,
    arrived: AtomicU32,
    /// Members that have ended, and so will never come.
    left: AtomicU32,
    round: AtomicU64,
    /// What each member brings, for even and for odd rounds: nobody comes to a round before all
    /// have looked at the one but last.
    brought: [Vec<Brought>; 2],
    sleepers: Mutex<()>,
    woken: Condvar,
    faulted: Arc<AtomicBool>,
}

#[derive(Default)]
struct Brought {
    call: AtomicU64,
    value: AtomicU64,
}

/// What all members brought to one round.
pub(crate) struct Values<'a>(&'a [Brought]);

impl Values<'_> {
    /// The value of one member; 0 for one that does not exist.
    pub(crate) fn of(&self, member: u32) -> u64 {
        self.0.get(member as usize).map_or(0, |brought| brought.value.load(Ordering::Relaxed))
    }

    /// The values of all members.
    pub(crate) fn all(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|brought| brought.value.load(Ordering::Relaxed))
    }
}

impl Barrier {
    pub(crate) fn new(name: &'static str, members: u32, faulted: &Arc<AtomicBool>) -> Self {
        Self {
            name,
            arrived: AtomicU32::new(0),
            left: AtomicU32::new(0),
            round: AtomicU64::new(0),
            brought: [(); 2].map(|()| (0..members).map(|_| Brought::default()).collect()),
            sleepers: Mutex::new(()),
            woken: Condvar::new(),
            faulted: Arc::clone(faulted),
        }
    }

    /// Waits until all members are here, for the same `call`, and looks at what each of them
    /// brought.
    pub(crate) fn arrive<R>(
        &self,
        member: u32,
        call: Call,
        value: u64,
        look: impl FnOnce(Values<'_>) -> R,
    ) -> R {
        self.stop_if_faulted();
        let round = self.round.load(Ordering::Acquire);
        let [even, odd] = &self.brought;
        let brought = if round % 2 == 0 { even } else { odd };
        if let Some(own) = brought.get(member as usize) {
            own.call.store(call as u64, Ordering::Relaxed);
            own.value.store(value, Ordering::Relaxed);
        }
        // Release: what this lane did is seen by all; Acquire: the last lane has seen what all did.
        if self.arrived.fetch_add(1, Ordering::AcqRel) as usize + 1 == brought.len() {
            if brought.iter().any(|other| other.call.load(Ordering::Relaxed) != call as u64) {
                self.fault(format!("the lanes of a {} came to different calls, one to {call:?}", self.name));
            }
            self.arrived.store(0, Ordering::Relaxed);
            self.advance(round + 1);
        } else {
            self.wait(round, call);
        }
        look(Values(brought))
    }

    /// Says that one member has ended.
    pub(crate) fn leave(&self) {
        let _sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        // pairs with the Acquire load in wait
        self.left.fetch_add(1, Ordering::Release);
        self.woken.notify_all();
    }

    /// Ends this lane if another has faulted.
    pub(crate) fn stop_if_faulted(&self) {
        if self.faulted.load(Ordering::Relaxed) {
            resume_unwind(Box::new("another lane faulted"));
        }
    }

    fn advance(&self, round: u64) {
        let _sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        // pairs with the Acquire load in passed
        self.round.store(round, Ordering::Release);
        self.woken.notify_all();
    }

    fn passed(&self, round: u64) -> bool {
        // pairs with the Release store in advance, by the last to arrive
        self.round.load(Ordering::Acquire) != round
    }

    fn wait(&self, round: u64, call: Call) {
        for _ in 0..YIELDS {
            if self.passed(round) {
                return;
            }
            std::thread::yield_now();
        }
        let begun = Instant::now();
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // pairs with the Release addition in leave: a member that passed this round and then ended has moved the round
            let left = self.left.load(Ordering::Acquire);
            if self.passed(round) {
                return;
            }
            if left != 0 || begun.elapsed() > PATIENCE {
                drop(sleepers);
                self.stop_if_faulted();
                self.fault(format!(
                    "lanes of a {} wait at {call:?} for one that {}",
                    self.name,
                    if left == 0 { "never comes" } else { "has ended" }
                ));
            }
            let woken = self.woken.wait_timeout(sleepers, Duration::from_millis(100));
            sleepers = woken.unwrap_or_else(PoisonError::into_inner).0;
            self.stop_if_faulted();
        }
    }

    #[allow(clippy::panic)] // the emulation of a fault
    fn fault(&self, why: String) -> ! {
        self.faulted.store(true, Ordering::Relaxed);
        panic!("{why}")
    }
}
