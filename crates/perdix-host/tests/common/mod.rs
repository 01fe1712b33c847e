//! What the test files share: messages whose content follows from their number, a small generator of random numbers, and
//! a watchdog that turns a jammed ring into a failure.
#![allow(dead_code)] // every test file uses a part of it

use std::sync::Once;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use perdix_core::sentinel::SENTINEL;
use perdix_host::Mode;

pub(crate) const MODES: [Mode; 2] = [Mode::Fenced, Mode::FenceFree];

/// Aborts the process when it is not dropped in time: a test that hangs tells nothing.
#[must_use]
pub(crate) struct Watchdog(#[allow(dead_code)] Sender<()>);

pub(crate) fn watchdog(what: &'static str, seconds: u64) -> Watchdog {
    let (alive, gone) = channel();
    std::thread::spawn(move || {
        if gone.recv_timeout(Duration::from_secs(seconds)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{what}: no end within {seconds} s; the ring is jammed");
            std::process::abort();
        }
    });
    Watchdog(alive)
}

/// Aborts the process when it still runs after two minutes, for files whose tests are short.
pub(crate) fn watch_process() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::mem::forget(watchdog("this test process", 120)));
}

/// Random numbers that depend on the seed only (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 to `end - 1`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 8) % end
    }
}

pub(crate) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// How long message `index` is: mostly short, now and then empty, a full slot, or up to `longest`.
pub(crate) fn len_of(index: u64, longest: usize) -> usize {
    let (choice, rest) = (mix(index ^ 0x5eed) % 32, (mix(index) >> 8) as usize);
    match choice {
        0 => 240,
        1 => 0,
        2 | 3 => rest % 241,
        4 => rest % (longest + 1),
        _ => 1 + rest % 48,
    }
}

/// The kind of message `index`: 0 in every other run of 64, for the calls that know no kinds.
pub(crate) fn kind_of(index: u64) -> u16 {
    if index / 64 % 2 == 0 { 0 } else { mix(index) as u16 }
}

/// Word `at` of message `index`; one in eight is the sentinel of the fence-free mode.
fn word(index: u64, at: u64) -> u64 {
    let base = mix(index.wrapping_mul(0x2545_f491_4f6c_dd1d));
    if (base ^ at) & 7 == 0 { SENTINEL } else { base.rotate_left(at as u32 & 63) ^ at }
}

/// Writes what message `index` holds from byte `offset` (a multiple of 8) on.
pub(crate) fn fill(index: u64, offset: usize, bytes: &mut [u8]) {
    for (at, chunk) in bytes.chunks_mut(8).enumerate() {
        let word = word(index, (offset / 8 + at) as u64).to_le_bytes();
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
}

/// Whether `bytes` are what message `index` holds from byte `offset` on.
pub(crate) fn holds(index: u64, offset: usize, bytes: &[u8]) -> bool {
    bytes
        .chunks(8)
        .enumerate()
        .all(|(at, chunk)| chunk == &word(index, (offset / 8 + at) as u64).to_le_bytes()[..chunk.len()])
}

/// Message `index` as a whole.
pub(crate) fn message(index: u64, longest: usize) -> Vec<u8> {
    let mut bytes = vec![0; len_of(index, longest)];
    fill(index, 0, &mut bytes);
    bytes
}
