//! The first message.

use perdix_gpu::{DeviceRing, ThreadProducer};

perdix_gpu::kernel! {
    /// Sends one message. One thread.
    pub unsafe fn hello(ring: DeviceRing) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
        match producer.produce(0, b"Hello from GPU!") {
            Ok(()) => producer.finish(),
            Err(error) => producer.fail(error),
        }
    }
}
