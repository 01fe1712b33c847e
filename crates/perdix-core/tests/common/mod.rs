//! What several test files need: heap memory for a ring, and random bytes.

#![allow(dead_code, unreachable_pub)] // every test binary uses a part of it

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::atomic::{AtomicU64, Ordering};

use perdix_core::{AttachError, Config, Consumer, Mode, Poll, Producer, Ring};

/// Zeroed memory aligned to 4096 bytes, freed on drop.
pub struct Region {
    memory: *mut u8,
    layout: Layout,
}

// SAFETY: a Region owns its memory, and gives out raw pointers only.
unsafe impl Send for Region {}
// SAFETY: as above; `word` reaches the memory through atomics.
unsafe impl Sync for Region {}

impl Region {
    pub fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes.max(8), 4096).unwrap();
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc_zeroed(layout) };
        if memory.is_null() {
            handle_alloc_error(layout);
        }
        Self { memory, layout }
    }

    /// Memory of the right size with an empty ring in it.
    pub fn with_ring(config: Config) -> (Self, Ring) {
        let region = Self::new(config.bytes().unwrap());
        let ring = region.init(config).unwrap();
        (region, ring)
    }

    pub fn bytes(&self) -> usize {
        self.layout.size()
    }

    pub fn at(&self, offset: usize) -> *mut u8 {
        self.memory.wrapping_add(offset)
    }

    pub fn init(&self, config: Config) -> Result<Ring, AttachError> {
        // SAFETY: the memory is as long as said; tests keep the region longer than the ring.
        unsafe { Ring::init(self.memory, self.bytes(), config) }
    }

    pub fn attach(&self) -> Result<Ring, AttachError> {
        // SAFETY: as in `init`.
        unsafe { Ring::attach(self.memory, self.bytes()) }
    }

    /// The 8-byte word at `offset`, which is a multiple of 8 inside the region.
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset % 8 == 0 && offset + 8 <= self.bytes());
        // SAFETY: an aligned word inside the region, which `&self` keeps alive; it is only accessed
        // atomically.
        unsafe { AtomicU64::from_ptr(self.at(offset).cast()) }
    }

    pub fn set(&self, offset: usize, value: u64) {
        self.word(offset).store(value, Ordering::Relaxed);
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.memory, self.layout) };
    }
}

/// The two halves of a ring; the caller makes them once per ring and keeps its memory.
pub fn halves(ring: Ring) -> (Producer, Consumer) {
    // SAFETY: the caller's tests use one pair of halves at a time.
    let producer = unsafe { Producer::new(ring) };
    // SAFETY: as above.
    let consumer = unsafe { Consumer::new(ring) };
    (producer, consumer)
}

/// Takes so many messages, which are there.
pub fn take(consumer: &mut Consumer, messages: u64) {
    for _ in 0..messages {
        let Ok(Poll::Ready(message)) = consumer.poll() else { panic!("a message is missing") };
        message.take();
    }
}

pub const MODES: [Mode; 2] = [Mode::Fenced, Mode::FenceFree];

/// Offsets in a ring's memory, written down a second time: changing the layout must hurt.
pub mod offset {
    pub const MAGIC: usize = 0;
    pub const FORMAT: usize = 8;
    pub const CAPACITY: usize = 16;
    pub const MODE: usize = 24;
    pub const TAIL: usize = 256;
    pub const CONSUMER_STATS: usize = 256 + 128;
    pub const END: usize = 512;
    pub const FAULT: usize = 512 + 8;
    pub const PRODUCER_STATS: usize = 512 + 128;
    pub const SLOTS: usize = 1024;
}

/// A small generator of random numbers (xorshift64*), for payloads that both sides can compute.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
