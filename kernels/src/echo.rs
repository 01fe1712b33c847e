//! A kernel that answers: for latencies.

use core::sync::atomic::{AtomicU64, Ordering};

use perdix_gpu::intrinsics::{lane_id, now_ns, sleep_ns};
use perdix_gpu::{DeviceRing, PAYLOAD_SIZE, WarpProducer};

perdix_gpu::kernel! {
    /// One warp answers `count` commands with a message of `len` bytes each, whose first word is the GPU's clock when it saw the
    /// command. Command `i` (from 1) is given by storing `i` to `command`, in memory that both sides see. Gives up after `limit_ns`
    /// without a command.
    pub unsafe fn echo(ring: DeviceRing, command: *const AtomicU64, count: u64, len: u64, limit_ns: u64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        // SAFETY: the host keeps the word until the kernel ends.
        let command = unsafe { &*command };
        // 240 bytes are a case of their own, as for a kernel that knows the size of its messages.
        if len == PAYLOAD_SIZE as u64 {
            answer(producer, command, count, PAYLOAD_SIZE, limit_ns);
        } else {
            answer(producer, command, count, len as usize, limit_ns);
        }
    }
}

#[inline(always)]
fn answer(mut producer: WarpProducer, command: &AtomicU64, count: u64, len: usize, limit_ns: u64) {
    let mut turn = 1;
    while turn <= count {
        let mut seen = 1;
        if lane_id() == 0 {
            let begun = now_ns();
            while command.load(Ordering::Relaxed) != turn {
                if now_ns().wrapping_sub(begun) > limit_ns {
                    seen = 0;
                    break;
                }
                if cfg!(not(target_arch = "nvptx64")) {
                    sleep_ns(0);
                }
            }
        }
        if producer.warp().shuffle(seen, 0) == 0 {
            break;
        }
        // Only the lane that makes chunk 0 uses its own.
        let time = now_ns();
        let result =
            producer.produce(0, len, |chunk| if chunk == 0 { [time, turn] } else { [turn, chunk as u64] });
        if let Err(error) = result {
            return producer.fail(error);
        }
        turn += 1;
    }
    producer.finish();
}
