//! A kernel that says what it notices, as one would with `printf`.

use perdix_gpu::intrinsics::{block_rank, blocks, thread_rank, threads_per_block};
use perdix_gpu::{DeviceRing, Events, event};

use crate::Span;

perdix_gpu::kernel! {
    /// Looks at every byte of a text and logs those that are not ASCII, with their offset. Any launch.
    pub unsafe fn inspect(ring: DeviceRing, text: Span<u8>) {
        // SAFETY: the ring is for the events of this launch alone.
        let Ok(events) = (unsafe { Events::new(ring) }) else { return };
        let mut events = events.waiting(); // rather than drop
        let threads = blocks() * u64::from(threads_per_block());
        let thread = block_rank() * u64::from(threads_per_block()) + u64::from(thread_rank());
        if thread == 0 {
            event!(events, INFO, "looking at {} bytes with {} threads", text.len(), threads);
        }
        let mut offset = thread;
        // SAFETY: the host passes bytes that stay as they are.
        while let Some(byte) = unsafe { text.get(offset) } {
            if !byte.is_ascii() {
                event!(events, WARN, "byte {:#04x} at offset {}", byte, offset);
            }
            offset += threads;
        }
        events.finish();
    }
}
