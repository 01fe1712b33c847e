//! The kernels that Perdix's tests, benchmarks and demos run.
//!
//! The crate is compiled twice: to PTX, which is committed (`ptx/perdix_kernels.ptx`, made by `cargo xtask ptx`) so that nobody
//! needs the GPU compiler to run them; and for the host, which runs the same kernels on emulated lanes in tests, and checks
//! what they send with the same [`pattern`].
#![cfg_attr(target_arch = "nvptx64", no_std, feature(abi_ptx, asm_experimental_arch))]

pub mod baseline;
mod drops;
mod echo;
mod events;
mod faults;
mod flood;
mod link;
mod paced;
pub mod pattern;
pub mod records;
mod send;
mod shards;
pub mod soak;
mod stream;
pub mod take;
mod torn;
pub mod typed;

pub use baseline::{baseline_fifo, baseline_slots};
pub use drops::{drop_block, drop_grid, drop_thread, drop_warp};
pub use echo::echo;
pub use events::{
    flood_events, flood_lane_events, log_and_go, log_block, log_grid, log_lanes, log_thread, log_threads,
    log_types, log_warp,
};
pub use faults::{Ending, break_off, send_too_long, stop_midway, try_until_full};
pub use flood::{
    flood_block, flood_chunk, flood_grid, flood_shards_block, flood_shards_grid, flood_thread, flood_warp,
    flood_warp_batches,
};
pub use link::{bare_ping_pong, bare_writes};
pub use paced::{load_memory, send_paced, store_paced};
pub use records::{
    RECORD_KIND, RECORD_SIZES, TestRecord, has_record, pack_records, pack_sized_records, send_records,
    send_sized_records,
};
pub use send::{send_block, send_bytes, send_grid, send_thread, send_warp};
pub use shards::{send_shards_block, send_shards_grid};
pub use soak::{soak_block, soak_grid, soak_shards, soak_thread, soak_warp};
pub use stream::{continue_block, continue_bytes};
pub use take::{relay_block, relay_thread, relay_warp, serve, take_and_tell};
pub use torn::send_torn;
pub use typed::{typed_block, typed_grid, typed_thread, typed_warp};

/// The PTX of all kernels in this crate.
#[cfg(not(target_arch = "nvptx64"))]
pub const PTX: &str = include_str!("../ptx/perdix_kernels.ptx");

/// The PTX of the CUDA C++ kernels in `cpp/send.cu`, made by `cargo xtask cpp`.
#[cfg(not(target_arch = "nvptx64"))]
pub const CPP_PTX: &str = include_str!("../ptx/perdix_cpp.ptx");
