//! Many messages at full speed.

use std::time::Instant;

use perdix_host::{Buffer, MemoryKind, PAYLOAD_SIZE};

use super::{CheckArgs, exchange};
use crate::args::{mode_name, modes};
use crate::error::Error;
use crate::pattern::Pattern;
use crate::report::{grouped, message_rate, per_second};

/// Sends full messages from one thread to another, in each mode, and checks every byte.
pub(super) fn check(args: &CheckArgs) -> Result<String, Error> {
    let count = args.messages;
    let mut rates = Vec::new();
    for mode in modes(None) {
        let buffer = Buffer::builder().slots(1024).mode(mode).memory(MemoryKind::Heap).build()?;
        let start = Instant::now();
        exchange(buffer, 0, Pattern { size: PAYLOAD_SIZE }, count)?;
        let rate = message_rate(per_second(count, start.elapsed().as_secs_f64()));
        rates.push(format!("{} {rate}", mode_name(mode)));
    }
    let (count, rates) = (grouped(count), rates.join(", "));
    Ok(format!("{count} messages of {PAYLOAD_SIZE} bytes in each mode, every byte checked ({rates})"))
}
