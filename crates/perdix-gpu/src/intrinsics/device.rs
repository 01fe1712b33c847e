//! The intrinsics as PTX instructions.
//!
//! Barriers, shuffles and votes come from LLVM's intrinsics, which are convergent; inline assembly
//! is not, and serves only what needs no convergence. The PTX that each becomes is named beside it.

use core::arch::{asm, nvptx};
use core::sync::atomic::AtomicU64;

use perdix_core::Chunk16;

unsafe extern "C" {
    #[link_name = "llvm.nvvm.bar.warp.sync"]
    fn bar_warp_sync(mask: u32);
    #[link_name = "llvm.nvvm.shfl.sync.idx.i32"]
    fn shfl_sync_idx(mask: u32, value: u32, lane: u32, clamp: u32) -> u32;
    #[link_name = "llvm.nvvm.vote.ballot.sync"]
    fn vote_ballot_sync(mask: u32, predicate: bool) -> u32;
    #[link_name = "llvm.nvvm.barrier0.and"]
    fn barrier0_and(predicate: i32) -> i32;
    #[link_name = "llvm.nvvm.nanosleep"]
    fn nanosleep(nanoseconds: u32);
    #[link_name = "llvm.nvvm.read.ptx.sreg.globaltimer"]
    fn globaltimer() -> u64;
}

const ALL: u32 = u32::MAX;

macro_rules! special_register {
    ($name:ident) => {
        // SAFETY: reads a special register.
        unsafe { nvptx::$name() as u32 }
    };
}

/// This thread's index in its block. (`%tid`)
#[inline(always)]
pub fn thread_idx() -> [u32; 3] {
    [special_register!(_thread_idx_x), special_register!(_thread_idx_y), special_register!(_thread_idx_z)]
}

/// The block's size. (`%ntid`)
#[inline(always)]
pub fn block_dim() -> [u32; 3] {
    [special_register!(_block_dim_x), special_register!(_block_dim_y), special_register!(_block_dim_z)]
}

/// This block's index in the grid. (`%ctaid`)
#[inline(always)]
pub fn block_idx() -> [u32; 3] {
    [special_register!(_block_idx_x), special_register!(_block_idx_y), special_register!(_block_idx_z)]
}

/// The grid's size. (`%nctaid`)
#[inline(always)]
pub fn grid_dim() -> [u32; 3] {
    [special_register!(_grid_dim_x), special_register!(_grid_dim_y), special_register!(_grid_dim_z)]
}

/// Waits for all lanes of the warp, and makes their earlier writes visible to each other.
/// (`bar.warp.sync`)
///
/// # Safety
/// All lanes of the warp call it together.
#[inline(always)]
pub(super) unsafe fn sync_warp() {
    // SAFETY: the caller's contract.
    unsafe { bar_warp_sync(ALL) }
}

/// The value that lane `lane` has. (`shfl.sync.idx.b32`)
///
/// # Safety
/// All lanes of the warp call it together.
#[inline(always)]
pub(super) unsafe fn shuffle(value: u32, lane: u32) -> u32 {
    // SAFETY: the caller's contract.
    unsafe { shfl_sync_idx(ALL, value, lane, 31) }
}

/// Which lanes say yes: bit `i` for lane `i`. (`vote.sync.ballot.b32`)
///
/// # Safety
/// All lanes of the warp call it together.
#[inline(always)]
pub(super) unsafe fn ballot(yes: bool) -> u32 {
    // SAFETY: the caller's contract.
    unsafe { vote_ballot_sync(ALL, yes) }
}

/// Waits for all threads of the block, and makes their earlier writes visible to each other.
/// (`bar.sync`)
///
/// # Safety
/// All threads of the block call it together.
#[inline(always)]
pub(super) unsafe fn sync_threads() {
    // SAFETY: the caller's contract.
    unsafe { nvptx::_syncthreads() }
}

/// `sync_threads`, and whether all threads say yes. (`bar.red.and`)
///
/// # Safety
/// All threads of the block call it together.
#[inline(always)]
pub(super) unsafe fn sync_threads_and(yes: bool) -> bool {
    // SAFETY: the caller's contract.
    unsafe { barrier0_and(i32::from(yes)) != 0 }
}

/// The GPU's clock in nanoseconds, common to all its multiprocessors; it moves in steps (32 ns on
/// an H200). (`%globaltimer`)
#[inline(always)]
pub fn now_ns() -> u64 {
    // SAFETY: reads a special register.
    unsafe { globaltimer() }
}

