//! One message at a time.

use std::sync::atomic::Ordering;

use perdix_host::{Buffer, PAYLOAD_SIZE};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

use super::{CheckArgs, PATIENCE, exchange, failed};
use crate::args::modes;
use crate::error::Error;
use crate::gpu::{GpuPattern, Rig, Word, trips};

/// Commands that a kernel answers with a message each.
const TRIPS: usize = 100;

/// Messages of every length, one by one; answers to commands; and a message that is too long.
pub(super) fn check(rig: &Rig, _: &CheckArgs) -> Result<String, Error> {
    for mode in modes(None) {
        for len in [16, PAYLOAD_SIZE] {
            trips(rig, mode, len, 0, TRIPS)?;
        }
        let pattern = GpuPattern(Pattern { len: ALL_LENGTHS, sentinels: 0 });
        let count = PAYLOAD_SIZE as u64 + 1;
        let buffer = rig.ring(Buffer::builder().slots(4).mode(mode))?;
        let launch = rig.launch("send_warp")?.block(32);
        // SAFETY: these are the kernel's parameters, and it is one warp.
        unsafe { exchange(buffer, 0, pattern, count, launch, 1) }?;
        too_long(rig, rig.ring(Buffer::builder().slots(4).mode(mode))?)?;
    }
    Ok(format!(
        "{TRIPS} commands answered with a message each, every length from 0 to {PAYLOAD_SIZE} arrived unchanged, in both \
         modes; 241 is refused"
    ))
}

/// Lets a kernel try a message of 241 bytes, and then one of 240.
fn too_long(rig: &Rig, mut buffer: Buffer) -> Result<(), Error> {
    let refused = Word::new(rig)?;
    let (producer, mut consumer) = buffer.split_gpu()?;
    let launch = rig.launch("send_too_long")?.block(32).arg(&producer).arg(refused.address());
    // SAFETY: these are the kernel's parameters; it is one warp, and the word stays until it has ended.
    unsafe { launch.start() }?;
    let outcome = consumer.next(PATIENCE).map(|message| (message.kind(), message.len()));
    drop(consumer);
    if let Err(error) = producer.wait(2 * PATIENCE) {
        refused.leak();
        return Err(error.into());
    }
    match (outcome?, refused.get().load(Ordering::Acquire)) {
        ((1, PAYLOAD_SIZE), 1) => Ok(()),
        (other, word) => Err(failed(format!(
            "a message of 241 bytes was not refused: {other:?} arrived, and the kernel said {word}"
        ))),
    }
}
