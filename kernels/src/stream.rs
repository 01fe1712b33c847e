//! Kernels of which several in a row make one stream.

use perdix_gpu::{BlockProducer, Bytes, DeviceRing};

use crate::pattern::Pattern;

perdix_gpu::kernel! {
    /// One block sends `len` bytes at `data`, cut into messages of 240, in order. Then it ends the stream if `last` is not zero,
    /// and leaves it open for the next kernel if it is.
    pub unsafe fn continue_bytes(ring: DeviceRing, data: *const u8, len: u64, last: u64) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        // SAFETY: the host keeps the bytes as they are until the kernel ends.
        let bytes = unsafe { Bytes::new(data, len, 0) };
        let sent = producer.produce_batch(bytes.messages(), &bytes).is_ok();
        // All warps decide alike. An error is told to the consumer by finish.
        if producer.block().all(sent) && last == 0 { producer.pause() } else { producer.finish() }
    }

    /// One block sends messages `first` to `first + count` of the pattern. Then it ends the stream if `last` is not zero, and leaves
    /// it open for the next kernel if it is.
    pub unsafe fn continue_block(ring: DeviceRing, pattern: Pattern, first: u64, count: u64, last: u64) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let sent = producer.produce_batch(count, &pattern.from(first)).is_ok();
        // As above.
        if producer.block().all(sent) && last == 0 { producer.pause() } else { producer.finish() }
    }
}
