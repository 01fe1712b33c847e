//! One block.

use core::sync::atomic::Ordering;

use perdix_core::DeviceInput;

use super::{ConsumeError, WarpConsumer, WarpMessage};
use crate::intrinsics::{Block, Warp, device_load_acquire, device_store_release, thread_rank, warp_id};

/// Takes messages into one block, whose threads call every method together with the same arguments:
/// every warp gets the whole message, as a [`WarpConsumer`] does.
///
/// The first warp waits for it. The others load it across the link then, in one look: for messages
/// that a whole block works on.
#[derive(Debug)]
pub struct BlockConsumer {
    warp: WarpConsumer,
    block: Block,
}

/// What thread 0 tells the others: this, or an error's code with its value behind it.
const FOUND: u64 = 0;
/// Bits of an error's code.
const CODE_BITS: u32 = 8;

impl BlockConsumer {
    /// The consumer of a ring, going on where the one before paused.
    ///
    /// # Errors
    /// [`ConsumeError::Corrupt`] if the handle is none that a host made, [`ConsumeError::Version`]
    /// if a host of another layout version made it, [`ConsumeError::Launch`] if the block is not
    /// made of whole warps.
    ///
    /// # Safety
    /// The handle is a host's, for a ring that outlives the kernel. This block's consumer is the
    /// only one that uses the ring and its state now. All threads of the block call all methods
    /// together, never some of them alone.
    #[inline(always)]
    pub unsafe fn new(handle: DeviceInput) -> Result<Self, ConsumeError> {
        // SAFETY: the caller's contract.
        let warp = unsafe { WarpConsumer::new(handle) }?;
        // SAFETY: all threads call together.
        let mut block = unsafe { Block::new() };
        // The first warp writes what all have read now.
        block.sync();
        Ok(Self { warp, block })
    }

    /// Takes the next message, waiting up to the ring's time limit.
    ///
    /// # Errors
    /// As [`WarpConsumer::consume`], the same for all threads. The number of a
    /// [`ConsumeError::Gap`] has 56 bits.
    #[inline(always)]
    pub fn consume(&mut self) -> Result<WarpMessage, ConsumeError> {
        self.consume_within(self.warp.input().limit_ns)
    }

    /// Takes the next message if it is there.
    ///
    /// # Errors
    /// As [`WarpConsumer::try_consume`], the same for all threads.
    #[inline(always)]
    pub fn try_consume(&mut self) -> Result<WarpMessage, ConsumeError> {
        self.consume_within(0)
    }

    /// [`consume`](Self::consume) with another time limit, in nanoseconds.
    ///
    /// # Errors
    /// As [`WarpConsumer::consume_within`], the same for all threads.
    #[inline(always)]
    pub fn consume_within(&mut self, limit_ns: u64) -> Result<WarpMessage, ConsumeError> {
        let mut result = Err(ConsumeError::Empty);
        if warp_id() == 0 {
            if self.warp.input().holds_much() {
                self.warp.release();
            }
            result = self.warp.wait(limit_ns);
            if thread_rank() == 0 {
                let state = self.warp.input().state;
                let word = match result {
                    Ok(_) => FOUND,
                    Err(error) => {
                        let (code, value) = error.code();
                        u64::from(code) | value << CODE_BITS
                    }
                };
                // Where the first warp stands: it may have gone on behind a gap. pairs with the
                // acquire loads below
                state.words().head.store(self.warp.input().next, Ordering::Relaxed);
                // SAFETY: a word of the state, in the device's memory.
                unsafe { device_store_release(&state.words().found, word) };
            }
        }
        self.block.sync();
        if warp_id() != 0 {
            // pairs with the release store above
            let state = self.warp.input().state;
            // SAFETY: a word of the state, in the device's memory.
            let word = unsafe { device_load_acquire(&state.words().found) };
            self.warp.go_to(state.head());
            result = if word == FOUND {
                // The first warp has seen all of it.
                self.warp.read_found().ok_or(ConsumeError::Corrupt)
            } else {
                let code = (word & ((1 << CODE_BITS) - 1)) as u32;
                Err(ConsumeError::from_code(code, word >> CODE_BITS))
            };
        }
        // Nothing goes back, and nothing new is told, before all have read.
        self.block.sync();
        if let Ok(message) = &result {
            self.warp.advance(message.len());
        }
        result
    }

    /// Hands back the slots of all that was taken, now: before a long computation, if the producer
    /// may be waiting for room.
    #[inline(always)]
    pub fn release(&mut self) {
        if warp_id() == 0 {
            self.warp.release();
        }
    }

    /// The warp's token, for operations of the kernel's own: all lanes are here, by the contract of
    /// the constructor.
    #[inline(always)]
    pub fn warp(&mut self) -> &mut Warp {
        self.warp.warp()
    }

    /// The block's token, for barriers of the kernel's own.
    #[inline(always)]
    pub fn block(&mut self) -> &mut Block {
        &mut self.block
    }

    /// Messages taken so far, by all consumers of this ring.
    #[inline(always)]
    pub fn messages(&self) -> u64 {
        self.warp.messages()
    }

    /// Leaves the rest of the stream to a later kernel.
    #[inline(always)]
    pub fn pause(self) {
        if warp_id() == 0 {
            self.warp.pause();
        }
    }

    /// Says that nobody will read any more: the producer's calls fail.
    #[inline(always)]
    pub fn finish(self) {
        if warp_id() == 0 {
            self.warp.finish();
        }
    }
}
