//! Several rings for the blocks of one launch.

use perdix_core::{DeviceRing, DeviceRings};

use crate::error::Error;
use crate::intrinsics::{block_rank, blocks, thread_rank, warps_per_block};
use crate::producers::ThreadProducer;

/// One ring of several, and the blocks of the launch that share it: those whose number is `index`
/// modulo the number of rings.
///
/// With at most as many blocks as rings each block is alone on its ring and can use a
/// [`BlockProducer`](crate::BlockProducer); blocks that share a ring use a
/// [`GridProducer`](crate::GridProducer) each warp. Order is kept per ring, not between rings.
///
/// ```
/// use perdix_gpu::emulation::{EmulatedRings, launch};
/// use perdix_gpu::{DeviceRings, GridProducer, Mode, Shard, finish_unused};
///
/// perdix_gpu::kernel! {
///     /// Every warp of the grid sends one message of 16 bytes on its block's ring.
///     pub unsafe fn everybody(rings: DeviceRings) {
///         // SAFETY: the host's rings, and nothing else is launched on them.
///         unsafe { finish_unused(rings) };
///         // SAFETY: as above.
///         let Ok(shard) = (unsafe { Shard::of_block(rings) }) else { return };
///         // SAFETY: all warps of all blocks of the shard make such a producer.
///         let Ok(mut producer) = (unsafe { GridProducer::new_among(shard.ring(), shard.warps()) }) else { return };
///         let _ = producer.produce(0, 16, |_chunk| [shard.index(), shard.blocks()]);
///         producer.finish();
///     }
/// }
///
/// let mut rings = EmulatedRings::new(2, 64, Mode::Fenced);
/// // SAFETY: the rings outlive the launch.
/// assert!(launch(3, 64, || unsafe { everybody(rings.handle()) }));
/// // Blocks 0 and 2 share ring 0.
/// let counts: Vec<usize> = rings.iter_mut().map(|ring| ring.received().len()).collect();
/// assert_eq!(counts, [4, 2]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shard {
    ring: DeviceRing,
    index: u64,
    blocks: u64,
}

impl Shard {
    /// The ring of this block: the one whose index is the block's number modulo the number of
    /// rings.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle is none that a host made: it has no rings.
    ///
    /// # Safety
    /// The handle is a host's, for rings that outlive the kernel.
    #[inline(always)]
    pub unsafe fn of_block(rings: DeviceRings) -> Result<Self, Error> {
        if rings.count == 0 {
            return Err(Error::Corrupt);
        }
        // SAFETY: the caller's contract.
        unsafe { Self::new(rings, block_rank() % rings.count) }
    }

    /// Ring `index` (from 0), whichever blocks it belongs to.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the handle has no such ring.
    ///
    /// # Safety
    /// The handle is a host's, for rings that outlive the kernel.
    #[inline(always)]
    pub unsafe fn new(rings: DeviceRings, index: u64) -> Result<Self, Error> {
        // SAFETY: the caller's contract.
        let ring = unsafe { rings.get(index) }.ok_or(Error::Corrupt)?;
        // `get` has seen that there is a ring, so the number is not 0.
        let (each, more) = (blocks() / rings.count, blocks() % rings.count);
        Ok(Self { ring, index, blocks: each + u64::from(index < more) })
    }

    /// The ring, for a producer.
    #[inline(always)]
    pub fn ring(&self) -> DeviceRing {
        self.ring
    }

    /// The ring's number, from 0.
    #[inline(always)]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many blocks of the launch share the ring; 0 if there are more rings than blocks and this
    /// is one of those left over.
    #[inline(always)]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// How many warps those blocks have together: what
    /// [`GridProducer::new_among`](crate::GridProducer::new_among) wants to know.
    #[inline(always)]
    pub fn warps(&self) -> u64 {
        self.blocks * u64::from(warps_per_block())
    }
}

/// Ends the streams of the rings that no block has because there are more rings than blocks. All
/// blocks call it, once each; else the consumers of those rings are told that the kernel ended
/// without finish. It does nothing where every ring has a block.
///
/// # Safety
/// The handle is a host's, for rings that outlive the kernel, and the launch leaves the rings from
/// number [`blocks()`](crate::intrinsics::blocks) on alone.
#[inline(always)]
pub unsafe fn finish_unused(rings: DeviceRings) {
    if thread_rank() != 0 {
        return;
    }
    let mut index = block_rank() + blocks();
    // SAFETY: the caller's contract.
    while let Some(ring) = unsafe { rings.get(index) } {
        // SAFETY: the caller's contract; of the launch only this thread takes this index.
        if let Ok(producer) = unsafe { ThreadProducer::new(ring) } {
            producer.finish();
        }
        index += blocks();
    }
}
