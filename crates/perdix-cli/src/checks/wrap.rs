//! Message numbers at the borders: of laps, of 32 and 63 bits, and where 64 bits wrap.

use perdix_host::{Buffer, MemoryKind, WaitStrategy};

use super::{CheckArgs, exchange, failed};
use crate::args::modes;
use crate::error::Error;
use crate::pattern::Pattern;

/// Sizes of tiny rings.
pub(super) const SLOTS: [usize; 4] = [1, 2, 4, 64];

/// Runs tiny rings across every border, in both modes.
pub(super) fn check(_: &CheckArgs) -> Result<String, Error> {
    let mut runs = 0;
    for mode in modes(None) {
        for slots in SLOTS {
            for first in starts(slots as u64) {
                let buffer = Buffer::builder().slots(slots).mode(mode).wait(WaitStrategy::Yield);
                let buffer = buffer.first_message(first).memory(MemoryKind::Heap).build()?;
                // Three laps, and a message more than whole ones.
                let count = 3 * slots as u64 + 9;
                exchange(buffer, first, Pattern { size: 100 }, count).map_err(|error| {
                    failed(format!("{mode:?}, {slots} slots, first message {first}: {error}"))
                })?;
                runs += 1;
            }
        }
    }
    Ok(format!(
        "{runs} runs of rings of {SLOTS:?} slots across lap borders and the ends of 32, 63 and 64 bits"
    ))
}

/// Numbers that lie at, before and after every border.
pub(super) fn starts(slots: u64) -> Vec<u64> {
    let borders = [0, slots, 1 << 32, 1 << 63];
    let around =
        |border: u64| [slots + 1, slots, 2, 1, 0].map(|before| border.wrapping_sub(before)).into_iter();
    borders.into_iter().flat_map(around).collect()
}
