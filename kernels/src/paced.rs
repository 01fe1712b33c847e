//! Kernels that compute for a stated time and have results all along: streamed, or kept to the end. And one that loads the
//! device's memory meanwhile.

use core::sync::atomic::AtomicU64;

use perdix_gpu::intrinsics::{block_rank, blocks, device_add, now_ns, thread_rank, threads_per_block};
use perdix_gpu::{Block, BlockProducer, DeviceRing};

use crate::pattern::Pattern;

/// 16-byte pieces of a message of 240 bytes.
const PIECES: u64 = 15;

perdix_gpu::kernel! {
    /// One block computes `steps` times for `step_ns` and sends `each` messages of the pattern after each step.
    pub unsafe fn send_paced(ring: DeviceRing, pattern: Pattern, steps: u64, each: u64, step_ns: u64) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let begun = now_ns();
        let mut step = 0;
        while step < steps {
            compute_until(begun, (step + 1) * step_ns);
            if producer.produce_batch(each, &pattern.from(step * each)).is_err() {
                break;
            }
            step += 1;
        }
        producer.finish();
    }

    /// The same with all messages left in `memory`, 240 bytes each: `15 * steps * each` pieces of device memory.
    pub unsafe fn store_paced(memory: *mut u128, pattern: Pattern, steps: u64, each: u64, step_ns: u64) {
        // SAFETY: all threads of the block run this loop the same number of times.
        let mut block = unsafe { Block::new() };
        let begun = now_ns();
        let mut step = 0;
        while step < steps {
            compute_until(begun, (step + 1) * step_ns);
            block.sync();
            let first = step * each * PIECES;
            let mut piece = u64::from(thread_rank());
            while piece < each * PIECES {
                let at = first + piece;
                let (id, word) = (at / PIECES, 2 * (at % PIECES));
                let (low, high) = (pattern.word(id, word), pattern.word(id, word + 1));
                // SAFETY: the host passes that many pieces.
                unsafe { memory.wrapping_add(at as usize).write(u128::from(low) | u128::from(high) << 64) };
                piece += u64::from(threads_per_block());
            }
            step += 1;
        }
    }

    /// All threads copy `pieces` pieces of 16 bytes from one place in device memory to another, again and again for `duration_ns`,
    /// and add the bytes read and written to `moved`.
    pub unsafe fn load_memory(from: *const u128, to: *mut u128, pieces: u64, duration_ns: u64, moved: *const AtomicU64) {
        let stride = blocks() * u64::from(threads_per_block());
        let first = block_rank() * u64::from(threads_per_block()) + u64::from(thread_rank());
        let begun = now_ns();
        let mut bytes = 0;
        while now_ns().wrapping_sub(begun) < duration_ns {
            let mut i = first;
            while i < pieces {
                // SAFETY: the host passes that many pieces, which nobody writes.
                let piece = unsafe { from.wrapping_add(i as usize).read() };
                // SAFETY: the host passes that many pieces; each is written by one thread.
                unsafe { to.wrapping_add(i as usize).write(piece) };
                bytes += 32;
                i += stride;
            }
        }
        // SAFETY: the host keeps the word until the kernel ends.
        let moved = unsafe { &*moved };
        // SAFETY: as above; kernels alone write to it.
        unsafe { device_add(moved, bytes) };
    }
}

/// Computes (in fact, looks at the clock) until `ns` have passed since `begun`.
#[inline(always)]
fn compute_until(begun: u64, ns: u64) {
    while now_ns().wrapping_sub(begun) < ns {
        core::hint::spin_loop();
    }
}