/// Sleeps for about that time, at most 1 ms. (`nanosleep.u32`)
#[inline(always)]
pub fn sleep_ns(nanoseconds: u32) {
    // SAFETY: no memory is touched.
    unsafe { nanosleep(nanoseconds) }
}

/// Ends the kernel with a fault.
#[inline(always)]
pub fn trap() -> ! {
    // SAFETY: does not return.
    unsafe { nvptx::trap() }
}

/// Adds to a word in device memory and returns what it was; no order. (`atom.relaxed.gpu.add.u64`)
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
#[inline(always)]
pub unsafe fn device_add(word: &AtomicU64, value: u64) -> u64 {
    let before;
    // SAFETY: an atomic access to an atomic word, which is where the caller's contract says.
    unsafe {
        asm!("atom.relaxed.gpu.add.u64 {}, [{}], {};", out(reg64) before, in(reg64) word.as_ptr(), in(reg64) value,
             options(nostack, preserves_flags));
    }
    before
}

/// Lowers a word in device memory to `value` if that is less; no order.
/// (`atom.relaxed.gpu.min.u64`)
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
#[inline(always)]
pub unsafe fn device_min(word: &AtomicU64, value: u64) {
    // SAFETY: an atomic access to an atomic word, which is where the caller's contract says.
    unsafe {
        asm!("{{ .reg .u64 %before; atom.relaxed.gpu.min.u64 %before, [{}], {}; }}", in(reg64) word.as_ptr(), in(reg64) value,
             options(nostack, preserves_flags));
    }
}

/// Sets a word in device memory to 0 and returns what it was; no order. (`atom.relaxed.gpu.exch`)
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
#[inline(always)]
pub unsafe fn device_take(word: &AtomicU64) -> u64 {
    let before;
    // SAFETY: an atomic access to an atomic word, which is where the caller's contract says.
    unsafe {
        asm!("atom.relaxed.gpu.exch.b64 {}, [{}], 0;", out(reg64) before, in(reg64) word.as_ptr(),
             options(nostack, preserves_flags));
    }
    before
}

/// Loads a chunk of memory that the host writes, at once, though the link may split it;
/// orders what follows after them. (`ld.acquire.sys.v2`)
#[inline(always)]
pub(crate) fn load_chunk_acquire(chunk: &Chunk16) -> [u64; 2] {
    let (first, second);
    // SAFETY: 16 aligned bytes, which allow shared reads.
    unsafe {
        asm!("ld.acquire.sys.v2.u64 {{{}, {}}}, [{}];", out(reg64) first, out(reg64) second, in(reg64) core::ptr::from_ref(chunk),
             options(nostack, preserves_flags));
    }
    [first, second]
}

/// [`load_chunk_acquire`] without an order, so that several can be under way. (`ld.relaxed.sys.v2`)
#[inline(always)]
pub(crate) fn load_chunk(chunk: &Chunk16) -> [u64; 2] {
    let (first, second);
    // SAFETY: as above.
    unsafe {
        asm!("ld.relaxed.sys.v2.u64 {{{}, {}}}, [{}];", out(reg64) first, out(reg64) second, in(reg64) core::ptr::from_ref(chunk),
             options(nostack, preserves_flags));
    }
    [first, second]
}

/// Loads a word in device memory; orders what follows after it, among the GPU's threads.
/// (`ld.acquire.gpu`)
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
#[inline(always)]
pub unsafe fn device_load_acquire(word: &AtomicU64) -> u64 {
    let value;
    // SAFETY: an atomic access to an atomic word, which is where the caller's contract says.
    unsafe {
        asm!("ld.acquire.gpu.u64 {}, [{}];", out(reg64) value, in(reg64) word.as_ptr(), options(nostack, preserves_flags));
    }
    value
}

/// Stores a word in device memory after all that came before, among the GPU's threads.
/// (`st.release.gpu`)
///
/// # Safety
/// The word lies in memory that all threads of the device address (not in a thread's own stack),
/// and only they access it meanwhile.
#[inline(always)]
pub unsafe fn device_store_release(word: &AtomicU64, value: u64) {
    // SAFETY: an atomic access to an atomic word, which is where the caller's contract says.
    unsafe {
        asm!("st.release.gpu.u64 [{}], {};", in(reg64) word.as_ptr(), in(reg64) value, options(nostack, preserves_flags));
    }
}

/// Orders this thread's accesses before and after, among the GPU's threads. (`fence.acq_rel.gpu`)
#[inline(always)]
pub fn device_fence() {
    // SAFETY: no memory is touched.
    unsafe { asm!("fence.acq_rel.gpu;", options(nostack, preserves_flags)) }
}
