//! An emulated ring.

use std::ptr::NonNull;

use perdix_core::{Config, Consumer, DeviceInput, DeviceRing, DeviceState, Mode, Poll, Ring};

/// How long producers and consumers of a new ring wait.
const LIMIT_NS: u64 = 10_000_000_000;

/// A ring on ordinary memory with a device's view of it, for trying kernels out.
///
/// What it hands to kernels are addresses: whoever makes producers and consumers of them promises
/// that the ring outlives those.
///
/// ```
/// use perdix_gpu::emulation::{EmulatedRing, launch};
/// use perdix_gpu::{Mode, ThreadProducer};
///
/// let mut ring = EmulatedRing::new(8, Mode::Fenced);
/// launch(1, 1, || {
///     // SAFETY: one thread, and the ring outlives the launch.
///     let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.expect("a good handle");
///     producer.produce(7, b"hello").expect("room");
/// });
/// assert_eq!(ring.received(), [(7, b"hello".to_vec())]);
/// ```
///
/// The bare ring is not to be had in safe code, where it could be used after its memory was freed:
///
/// ```compile_fail,E0133
/// let ring = perdix_gpu::emulation::EmulatedRing::new(4, perdix_gpu::Mode::Fenced).ring();
/// ```
#[derive(Debug)]
pub struct EmulatedRing {
    ring: Ring,
    /// For `received`.
    consumer: Consumer,
    memory: Memory,
}

impl EmulatedRing {
    /// An empty ring of `slots` slots (a power of two) whose producers wait up to ten seconds.
    ///
    /// # Panics
    /// If `slots` is not a legal number.
    pub fn new(slots: u64, mode: Mode) -> Self {
        Self::starting_at(slots, mode, 0)
    }

    /// The same with another first message number.
    ///
    /// # Panics
    /// If `slots` is not a legal number.
    #[allow(clippy::expect_used)] // a testing aid: a wrong number of slots is a wrong test
    pub fn starting_at(slots: u64, mode: Mode, start: u64) -> Self {
        let config = Config { capacity: slots, mode, start };
        let bytes = config.bytes().expect("a legal number of slots");
        let memory = Memory::new(bytes / size_of::<Line>(), DeviceState::new(start, start));
        // SAFETY: the memory is ours, aligned and long enough, and lives as long as this value.
        let ring = unsafe { Ring::init(memory.start(), bytes, config) }.expect("aligned and long enough");
        // SAFETY: `received` needs `&mut self`, and whoever takes another consumer promises not to call it.
        let consumer = unsafe { Consumer::new(ring) };
        Self { ring, consumer, memory }
    }

    /// What a kernel gets that produces: addresses, which are valid as long as this value is.
    pub fn handle(&self) -> DeviceRing {
        DeviceRing::new(self.memory.start(), self.memory.state.as_ptr(), self.ring.config(), LIMIT_NS)
    }

    /// What a kernel gets that consumes. The ring's state is either a producer's or a consumer's.
    pub fn input(&self) -> DeviceInput {
        DeviceInput { ring: self.handle(), single_store_words: 0 }
    }

    /// The ring.
    ///
    /// # Safety
    /// The view and its copies are not used after this value was dropped, and nothing is done
    /// through them that interferes with the producer or consumer that uses the ring at the time.
    pub unsafe fn ring(&self) -> Ring {
        self.ring
    }

    /// The producers' (or consumers') state.
    ///
    /// Who writes to it while a kernel uses the ring breaks the promise with which that kernel's
    /// producer was made.
    pub fn state(&self) -> &DeviceState {
        // SAFETY: it lives as long as this value, and all its words are atomics.
        unsafe { self.memory.state.as_ref() }
    }

    /// A consumer of the ring, from its first message.
    ///
    /// # Safety
    /// It is the only one, [`received`](Self::received) is not called while it is used, and it is
    /// not used after this value was dropped.
    pub unsafe fn consumer(&self) -> Consumer {
        // SAFETY: the caller's contract.
        unsafe { Consumer::new(self.ring) }
    }

    /// Takes all messages that are there now, as (kind, payload), and gives their slots back.
    pub fn received(&mut self) -> Vec<(u16, Vec<u8>)> {
        let consumer = &mut self.consumer;
        let mut all = Vec::new();
        while let Ok(Poll::Ready(message)) = consumer.poll() {
            all.push((message.meta().kind(), message.payload().to_vec()));
            message.take();
            consumer.recycle();
        }
        all
    }
}

#[repr(C, align(256))]
#[derive(Clone, Debug)]
struct Line([u8; 256]);

/// What the addresses in a handle point to. It is reached through them alone until it is freed.
#[derive(Debug)]
struct Memory {
    lines: NonNull<[Line]>,
    state: NonNull<DeviceState>,
}

// SAFETY: it owns what it points to: plain bytes, which only the protocol's halves use, and atomics.
unsafe impl Send for Memory {}
// SAFETY: as above; nothing can be done with a shared reference but to learn the addresses.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(lines: usize, state: DeviceState) -> Self {
        let lines = vec![Line([0; 256]); lines].into_boxed_slice();
        Self { lines: Box::leak(lines).into(), state: Box::leak(Box::new(state)).into() }
    }

    fn start(&self) -> *mut u8 {
        self.lines.as_ptr().cast()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: leaked in `new`, and freed once.
        drop(unsafe { Box::from_raw(self.lines.as_ptr()) });
        // SAFETY: as above.
        drop(unsafe { Box::from_raw(self.state.as_ptr()) });
    }
}
