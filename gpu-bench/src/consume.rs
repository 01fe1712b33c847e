//! The consumers whose rate is measured: of rings, and of the baselines.
//!
//! They read every byte of every message and check that no message is missing or out of order. Every wait has a limit.

pub mod fifo;
pub mod read;
pub mod records;
pub mod ring;
pub mod slots;

use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a consumer waits for a message.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Looks between two looks at the clock, which cost as much as many.
const LOOKS_PER_CLOCK: u32 = 1 << 14;

/// What a consumer received.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// Messages.
    pub count: u64,
    /// When the first one was there.
    pub first: Instant,
    /// When the last one had been read.
    pub last: Instant,
}

impl Received {
    /// Messages per second.
    pub fn rate(&self) -> f64 {
        Self::rate_of(&[*self])
    }

    /// Messages per second of several consumers together: from the first message of any to the last of all.
    pub fn rate_of(all: &[Self]) -> f64 {
        let count: u64 = all.iter().map(|one| one.count).sum();
        let (first, last) = (all.iter().map(|one| one.first).min(), all.iter().map(|one| one.last).max());
        match (first, last) {
            (Some(first), Some(last)) if last > first => count as f64 / (last - first).as_secs_f64(),
            _ => 0.0,
        }
    }
}

/// Waits until `look` says something.
///
/// # Errors
/// [`Error::Stalled`] after [`PATIENCE`].
#[inline(always)]
fn wait<T>(mut look: impl FnMut() -> Option<T>) -> Result<T, Error> {
    if let Some(found) = look() {
        return Ok(found);
    }
    let mut begun = None;
    let mut looks = 0_u32;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::hint::spin_loop();
        looks = looks.wrapping_add(1);
        if looks % LOOKS_PER_CLOCK == 0 {
            // On a machine with fewer cores than threads the other side needs this one.
            std::thread::yield_now();
            if begun.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return Err(Error::Stalled(PATIENCE));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_several_spans_all_of_them() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let one = Received { count: 100, first: at(0), last: at(50) };
        let other = Received { count: 300, first: at(10), last: at(100) };
        assert!((one.rate() - 2000.0).abs() < 1e-6);
        assert!((Received::rate_of(&[one, other]) - 4000.0).abs() < 1e-6);
        assert_eq!(Received::rate_of(&[]), 0.0);
    }
}
