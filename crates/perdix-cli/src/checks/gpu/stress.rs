//! Many messages at full speed.

use std::time::Instant;

use perdix_host::{Buffer, PAYLOAD_SIZE};

use super::{CheckArgs, exchange};
use crate::args::{mode_name, modes};
use crate::error::Error;
use crate::gpu::{GpuPattern, Rig};
use crate::report::{grouped, message_rate, per_second};

/// Sends full messages from one block, in each mode, and checks every byte.
pub(super) fn check(rig: &Rig, args: &CheckArgs) -> Result<String, Error> {
    const BATCH: u64 = 4096;
    let (count, pattern) = (args.messages, GpuPattern::new(PAYLOAD_SIZE));
    let mut rates = Vec::new();
    for mode in modes(None) {
        let buffer = rig.ring(Buffer::builder().slots(4096).mode(mode))?;
        let start = Instant::now();
        let launch = rig.launch("send_block")?.block(256);
        // SAFETY: these are the kernel's parameters, and it is one block.
        unsafe { exchange(buffer, 0, pattern, count, launch, BATCH) }?;
        let rate = message_rate(per_second(count, start.elapsed().as_secs_f64()));
        rates.push(format!("{} {rate}", mode_name(mode)));
    }
    let (count, rates) = (grouped(count), rates.join(", "));
    Ok(format!(
        "{count} messages of {PAYLOAD_SIZE} bytes in each mode from a block, every byte checked ({rates})"
    ))
}
