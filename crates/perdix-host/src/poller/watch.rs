//! What a task waits for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use perdix_core::sentinel::SENTINEL;
use perdix_core::{Mode, Ring};

use crate::shared::Shared;

/// What a task waits for on one ring. Looked at from the poller's thread, so it only reads shared words; a look that finds something is a
/// hint, and the task's own look decides.
///
/// Whatever the task's own look would find must show here, however long ago it came: then no wake-up is lost between that look
/// and the registration.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// Message (or notice) `number`, which begins a run, or the end before it.
    Message { number: u64 },
    /// So many free slots from `head` on.
    Room { head: u64, slots: u64 },
}

impl Watch {
    pub(crate) fn message(shared: Arc<Shared>, number: u64) -> Self {
        Self { shared, what: What::Message { number } }
    }

    pub(crate) fn room(shared: Arc<Shared>, head: u64, slots: u64) -> Self {
        Self { shared, what: What::Room { head, slots } }
    }

    /// Whether what is waited for may fail to come without a trace in the ring: kernels or another process produce. The task asks after them
    /// now and then; here a driver that keeps the caller waiting would keep all tasks waiting.
    pub(super) fn may_be_lost(&self) -> bool {
        matches!(self.what, What::Message { .. })
            && (self.shared.peer.is_process || self.shared.liveness.has_kernels())
    }

    /// Whether the task should look.
    pub(super) fn shows(&self) -> bool {
        let ring = &self.shared.ring;
        match self.what {
            What::Message { number } => is_there(ring, number) || has_ended(ring, number),
            What::Room { head, slots } => {
                let tail = ring.tail();
                let fill = tail.distance_to(head);
                // A tail that cannot be is the task's to report.
                tail.flag() || ring.capacity().checked_sub(fill).is_none_or(|free| free >= slots)
            }
        }
    }
}

fn is_there(ring: &Ring, number: u64) -> bool {
    // SAFETY: words are only loaded.
    let slot = unsafe { ring.slot(number) };
    // Relaxed: the task's own look pairs.
    slot.seq.load(Ordering::Relaxed) == number.wrapping_add(1)
        && (ring.mode() == Mode::Fenced || slot.meta.load(Ordering::Relaxed) != SENTINEL)
}

/// Whether the stream has ended before message `number`. While messages are still on their way to the end, they are what is waited for.
fn has_ended(ring: &Ring, number: u64) -> bool {
    let left = ring.end().map(|end| end.distance_from(number));
    left.is_some_and(|left| left == 0 || left > ring.capacity())
}
