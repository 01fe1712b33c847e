//! Message numbers at the borders: of laps, of 32 and 63 bits, and where 64 bits wrap.

use perdix_host::{Buffer, WaitStrategy};

use super::{CheckArgs, exchange, failed};
use crate::args::modes;
use crate::checks::wrap::{SLOTS, starts};
use crate::error::Error;
use crate::gpu::{GpuPattern, Rig};

/// Runs tiny rings across every border, in both modes, from a warp and from a block.
pub(super) fn check(rig: &Rig, _: &CheckArgs) -> Result<String, Error> {
    const BATCH: u64 = 32;
    let pattern = GpuPattern::new(100);
    let mut runs = 0;
    for mode in modes(None) {
        for slots in SLOTS {
            for first in starts(slots as u64) {
                for (kernel, threads) in [("send_warp", 32), ("send_block", 128)] {
                    let builder = Buffer::builder().slots(slots).mode(mode).wait(WaitStrategy::Yield);
                    let buffer = rig.ring(builder.first_message(first))?;
                    // Three laps, and a message more than whole ones.
                    let count = 3 * slots as u64 + 9;
                    let launch = rig.launch(kernel)?.block(threads);
                    // SAFETY: these are the parameters of both kernels; they are one warp and one block.
                    let outcome = unsafe { exchange(buffer, first, pattern, count, launch, BATCH) };
                    outcome.map_err(|error| {
                        failed(format!("{kernel}, {mode:?}, {slots} slots, first message {first}: {error}"))
                    })?;
                    runs += 1;
                }
            }
        }
    }
    Ok(format!(
        "{runs} runs of rings of {SLOTS:?} slots across lap borders and the ends of 32, 63 and 64 bits, from a warp and a block"
    ))
}
