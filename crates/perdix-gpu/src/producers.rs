//! One producer per granularity.

mod block;
mod events;
mod grid;
mod thread;
mod warp;

pub use block::BlockProducer;
pub use events::Events;
pub use grid::GridProducer;
pub use thread::ThreadProducer;
pub use warp::WarpProducer;

use crate::error::Error;
use crate::intrinsics::{WARP_SIZE, threads_per_block};
use crate::link::Link;

/// Messages that a warp publishes under one fence: one per lane, or as many as the ring has slots.
#[inline(always)]
fn chunk(link: &Link) -> u32 {
    let capacity = link.ring.capacity();
    if capacity < u64::from(WARP_SIZE) { capacity as u32 } else { WARP_SIZE }
}

/// Collective operations need whole warps.
#[inline(always)]
fn check_launch() -> Result<(), Error> {
    if threads_per_block() % WARP_SIZE == 0 { Ok(()) } else { Err(Error::Launch) }
}
