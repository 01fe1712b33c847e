//! A [`Word`] whose stores are counted, and on which a side stops for good after any of them: what
//! memory holds then is what a producer or consumer leaves behind that was killed there.

#![allow(dead_code, unreachable_pub)] // every test binary uses a part of it

use std::array;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use perdix_core::{
    Config, ConsumerLine, ConsumerStats, Control, Identity, ProducerLine, ProducerStats, Reported, Reserved,
    Ring, Slot, Word,
};

thread_local! {
    /// Stores that this thread may still make; `None`: as many as it likes, uncounted.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
    /// The counted stores: address and value.
    static LOG: RefCell<Vec<(usize, u64)>> = const { RefCell::new(Vec::new()) };
    /// Whether plain copies write their last word first: a copy has no order.
    static BACKWARDS: Cell<bool> = const { Cell::new(false) };
}

/// Stopped by [`with_stores`].
struct Stopped;

/// Runs `side`, whose stores count, until it is done (`true`) or has made as many stores as are
/// left.
pub fn with_stores(left: &mut u64, side: impl FnOnce()) -> bool {
    LEFT.set(Some(*left));
    let outcome = catch_unwind(AssertUnwindSafe(side));
    *left = LEFT.take().unwrap_or(0);
    match outcome {
        Ok(()) => true,
        Err(stopped) if stopped.is::<Stopped>() => false,
        Err(other) => resume_unwind(other),
    }
}

/// The stores counted since the last call.
pub fn take_log() -> Vec<(usize, u64)> {
    LOG.take()
}

/// Chooses the order of plain copies on this thread.
pub fn copy_backwards(backwards: bool) {
    BACKWARDS.set(backwards);
}

pub struct CrashWord(AtomicU64);

impl CrashWord {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn write(&self, value: u64, order: Ordering) {
        match LEFT.get() {
            None => {}
            // The dead run no destructors: what those would store is not stored.
            Some(0) if std::thread::panicking() => return,
            Some(0) => resume_unwind(Box::new(Stopped)),
            Some(left) => {
                LEFT.set(Some(left - 1));
                LOG.with_borrow_mut(|log| log.push((self.address(), value)));
            }
        }
        self.0.store(value, order);
    }
}

// SAFETY: the accesses are those of the atomic inside.
unsafe impl Word for CrashWord {
    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.write(value, order);
    }

    fn fence(order: Ordering) {
        std::sync::atomic::fence(order);
    }

    unsafe fn write_plain(words: &[Self], bytes: &[u8]) {
        let mut writes: Vec<(&Self, u64)> = Vec::new();
        for (word, bytes) in words.iter().zip(bytes.chunks(8)) {
            // What a short last word does not cover stays.
            let mut value = word.0.load(Ordering::Relaxed).to_le_bytes();
            value[..bytes.len()].copy_from_slice(bytes);
            writes.push((word, u64::from_le_bytes(value)));
        }
        if BACKWARDS.get() {
            writes.reverse();
        }
        writes.into_iter().for_each(|(word, value)| word.write(value, Ordering::Relaxed));
    }

    unsafe fn read_plain(words: &[Self], bytes: &mut [u8]) {
        for (word, bytes) in words.iter().zip(bytes.chunks_mut(8)) {
            bytes.copy_from_slice(&word.0.load(Ordering::Relaxed).to_le_bytes()[..bytes.len()]);
        }
    }
}

/// The words of a ring.
pub struct Memory {
    control: Box<Control<CrashWord>>,
    slots: Vec<Slot<CrashWord>>,
}

impl Memory {
    /// An empty ring.
    pub fn ring(config: Config) -> (Self, Ring<CrashWord>) {
        let slot = || Slot {
            seq: CrashWord::new(),
            meta: CrashWord::new(),
            payload: array::from_fn(|_| CrashWord::new()),
        };
        let memory = Self { control: control(), slots: (0..config.capacity).map(|_| slot()).collect() };
        let ring = memory.view(config);
        // SAFETY: nobody uses the ring yet.
        unsafe { ring.reset() };
        (memory, ring)
    }

    fn view(&self, config: Config) -> Ring<CrashWord> {
        // SAFETY: the tests keep the memory as long as they use the ring, and it does not move.
        unsafe { Ring::from_parts(&self.control, &self.slots, config) }.unwrap()
    }
}

fn control() -> Box<Control<CrashWord>> {
    let word = CrashWord::new;
    Box::new(Control {
        identity: Identity { magic: word(), format: word(), capacity: word(), mode: word(), start: word() },
        consumer: ConsumerLine {
            tail: word(),
            padding: array::from_fn(|_| word()),
            stats: ConsumerStats { messages: word(), bytes: word(), dropped: word() },
            spare: array::from_fn(|_| word()),
            attached: word(),
            recycled: word(),
            reported: array::from_fn(|_| Reported { position: word(), dropped: word() }),
        },
        producer: ProducerLine {
            end: word(),
            fault: word(),
            padding: array::from_fn(|_| word()),
            stats: ProducerStats {
                messages: word(),
                bytes: word(),
                full: word(),
                dropped: word(),
                highest_fill: word(),
                lost: word(),
            },
            spare: array::from_fn(|_| word()),
            attached: word(),
        },
        reserved: Reserved(array::from_fn(|_| word())),
    })
}
