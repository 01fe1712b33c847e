//! The few things that only a GPU has, with an emulation on CPUs.
//!
//! Names follow `cuda_std` where it has a counterpart. What a whole warp or block does together are
//! methods of the tokens [`Warp`] and [`Block`].

#[cfg(target_arch = "nvptx64")]
#[path = "intrinsics/device.rs"]
mod target;
#[cfg(not(target_arch = "nvptx64"))]
#[path = "intrinsics/emulated.rs"]
mod target;

mod token;

pub use target::{
    block_dim, block_idx, device_add, device_fence, device_load_acquire, device_min, device_store_release,
    device_take, grid_dim, now_ns, sleep_ns, thread_idx, trap,
};
pub(crate) use target::{load_chunk, load_chunk_acquire};
pub use token::{Block, Warp};

pub use crate::warp_size::WARP_SIZE;

/// This thread's number in its block: x fastest, then y, then z.
#[inline(always)]
pub fn thread_rank() -> u32 {
    let ([x, y, z], [width, height, _]) = (thread_idx(), block_dim());
    x + width * (y + height * z)
}

/// Threads of the block.
#[inline(always)]
pub fn threads_per_block() -> u32 {
    let [x, y, z] = block_dim();
    x * y * z
}

/// This thread's lane in its warp, 0 to 31.
#[inline(always)]
pub fn lane_id() -> u32 {
    thread_rank() % WARP_SIZE
}

/// This warp's number in its block.
#[inline(always)]
pub fn warp_id() -> u32 {
    thread_rank() / WARP_SIZE
}

/// Warps of the block, the last one perhaps not full.
#[inline(always)]
pub fn warps_per_block() -> u32 {
    threads_per_block().div_ceil(WARP_SIZE)
}

/// This block's number in the grid: x fastest.
#[inline(always)]
pub fn block_rank() -> u64 {
    let ([x, y, z], [width, height, _]) = (block_idx(), grid_dim());
    u64::from(x) + u64::from(width) * (u64::from(y) + u64::from(height) * u64::from(z))
}

/// Blocks of the grid.
#[inline(always)]
pub fn blocks() -> u64 {
    let [x, y, z] = grid_dim();
    u64::from(x) * u64::from(y) * u64::from(z)
}
