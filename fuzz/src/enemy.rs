//! Somebody who writes into a ring's memory what no half of it would.

use std::sync::atomic::{AtomicU64, Ordering};

use perdix_core::sentinel::SENTINEL;
use perdix_core::{Config, Cursor, MAGIC};

use crate::input::Input;

/// Words in a line of the control block, and in a slot.
const LINE: usize = 32;
/// Words ahead of the first slot.
const CONTROL: usize = 4 * LINE;

/// A second view of a ring's memory, as words.
#[derive(Clone, Copy, Debug)]
pub struct Enemy {
    memory: *mut u8,
    config: Config,
}

// SAFETY: a pointer to memory that is only accessed atomically through it; whoever makes an Enemy keeps the memory.
unsafe impl Send for Enemy {}
// SAFETY: as above.
unsafe impl Sync for Enemy {}

/// One word to write, and where.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    index: usize,
    value: u64,
}

impl Enemy {
    /// An enemy of the ring of this configuration at `memory`.
    ///
    /// # Safety
    /// Such a ring lies there, and outlives every copy of the enemy.
    pub unsafe fn new(memory: *mut u8, config: Config) -> Self {
        Self { memory, config }
    }

    /// Whether the memory begins as a ring does.
    pub fn sees_the_ring(&self) -> bool {
        self.word(0).load(Ordering::Relaxed) == MAGIC
    }

    /// Draws one or two words to write; messages about `near` are the interesting ones.
    pub fn draw(&self, input: &mut Input<'_>, near: u64) -> Vec<Write> {
        if input.below(4) == 0 { self.message(input, near) } else { vec![self.anything(input, near)] }
    }

    /// Writes the word.
    pub fn write(&self, Write { index, value }: Write) {
        self.word(index).store(value, Ordering::Release);
    }

    /// A header that is right, or nearly.
    fn message(&self, input: &mut Input<'_>, near: u64) -> Vec<Write> {
        let number = near.wrapping_add(input.below(4).into());
        let slot = self.slot(number);
        let meta = Write { index: slot + 1, value: meta(input) };
        vec![meta, Write { index: slot, value: number.wrapping_add(1) }]
    }

    fn anything(&self, input: &mut Input<'_>, near: u64) -> Write {
        let number = near.wrapping_add(input.below(5).into()).wrapping_sub(1);
        let slot = self.slot(number);
        let index = match input.below(8) {
            0 | 1 => slot,
            2 => slot + 1,
            3 => slot + 2 + usize::from(input.below(30)),
            4 => LINE,                                   // tail
            5 => 2 * LINE + usize::from(input.below(2)), // end and fault
            6 => usize::from(input.byte()) % CONTROL, // anything of the control block, the identity above all
            _ => usize::from(input.short()) % self.words(),
        };
        let value = match input.below(8) {
            0 => input.word(),
            1 => number.wrapping_add(1),
            2 => number.wrapping_add(1).wrapping_sub(self.config.capacity),
            3 => meta(input),
            4 => input.pick([SENTINEL, !SENTINEL, SENTINEL ^ 1, 0]),
            5 => Cursor::new(number, input.flag()).word(),
            6 => Cursor::new(near.wrapping_sub(input.byte().into()), input.flag()).word(),
            _ => input.byte().into(),
        };
        Write { index, value }
    }

    fn slot(&self, number: u64) -> usize {
        CONTROL + LINE * (number % self.config.capacity) as usize
    }

    fn words(&self) -> usize {
        CONTROL + LINE * self.config.capacity as usize
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.words());
        let word = self.memory.wrapping_add(8 * index);
        // SAFETY: an aligned word of the ring, which outlives the enemy; words of a ring may be written by anybody at any time.
        unsafe { AtomicU64::from_ptr(word.cast()) }
    }
}

/// A meta word of any length, kind and flags, and any mask or number of followers.
fn meta(input: &mut Input<'_>) -> u64 {
    let len = match input.below(4) {
        0 => input.pick([0, 1, 15, 16, 239, 240, 241, 242, 254, 255]),
        _ => input.byte(),
    };
    let (flags, kind) = (input.pick([0_u8, 0, 1, 255]), input.pick([0, 0, 3, u16::MAX]));
    let upper = match input.below(4) {
        0 => 0,
        1 => u32::from(input.byte()),
        2 => 1 << 30 | u32::from(input.byte()), // opened
        _ => input.word() as u32,
    };
    u64::from(len) | u64::from(flags) << 8 | u64::from(kind) << 16 | u64::from(upper) << 32
}
