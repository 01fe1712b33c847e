//! Kernels on emulated lanes as producers: the same kernel code, on a machine without a GPU.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use perdix_core::{DeviceRing, DeviceState};

use crate::buffer::Buffer;
use crate::consumer::Consumer;
use crate::counterpart::{Counterpart, StillInUse};
use crate::counters::Counters;
use crate::shared::Shared;
use crate::wait::DEVICE_LIMIT;

impl Buffer {
    /// The two halves, the producer being kernels on emulated lanes (`perdix_gpu::emulation`):
    /// borrowed. Messages that are still in the ring come first.
    ///
    /// A program that is written for a GPU runs so without one, and is tested so: the consumer is
    /// the same, and messages arrive while the lanes run. If kernels of a GPU used the ring, as
    /// [`split_mut`](Self::split_mut).
    pub fn split_emulated(&mut self) -> (EmulatedProducer<'_>, Consumer<'_>) {
        EmulatedProducer::split(self)
    }

    /// The two halves, the producer being kernels on emulated lanes: owned, to move into threads.
    pub fn into_emulated(mut self) -> (EmulatedProducer<'static>, Consumer<'static>) {
        EmulatedProducer::split(&mut self)
    }
}

/// The host's end of a ring whose producers are kernels on emulated lanes.
///
/// ```
/// use perdix_gpu::{ThreadProducer, emulation};
/// use perdix_host::{Buffer, DeviceRing};
///
/// /// In a real program: `perdix_gpu::kernel! { pub unsafe fn count(ring: DeviceRing) { … } }`.
/// unsafe fn count(ring: DeviceRing) {
///     // SAFETY: the host launches one thread on this ring.
///     let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
///     for number in 0_u64..100 {
///         if producer.produce(0, &number.to_le_bytes()).is_err() {
///             return; // the consumer is gone
///         }
///     }
///     producer.finish();
/// }
///
/// let (mut producer, mut consumer) = Buffer::builder().slots(16).build()?.into_emulated();
/// // SAFETY: one thread, and the ring is alive as long as `run` runs.
/// let kernel = std::thread::spawn(move || producer.run(|ring| emulation::launch(1, 1, || unsafe { count(ring) })));
/// let mut sum = 0;
/// consumer.for_each(|message| sum += u64::from(message[0]))?; // while the lanes run
/// assert_eq!(sum, 4950);
/// kernel.join().expect("no panic")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EmulatedProducer<'a> {
    shared: Arc<Shared>,
    kernels: Arc<EmulatedKernels>,
    state: Box<DeviceState>,
    limit: Duration,
    borrow: PhantomData<&'a mut Shared>,
}

/// A lane panicked or faulted; the kernel was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an emulated lane faulted; the consumer gets what was published before and is told that the rest is missing"
)]
pub struct LaneFault;

impl EmulatedProducer<'_> {
    /// Both ends of a buffer.
    fn split<'a>(buffer: &mut Buffer) -> (EmulatedProducer<'a>, Consumer<'a>) {
        let (shared, kernels, cores) = match buffer.open() {
            Ok(cores) => {
                let kernels = Arc::new(EmulatedKernels::default());
                buffer.shared.producer.set(Arc::<EmulatedKernels>::clone(&kernels));
                (Arc::clone(&buffer.shared), kernels, cores)
            }
            Err(why) => {
                let (shared, cores) = Shared::unreachable(&buffer.shared, why);
                (shared, Arc::default(), cores)
            }
        };
        let (state, consumer, read) = cores.into_device();
        let consumer = Consumer::new(Arc::clone(&shared), consumer, read);
        let state = Box::new(state);
        (EmulatedProducer { shared, kernels, state, limit: DEVICE_LIMIT, borrow: PhantomData }, consumer)
    }

    /// Runs a kernel on this thread: `launch` gets what kernels get, and says whether all lanes
    /// returned, as `perdix_gpu::emulation::launch` does. The ring is valid until it returns.
    ///
    /// As on a device, a kernel that neither ends the stream nor pauses it is an error for the
    /// consumer, and a kernel that pauses can be followed by another.
    ///
    /// # Errors
    /// [`LaneFault`] if `launch` says so.
    pub fn run(&mut self, launch: impl FnOnce(DeviceRing) -> bool) -> Result<(), LaneFault> {
        self.kernels.set(EmulatedKernels::EXPECTED);
        let config = self.shared.ring.config();
        // A panic in `launch` is a fault as well, though nobody is left to return it to.
        let unwound = Unwound(&self.kernels);
        let memory = self.shared.memory().map_or(std::ptr::null_mut(), |memory| memory.as_ptr());
        let limit_ns = u64::try_from(self.limit.as_nanos()).unwrap_or(u64::MAX);
        let returned = launch(DeviceRing::new(memory, &raw mut *self.state, config, limit_ns));
        std::mem::forget(unwound);
        if !returned {
            self.kernels.set(EmulatedKernels::FAULTED);
            return Err(LaneFault);
        }
        if self.state.paused.load(Ordering::Relaxed) == 0 {
            // Whether the stream has ended is seen first by whoever asks.
            self.kernels.set(EmulatedKernels::ENDED);
        }
        Ok(())
    }

    /// Sets how long producers wait for a free slot before they give up; 10 s unless set.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// A handle to the ring's counters. The producers' are there once they have finished.
    pub fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.shared))
    }
}

impl Drop for EmulatedProducer<'_> {
    fn drop(&mut self) {
        if self.kernels.is(EmulatedKernels::EXPECTED) {
            self.kernels.set(EmulatedKernels::ENDED);
        }
    }
}

/// Says that the lanes faulted if `launch` unwinds.
struct Unwound<'l>(&'l EmulatedKernels);

impl Drop for Unwound<'_> {
    fn drop(&mut self) {
        self.0.set(EmulatedKernels::FAULTED);
    }
}

/// What has become of the emulated kernels of a ring: the consumer's counterpart.
#[derive(Debug)]
struct EmulatedKernels(AtomicU8);

impl EmulatedKernels {
    /// They run, or may be run yet.
    const EXPECTED: u8 = 0;
    /// All have returned.
    const ENDED: u8 = 1;
    /// A lane faulted.
    const FAULTED: u8 = 2;

    fn is(&self, state: u8) -> bool {
        self.0.load(Ordering::Relaxed) == state
    }

    fn set(&self, state: u8) {
        // pairs with the Acquire load in `lost`
        self.0.store(state, Ordering::Release);
    }
}

impl Default for EmulatedKernels {
    fn default() -> Self {
        Self(AtomicU8::new(Self::EXPECTED))
    }
}

impl Counterpart for EmulatedKernels {
    fn lost(&self) -> Option<String> {
        // pairs with the Release store in `set`: whatever the lanes published is visible
        match self.0.load(Ordering::Acquire) {
            Self::ENDED => Some("the emulated kernel ended without finish".into()),
            Self::FAULTED => Some("an emulated lane faulted".into()),
            _ => None,
        }
    }

    fn may_vanish(&self) -> bool {
        true
    }

    /// They run inside of `run`, which borrows their end of the ring and so keeps its memory.
    fn ended(&self, _: Option<Duration>) -> Result<(), StillInUse> {
        Ok(())
    }

    fn is_core(&self) -> bool {
        true
    }

    fn counts_at_once(&self) -> bool {
        false
    }
}
