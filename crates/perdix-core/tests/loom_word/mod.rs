//! The protocol's [`Word`] for the loom model checker, and rings made of it.
//!
//! loom runs a model again and again, through every interleaving of its threads and every value
//! that a relaxed load may return. A data race is an error, and that is what shows a missing
//! Acquire or Release here: payload that is copied plainly lies in (or is guarded by) loom's
//! checked `UnsafeCell`s.

#![allow(dead_code, unreachable_pub)] // every test binary uses a part of it

pub mod model;

use std::array;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, fence};
use perdix_core::sentinel::SENTINEL;
use perdix_core::{
    Chunk16, Config, ConsumerLine, ConsumerStats, Control, Identity, Mode, ProducerLine, ProducerStats,
    Reported, Reserved, Ring, Slot, Word,
};

/// How a device's stores are modelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stores {
    /// As a GPU's: relaxed, so that only their values say that they have arrived.
    Relaxed,
    /// As those of a device producer that runs on a CPU: with Release, and what the consumer then
    /// reads plainly must be ordered after them by an Acquire.
    Release,
}

/// How often a slot is filled in one model, at most.
const LAPS: usize = 8;

/// A word under loom. A pointer, because loom's threads have small stacks; `None` is a word that
/// nobody reads in a model (statistics, identity, payload beyond the messages), and costs loom
/// nothing.
pub struct LoomWord(Option<Box<Kind>>);

/// What the word is for decides what is allowed, and what loom has to explore.
enum Kind {
    /// A word that both threads access atomically: sequence, tail, end, fault, and meta in fenced
    /// mode.
    Atomic(AtomicU64),
    /// Payload in fenced mode: never accessed atomically.
    Plain(UnsafeCell<u64>),
    /// Meta and payload in fence-free mode.
    Armed(Armed),
}

/// A word that the consumer re-arms. The values are atomic; the cells say who owned the word when.
pub struct Armed {
    value: AtomicU64,
    /// Written by `write_plain`, `rearm` and device stores with Release, read by `read_plain`: a
    /// race here is a race on the payload.
    plain: UnsafeCell<()>,
    /// Written by re-arming number `i`, read by device store number `i`, which must come after it.
    /// Device stores are relaxed, so that the next re-arming is *not* ordered after them: hence one
    /// cell each.
    laps: [UnsafeCell<()>; LAPS],
    rearmed: AtomicUsize,
    stored: AtomicUsize,
    device: Stores,
}

impl LoomWord {
    fn quiet() -> Self {
        Self(None)
    }

    fn atomic() -> Self {
        Self(Some(Box::new(Kind::Atomic(AtomicU64::new(0)))))
    }

    fn plain() -> Self {
        Self(Some(Box::new(Kind::Plain(UnsafeCell::new(0)))))
    }

    fn armed(device: Stores) -> Self {
        Self(Some(Box::new(Kind::Armed(Armed {
            value: AtomicU64::new(0),
            plain: UnsafeCell::new(()),
            laps: array::from_fn(|_| UnsafeCell::new(())),
            rearmed: AtomicUsize::new(0),
            stored: AtomicUsize::new(0),
            device,
        }))))
    }

    fn kind(&self) -> Option<&Kind> {
        self.0.as_deref()
    }

    /// Whether this is a word that a device on a CPU stores to.
    fn is_released(&self) -> bool {
        matches!(self.kind(), Some(Kind::Armed(armed)) if armed.device == Stores::Release)
    }

    /// One half of a device's 16-byte store.
    fn store_device(&self, value: u64, order: Ordering) {
        if let Some(Kind::Armed(armed)) = self.kind() {
            let lap = armed.stored.fetch_add(1, Ordering::Relaxed);
            armed.laps[lap].with(|_| ());
            if order == Ordering::Release {
                armed.plain.with_mut(|_| ());
            }
        }
        self.store(value, order);
    }
}

// SAFETY: loom reports every unordered access to the cells.
unsafe impl Sync for LoomWord {}
// SAFETY: as above.
unsafe impl Send for LoomWord {}

// SAFETY: loads, stores and fences are loom's.
unsafe impl Word for LoomWord {
    fn load(&self, order: Ordering) -> u64 {
        match self.kind() {
            Some(Kind::Atomic(word)) => word.load(order),
            Some(Kind::Armed(armed)) => armed.value.load(order),
            Some(Kind::Plain(_)) => panic!("atomic load of fenced payload"),
            None => panic!("load of a word that the model leaves out"),
        }
    }

    fn store(&self, value: u64, order: Ordering) {
        match self.kind() {
            Some(Kind::Atomic(word)) => word.store(value, order),
            Some(Kind::Armed(armed)) => armed.value.store(value, order),
            Some(Kind::Plain(_)) => panic!("atomic store to fenced payload"),
            None => {}
        }
    }

    fn fence(order: Ordering) {
        fence(order);
    }

    fn store_chunk(chunk: &Chunk16<Self>, values: [u64; 2]) {
        let [low, high] = chunk.words();
        // The sequence word does not know, but its neighbour does.
        let released = low.is_released() || high.is_released();
        let order = if released { Ordering::Release } else { Ordering::Relaxed };
        low.store_device(values[0], order);
        high.store_device(values[1], order);
    }

