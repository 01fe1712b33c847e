//! Lanes that are stopped on the way, and stores that are lost: what a kernel leaves behind that is
//! killed.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::current;

/// A store that an emulated lane is about to make to the ring.
#[derive(Clone, Copy, Debug)]
pub struct LaneStore {
    /// The lane's block.
    pub block: u32,
    /// The lane's thread in the block.
    pub thread: u32,
    /// How many stores the lane has come to before.
    pub nth: u64,
    /// The word's address.
    pub address: usize,
    /// The value.
    pub value: u64,
    /// Whether it publishes what was stored before: it never arrives without that.
    pub publishes: bool,
}

/// What becomes of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It arrives.
    Arrives,
    /// It never arrives, and the lane goes on.
    Lost,
    /// It is not made, and the lane ends. Other lanes go on until they wait for it.
    Stopped,
}

/// Decides what becomes of every store of a launch.
#[derive(Clone)]
pub(crate) struct StoreOutcomes(Arc<dyn Fn(LaneStore) -> StoreOutcome + Send + Sync>);

impl StoreOutcomes {
    pub(super) fn new(outcome: impl Fn(LaneStore) -> StoreOutcome + Send + Sync + 'static) -> Self {
        Self(Arc::new(outcome))
    }
}

/// Makes a store of the lane that runs on this thread, unless its launch decides otherwise.
pub(crate) fn make_store(word: &AtomicU64, value: u64, publishes: bool, store: impl FnOnce()) {
    let outcome = current(|lane| {
        let Some(StoreOutcomes(outcome)) = &lane.outcomes else { return StoreOutcome::Arrives };
        let nth = lane.stores.get();
        lane.stores.set(nth + 1);
        let address = word.as_ptr().addr();
        outcome(LaneStore { block: lane.block, thread: lane.thread, nth, address, value, publishes })
    });
    match outcome {
        StoreOutcome::Arrives => store(),
        StoreOutcome::Lost => {}
        // As a trap: without the panic hook.
        StoreOutcome::Stopped => resume_unwind(Box::new("the emulated lane was stopped")),
    }
}
