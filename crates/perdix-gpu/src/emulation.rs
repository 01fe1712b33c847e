//! Kernels on a CPU: every lane is a thread, so that device code runs in `cargo test` without a
//! GPU.
//!
//! Warp and block operations meet at barriers, as on a device. The emulation is stricter than a
//! device: lanes that come to different operations, or wait for one that has ended, fault the
//! launch at once, and so does a wait of a minute. It shows errors of logic and convergence, not
//! speed, and errors of memory order only as far as the CPU has them.

mod barrier;
mod outcome;
mod ring;
mod rings;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::warp_size::WARP_SIZE;

pub(crate) use barrier::{Barrier, Call, Values};
use outcome::StoreOutcomes;
pub(crate) use outcome::make_store;
pub use outcome::{LaneStore, StoreOutcome};
pub use ring::EmulatedRing;
pub use rings::EmulatedRings;

/// Runs `kernel` on `blocks` blocks of `threads` threads, and waits for all of them. Returns
/// whether no lane faulted.
pub fn launch(blocks: u32, threads: u32, kernel: impl Fn() + Sync) -> bool {
    launch_lanes(blocks, threads, None, kernel)
}

/// [`launch`], with `outcome` deciding what becomes of every store that producers of whole warps
/// make to a ring: for tests of what is left behind when a kernel is killed. A
/// [`ThreadProducer`](crate::ThreadProducer)'s stores are not asked about.
///
/// ```
/// use perdix_gpu::emulation::{EmulatedRing, StoreOutcome, launch, launch_with};
/// use perdix_gpu::{Mode, WarpProducer};
///
/// let mut ring = EmulatedRing::new(4, Mode::Fenced);
/// let send = || {
///     // SAFETY: the ring's only producer.
///     let mut producer = unsafe { WarpProducer::new(ring.handle()) }.expect("a whole warp");
///     producer.produce(0, 16, |_chunk| [1, 2]).expect("room");
/// };
/// // The payload is stored, but not what publishes it.
/// assert!(!launch_with(1, 32, |store| if store.publishes { StoreOutcome::Stopped } else { StoreOutcome::Arrives }, send));
/// assert!(ring.received().is_empty());
/// ```
pub fn launch_with(
    blocks: u32,
    threads: u32,
    outcome: impl Fn(LaneStore) -> StoreOutcome + Send + Sync + 'static,
    kernel: impl Fn() + Sync,
) -> bool {
    launch_lanes(blocks, threads, Some(StoreOutcomes::new(outcome)), kernel)
}

fn launch_lanes(
    blocks: u32,
    threads: u32,
    outcomes: Option<StoreOutcomes>,
    kernel: impl Fn() + Sync,
) -> bool {
    let faulted = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        for block in 0..blocks {
            let group = Arc::new(Barrier::new("block", threads, &faulted));
            for first in (0..threads).step_by(WARP_SIZE as usize) {
                let lanes = (threads - first).min(WARP_SIZE);
                let warp = Arc::new(Barrier::new("warp", lanes, &faulted));
                for thread in first..(first + WARP_SIZE).min(threads) {
                    let lane = Lane {
                        thread,
                        threads,
                        block,
                        blocks,
                        warp: Arc::clone(&warp),
                        group: Arc::clone(&group),
                        outcomes: outcomes.clone(),
                        stores: Cell::new(0),
                    };
                    let (kernel, faulted) = (&kernel, Arc::clone(&faulted));
                    scope.spawn(move || {
                        LANE.set(Some(lane));
                        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(kernel)).is_err() {
                            faulted.store(true, Ordering::Relaxed);
                        }
                        // Those who still wait for this lane wait in vain.
                        drop(LANE.take());
                    });
                }
            }
        }
    });
    !faulted.load(Ordering::Relaxed)
}

thread_local! {
    static LANE: RefCell<Option<Lane>> = const { RefCell::new(None) };
}

/// Who a thread is.
pub(crate) struct Lane {
    pub(crate) thread: u32,
    pub(crate) threads: u32,
    pub(crate) block: u32,
    pub(crate) blocks: u32,
    pub(crate) warp: Arc<Barrier>,
    pub(crate) group: Arc<Barrier>,
    /// What becomes of its stores.
    outcomes: Option<StoreOutcomes>,
    /// Stores that it has come to.
    stores: Cell<u64>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.warp.leave();
        self.group.leave();
    }
}

/// Asks the lane that runs on this thread. A thread that `launch` did not start is a whole launch
/// of one thread.
pub(crate) fn current<R>(ask: impl FnOnce(&Lane) -> R) -> R {
    LANE.with_borrow_mut(|lane| {
        let lane = lane.get_or_insert_with(|| {
            let alone = Arc::new(Barrier::new("launch", 1, &Arc::new(AtomicBool::new(false))));
            Lane {
                thread: 0,
                threads: 1,
                block: 0,
                blocks: 1,
                warp: Arc::clone(&alone),
                group: alone,
                outcomes: None,
                stores: Cell::new(0),
            }
        });
        ask(lane)
    })
}
