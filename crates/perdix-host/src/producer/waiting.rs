//! How a producer waits for its consumer.

use std::sync::Arc;
use std::time::Duration;

use perdix_core::{Producer as Core, Refused};

use super::explain;
use crate::counterpart::Counterpart;
use crate::error::ProduceError;
use crate::trace;
use crate::wait::{Tries, Wait, WaitStrategy, Waiter};

/// How a producer waits, and for whom. Every wait for room asks here what has become of the
/// consumer.
#[derive(Debug)]
pub(super) struct Waiting {
    strategy: WaitStrategy,
    /// Who consumes.
    consumer: Arc<dyn Counterpart>,
    /// Tries without a wait that found the ring full.
    tries: Tries,
}

impl Waiting {
    pub(super) fn new(strategy: WaitStrategy, consumer: Arc<dyn Counterpart>) -> Self {
        Self { strategy, consumer, tries: Tries::default() }
    }

    /// Why nobody will read any more although no consumer has said so; `None` while somebody may.
    pub(super) fn lost(&self) -> Option<String> {
        self.consumer.lost()
    }

    /// Whether a task that waits for room has to ask now and then.
    #[cfg(feature = "futures")]
    pub(super) fn may_be_in_vain(&self) -> bool {
        self.consumer.may_vanish()
    }

    /// The producer's half is gone.
    pub(super) fn leave(&self) {
        self.consumer.leave(false);
    }

    /// Makes sure of `slots` free slots, or says why there are none: `ask` also what has become of
    /// the consumer.
    pub(super) fn room(&self, core: &mut Core, slots: u64, ask: bool) -> Result<(), ProduceError> {
        let is_lost = ask && self.lost().is_some();
        // What a consumer did last is there to be seen in this look.
        match core.ensure(slots) {
            Err(Refused::Full) if is_lost => Err(ProduceError::ConsumerLost),
            found => found.map_err(|refused| explain(refused, core, 0, slots)),
        }
    }

    /// Makes sure of a free slot after a first attempt was `refused`, waiting as `wait` says. A
    /// message that is too long is the business of the next attempt, which knows its length.
    #[cold]
    pub(super) fn wait_after(
        &mut self,
        refused: Refused,
        core: &mut Core,
        wait: Wait,
    ) -> Result<(), ProduceError> {
        match refused {
            Refused::Full => self.wait_for(core, 1, wait),
            Refused::TooLong => Ok(()),
            other => Err(explain(other, core, 0, 1)),
        }
    }

    /// Makes sure of `slots` free slots, waiting as `wait` says.
    #[cold]
    pub(super) fn wait_for(&mut self, core: &mut Core, slots: u64, wait: Wait) -> Result<(), ProduceError> {
        if wait == Wait::No {
            let ask = self.tries.is_time_to_ask();
            return self.room(core, slots, ask);
        }
        let limit = wait.limit();
        let mut waiter = Waiter::new(self.strategy, limit);
        let mut ask = false;
        loop {
            match self.room(core, slots, ask) {
                Err(ProduceError::Full { .. }) if limit == Some(Duration::ZERO) => {
                    return Err(ProduceError::TimedOut { waited: Duration::ZERO });
                }
                Err(ProduceError::Full { .. }) => {
                    waiter.pause().map_err(|waited| {
                        trace::timed_out(core.ring(), "producer", waited);
                        ProduceError::TimedOut { waited }
                    })?;
                    ask = waiter.is_time_to_look();
                }
                found => return found,
            }
        }
    }
}
