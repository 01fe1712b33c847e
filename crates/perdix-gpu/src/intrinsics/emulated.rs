//! The intrinsics on emulated lanes: see [`crate::emulation`].

use std::sync::atomic::{AtomicU64, Ordering};

use perdix_core::Chunk16;

use crate::emulation::{Call, Values, current};

/// This thread's index in its block.
pub fn thread_idx() -> [u32; 3] {
    [current(|lane| lane.thread), 0, 0]
}

/// The block's size.
pub fn block_dim() -> [u32; 3] {
    [current(|lane| lane.threads), 1, 1]
}

/// This block's index in the grid.
pub fn block_idx() -> [u32; 3] {
    [current(|lane| lane.block), 0, 0]
}

/// The grid's size.
pub fn grid_dim() -> [u32; 3] {
    [current(|lane| lane.blocks), 1, 1]
}

/// Waits for all lanes of the warp, and makes their earlier writes visible to each other.
///
/// # Safety
/// All lanes of the warp call it together.
pub(super) unsafe fn sync_warp() {
    current(|lane| lane.warp.arrive(lane.thread % 32, Call::Sync, 0, |_| ()));
}

/// The value that lane `lane` has.
///
/// # Safety
/// All lanes of the warp call it together.
pub(super) unsafe fn shuffle(value: u32, lane: u32) -> u32 {
    current(|own| {
        own.warp
            .arrive(own.thread % 32, Call::Shuffle, u64::from(value), |values| values.of(lane % 32) as u32)
    })
}

/// Which lanes say yes: bit `i` for lane `i`.
///
/// # Safety
/// All lanes of the warp call it together.
pub(super) unsafe fn ballot(yes: bool) -> u32 {
    let bits = |values: Values<'_>| values.all().zip(0..).fold(0, |bits, (yes, i)| bits | (yes as u32) << i);
    current(|lane| lane.warp.arrive(lane.thread % 32, Call::Vote, u64::from(yes), bits))
}

/// Waits for all threads of the block, and makes their earlier writes visible to each other.
///
/// # Safety
/// All threads of the block call it together.
pub(super) unsafe fn sync_threads() {
    current(|lane| lane.group.arrive(lane.thread, Call::Sync, 0, |_| ()));
}

/// `sync_threads`, and whether all threads say yes.
///
/// # Safety
/// All threads of the block call it together.
pub(super) unsafe fn sync_threads_and(yes: bool) -> bool {
    let all = |values: Values<'_>| values.all().all(|yes| yes != 0);
    current(|lane| lane.group.arrive(lane.thread, Call::Vote, u64::from(yes), all))
}

/// A clock in nanoseconds.
pub fn now_ns() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Lets other threads run. Ends the lane if another has faulted, as a fault ends a whole kernel.
pub fn sleep_ns(_nanoseconds: u32) {
    current(|lane| lane.warp.stop_if_faulted());
    std::thread::yield_now();
}

/// Ends the kernel with a fault.
///
/// # Panics
/// Always: that is how an emulated lane faults.
pub fn trap() -> ! {
    // Without the panic hook: 32 backtraces would say no more.
    std::panic::resume_unwind(Box::new("the emulated kernel trapped"))
}

/// Adds to a word in device memory and returns what it was; no order.
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
pub unsafe fn device_add(word: &AtomicU64, value: u64) -> u64 {
    word.fetch_add(value, Ordering::Relaxed)
}

/// Lowers a word in device memory to `value` if that is less; no order.
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
pub unsafe fn device_min(word: &AtomicU64, value: u64) {
    word.fetch_min(value, Ordering::Relaxed);
}

/// Sets a word in device memory to 0 and returns what it was; no order.
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
pub unsafe fn device_take(word: &AtomicU64) -> u64 {
    word.swap(0, Ordering::Relaxed)
}

/// Loads a chunk of memory that the host writes; orders what follows after them.
pub(crate) fn load_chunk_acquire(chunk: &Chunk16) -> [u64; 2] {
    let [low, high] = chunk.words();
    // pairs with the Release stores of the ring's producer
    [low.load(Ordering::Acquire), high.load(Ordering::Acquire)]
}

/// [`load_chunk_acquire`] without an order.
pub(crate) fn load_chunk(chunk: &Chunk16) -> [u64; 2] {
    let [low, high] = chunk.words();
    [low.load(Ordering::Relaxed), high.load(Ordering::Relaxed)]
}

/// Loads a word in device memory; orders what follows after it.
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
pub unsafe fn device_load_acquire(word: &AtomicU64) -> u64 {
    // pairs with the Release store in device_store_release
    word.load(Ordering::Acquire)
}

/// Stores a word in device memory after all that came before.
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
pub unsafe fn device_store_release(word: &AtomicU64, value: u64) {
    // pairs with the Acquire load in device_load_acquire
    word.store(value, Ordering::Release);
}

/// Orders this thread's accesses before and after.
pub fn device_fence() {
    std::sync::atomic::fence(Ordering::AcqRel);
}
