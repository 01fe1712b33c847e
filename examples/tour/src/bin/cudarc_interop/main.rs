//! A ring in a program that is written with cudarc: its context, its stream, its memory, its way to launch.
//!
//! The kernel adds up squares, and each block's sum arrives as a message.

use std::collections::BTreeMap;
use std::process::ExitCode;

use tour::{Outcome, wrong};

#[cfg(feature = "cuda")]
mod gpu;
#[cfg(not(feature = "cuda"))]
mod lanes;

#[cfg(feature = "cuda")]
use gpu::energy;
#[cfg(not(feature = "cuda"))]
use lanes::energy;

/// Blocks of one warp.
const BLOCKS: u32 = if cfg!(feature = "cuda") { 64 } else { 4 };

fn main() -> ExitCode {
    tour::exit(interop())
}

fn interop() -> Outcome {
    let values: Vec<i32> = (0..100_000_i64).map(|i| (i * i * 7919 % 2003 - 1001) as i32).collect();
    let mut sums = BTreeMap::new();
    let mut spoilt = 0;
    energy(&values, |message| match read(message) {
        Some((block, sum)) if block < u64::from(BLOCKS) && sums.insert(block, sum).is_none() => (),
        _ => spoilt += 1,
    })?;

    let (total, blocks): (u64, _) = (sums.values().sum(), sums.len());
    // The answer by other means.
    let expected: u64 = values.iter().map(|value| u64::from(value.unsigned_abs()).pow(2)).sum();
    if total != expected || blocks != BLOCKS as usize || spoilt > 0 {
        return Err(wrong(format!(
            "{total} from {blocks} blocks instead of {expected}, {spoilt} messages spoilt"
        )));
    }
    println!("the squares add up to {total}, from {blocks} blocks: as on the CPU");
    Ok(())
}

/// The block's index and its sum.
fn read(message: &[u8]) -> Option<(u64, u64)> {
    let (block, sum) = message.split_at_checked(8)?;
    let word = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
    Some((word(block)?, word(sum)?))
}
