//! What a ring is made of, and why memory may not be one.

use core::fmt;

use crate::control::Control;
use crate::mode::Mode;
use crate::slot::{LINE, SLOT_SIZE};

/// The first word of every ring: `PERDIXRB` in memory order.
pub const MAGIC: u64 = u64::from_le_bytes(*b"PERDIXRB");

/// The version of the layout that this crate writes and reads.
pub const VERSION: u32 = 3;

/// The most slots of a ring: 2^30, which is 256 GiB.
pub const MAX_CAPACITY: u64 = 1 << 30;

/// What a ring is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Slots: a power of two, from 1 to [`MAX_CAPACITY`].
    pub capacity: u64,
    /// How messages become visible.
    pub mode: Mode,
    /// The number of the first message; 0 unless a test wants to see numbers wrap.
    pub start: u64,
}

impl Config {
    /// Bytes that a ring of this capacity occupies.
    ///
    /// # Errors
    /// [`ConfigError`] if the capacity is zero, not a power of two or over the limit.
    pub fn bytes(&self) -> Result<usize, ConfigError> {
        if !self.capacity.is_power_of_two() || self.capacity > MAX_CAPACITY {
            let asked = self.capacity;
            let above = asked.clamp(1, MAX_CAPACITY).next_power_of_two();
            let below = above / 2;
            let nearest =
                if below != 0 && asked < above && asked - below < above - asked { below } else { above };
            return Err(ConfigError { asked, nearest });
        }
        usize::try_from(self.capacity)
            .ok()
            .and_then(|slots| slots.checked_mul(SLOT_SIZE)?.checked_add(Control::SIZE))
            .ok_or(ConfigError { asked: self.capacity, nearest: 1 << 20 })
    }
}

/// A capacity that no ring can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Slots asked for.
    pub asked: u64,
    /// The nearest legal number.
    pub nearest: u64,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, nearest } = self;
        write!(
            f,
            "a ring cannot have {asked} slots: a power of two from 1 to {MAX_CAPACITY}; ask for {nearest}"
        )
    }
}

impl core::error::Error for ConfigError {}

/// Why memory is not a ring that this crate can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// The address is not a multiple of 256.
    Misaligned {
        /// The address.
        address: usize,
    },
    /// The memory is shorter than the ring says (or than any ring is).
    TooShort {
        /// Bytes given.
        bytes: usize,
        /// Bytes needed.
        needed: usize,
    },
    /// The memory does not begin with [`MAGIC`]: no ring, or not finished yet.
    NotARing {
        /// What it begins with.
        found: u64,
    },
    /// A ring of another layout version.
    Version {
        /// Its version; ours is [`VERSION`].
        found: u32,
    },
    /// A ring whose slots have another size.
    SlotSize {
        /// Its slot size in bytes; ours is [`SLOT_SIZE`].
        found: u32,
    },
    /// A capacity that no ring can have.
    Capacity(ConfigError),
    /// A publication mode that this version does not know.
    Mode {
        /// The mode word.
        found: u64,
    },
    /// The consumer's line says what no consumer writes, so that nobody can go on there.
    Position {
        /// The tail.
        tail: u64,
        /// How far ahead of it slots are said to be recycled.
        ahead: u64,
    },
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misaligned { address } => write!(f, "address {address:#x} is not a multiple of {LINE}"),
            Self::TooShort { bytes, needed } => {
                write!(f, "{bytes} bytes are too short: the ring needs {needed}")
            }
            Self::NotARing { found } => {
                write!(f, "no ring here: it begins with {found:#018x}, not {MAGIC:#018x}")
            }
            Self::Version { found } => {
                write!(f, "layout version {found}, but this build knows version {VERSION}")
            }
            Self::SlotSize { found } => write!(f, "slots of {found} bytes, but this build has {SLOT_SIZE}"),
            Self::Capacity(error) => write!(f, "{error}"),
            Self::Mode { found } => write!(f, "unknown publication mode {found}"),
            Self::Position { tail, ahead } => {
                write!(
                    f,
                    "the consumer's line is corrupt: recycled {ahead} messages ahead of its tail {tail}"
                )
            }
        }
    }
}

impl core::error::Error for AttachError {}

impl From<ConfigError> for AttachError {
    fn from(error: ConfigError) -> Self {
        Self::Capacity(error)
    }
}