    unsafe fn write_chunk(chunk: &Chunk16<Self>, values: [u64; 2]) {
        let [low, high] = chunk.words();
        for (word, value) in [(low, values[0]), (high, values[1])] {
            if word.kind().is_some() {
                // SAFETY: the caller's contract.
                unsafe { Self::write_plain(std::slice::from_ref(word), &value.to_le_bytes()) };
            }
        }
    }

    fn rearm(&self) {
        if let Some(Kind::Armed(armed)) = self.kind() {
            let lap = armed.rearmed.fetch_add(1, Ordering::Relaxed);
            armed.laps[lap].with_mut(|_| ());
            armed.plain.with_mut(|_| ());
        }
        self.store(SENTINEL, Ordering::Relaxed);
    }

    fn write_back(&self) {
        match self.kind() {
            Some(Kind::Plain(cell)) => cell.with_mut(|_| ()),
            _ => self.store(self.load(Ordering::Relaxed), Ordering::Relaxed),
        }
    }

    fn read_published(&self) -> u64 {
        let mut value = [0; 8];
        // SAFETY: loom reports it if a write is not ordered before this, or comes meanwhile.
        unsafe { Self::read_plain(std::slice::from_ref(self), &mut value) };
        u64::from_le_bytes(value)
    }

    unsafe fn write_plain(words: &[Self], bytes: &[u8]) {
        for (word, bytes) in words.iter().zip(bytes.chunks(8)) {
            let mut value = [0; 8];
            value[..bytes.len()].copy_from_slice(bytes);
            let value = u64::from_le_bytes(value);
            match word.kind() {
                Some(Kind::Plain(cell)) => cell.with_mut(|cell| {
                    // SAFETY: loom has checked that nobody else accesses the cell.
                    unsafe { *cell = value }
                }),
                Some(Kind::Armed(armed)) => {
                    armed.plain.with_mut(|_| ());
                    armed.value.store(value, Ordering::Relaxed);
                }
                _ => panic!("a message longer than the model has payload"),
            }
        }
    }

    unsafe fn read_plain(words: &[Self], bytes: &mut [u8]) {
        for (word, bytes) in words.iter().zip(bytes.chunks_mut(8)) {
            let value = match word.kind() {
                Some(Kind::Plain(cell)) => cell.with(|cell| {
                    // SAFETY: loom has checked that nobody writes the cell.
                    unsafe { *cell }
                }),
                Some(Kind::Armed(armed)) => {
                    armed.plain.with(|_| ());
                    armed.value.load(Ordering::Relaxed)
                }
                _ => panic!("a message longer than the model has payload"),
            };
            bytes.copy_from_slice(&value.to_le_bytes()[..bytes.len()]);
        }
    }
}

/// The words of a ring; share it with every thread that uses the ring.
pub struct Memory {
    control: Control<LoomWord>,
    slots: Vec<Slot<LoomWord>>,
}

impl Memory {
    /// An empty ring whose slots have `words` payload words (the rest exist, and must not be used).
    pub fn ring(config: Config, words: usize, device: Stores) -> (Arc<Self>, Ring<LoomWord>) {
        let fenced = config.mode == Mode::Fenced;
        let meta = || if fenced { LoomWord::atomic() } else { LoomWord::armed(device) };
        let payload = || if fenced { LoomWord::plain() } else { LoomWord::armed(device) };
        let slot = || Slot {
            seq: LoomWord::atomic(),
            meta: meta(),
            payload: array::from_fn(|i| if i < words { payload() } else { LoomWord::quiet() }),
        };
        let slots = (0..config.capacity).map(|_| slot()).collect();
        let memory = Arc::new(Self { control: control(), slots });
        // SAFETY: every thread of the models that has the ring has the Arc too.
        let ring = unsafe { Ring::from_parts(&memory.control, &memory.slots, config) }.unwrap();
        // SAFETY: nobody uses the ring yet.
        unsafe { ring.reset() };
        (memory, ring)
    }
}

fn control() -> Control<LoomWord> {
    let quiet = LoomWord::quiet;
    Control {
        identity: Identity {
            magic: quiet(),
            format: quiet(),
            capacity: quiet(),
            mode: quiet(),
            start: quiet(),
        },
        consumer: ConsumerLine {
            tail: LoomWord::atomic(),
            padding: array::from_fn(|_| quiet()),
            stats: ConsumerStats { messages: quiet(), bytes: quiet(), dropped: quiet() },
            spare: array::from_fn(|_| quiet()),
            attached: quiet(),
            recycled: quiet(),
            reported: array::from_fn(|_| Reported { position: quiet(), dropped: quiet() }),
        },
        producer: ProducerLine {
            end: LoomWord::atomic(),
            fault: LoomWord::atomic(),
            padding: array::from_fn(|_| quiet()),
            stats: ProducerStats {
                messages: quiet(),
                bytes: quiet(),
                full: quiet(),
                dropped: LoomWord::atomic(),
                highest_fill: quiet(),
                lost: quiet(),
            },
            spare: array::from_fn(|_| quiet()),
            attached: quiet(),
        },
        reserved: Reserved(array::from_fn(|_| quiet())),
    }
}
