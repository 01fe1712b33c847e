//! The bare link, to measure against: no protocol at all.

use core::sync::atomic::{AtomicU64, Ordering};

use perdix_core::{Chunk16, Word};
use perdix_gpu::intrinsics::{block_rank, blocks, now_ns, thread_rank, threads_per_block};

perdix_gpu::kernel! {
    /// All threads write `pairs` pairs of words (16 bytes each) to `memory`, coalesced, `rounds` times.
    pub unsafe fn bare_writes(memory: *const [AtomicU64; 2], pairs: u64, rounds: u64) {
        let stride = blocks() * u64::from(threads_per_block());
        let first = block_rank() * u64::from(threads_per_block()) + u64::from(thread_rank());
        let mut round = 0;
        while round < rounds {
            let mut i = first;
            while i < pairs {
                // SAFETY: the host passes that many pairs.
                let pair = unsafe { &*memory.wrapping_add(i as usize) };
                // SAFETY: the memory is aligned to 16 bytes.
                AtomicU64::store_chunk(unsafe { Chunk16::new(pair) }, [round, i]);
                i += stride;
            }
            round += 1;
        }
    }

    /// One thread answers `count` commands: waits for `i` (from 1) in `command` and stores it to `reply`. Gives up after `limit_ns`.
    pub unsafe fn bare_ping_pong(command: *const AtomicU64, reply: *const AtomicU64, count: u64, limit_ns: u64) {
        // SAFETY: the host keeps the words until the kernel ends.
        let command = unsafe { &*command };
        // SAFETY: as above.
        let reply = unsafe { &*reply };
        let begun = now_ns();
        let mut turn = 1;
        while turn <= count {
            while command.load(Ordering::Relaxed) != turn {
                if now_ns().wrapping_sub(begun) > limit_ns {
                    return;
                }
            }
            reply.store(turn, Ordering::Relaxed);
            turn += 1;
        }
    }
}
