//! One producer per granularity: each is a way to claim message numbers, and a way to store
//! messages.
//!
//! | producer | claims | stores |
//! |---|---|---|
//! | thread | from its own head | by core's producer |
//! | warp | from its own head | half a warp per slot |
//! | block | from its own head, dealt out to the warps | half a warp per slot |
//! | grid | from a ticket in device memory | half a warp per slot |
//! | [events](crate::Events) | from a ticket in device memory | a thread per slot |

mod block;
mod converged;
mod grid;
mod thread;
mod warp;

pub use block::BlockProducer;
pub use converged::ConvergedProducer;
pub use grid::{GridProducer, Ticket};
pub use thread::ThreadProducer;
pub use warp::{OwnHead, WarpProducer};

use crate::error::Error;
use crate::intrinsics::{WARP_SIZE, threads_per_block};
use crate::link::Link;

/// Messages that a warp publishes under one fence: one per lane, or as many as the ring has slots.
#[inline(always)]
fn batch_size(link: &Link) -> u32 {
    let capacity = link.ring.capacity();
    if capacity < u64::from(WARP_SIZE) { capacity as u32 } else { WARP_SIZE }
}

/// Whole-warp operations need whole warps.
#[inline(always)]
fn check_launch() -> Result<(), Error> {
    if threads_per_block() % WARP_SIZE == 0 { Ok(()) } else { Err(Error::Launch) }
}
