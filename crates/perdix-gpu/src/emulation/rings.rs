//! Several emulated rings behind one handle.

use perdix_core::{DeviceRing, DeviceRings, Mode};

use super::EmulatedRing;

/// Rings on ordinary memory with a device's view of all of them, for trying sharded kernels out.
///
/// ```
/// use perdix_gpu::emulation::{EmulatedRings, launch};
/// use perdix_gpu::{BlockProducer, Mode, Shard};
///
/// let mut rings = EmulatedRings::new(2, 64, Mode::Fenced);
/// let handle = rings.handle();
/// assert!(launch(2, 64, || {
///     // SAFETY: the rings outlive the launch.
///     let shard = unsafe { Shard::of_block(handle) }.expect("there are rings");
///     // SAFETY: as many blocks as rings: this one is alone on its own.
///     let mut producer = unsafe { BlockProducer::new(shard.ring()) }.expect("whole warps");
///     producer.produce_batch(10, &perdix_gpu::FromFn::new(8, 0, |_, _| [shard.index(), 0])).expect("room");
///     producer.finish();
/// }));
/// for (index, ring) in rings.iter_mut().enumerate() {
///     assert!(ring.received().iter().all(|(_, bytes)| bytes[0] == index as u8));
/// }
/// ```
#[derive(Debug)]
pub struct EmulatedRings {
    rings: Vec<EmulatedRing>,
    handles: Vec<DeviceRing>,
}

impl EmulatedRings {
    /// `count` empty rings of `slots` slots (a power of two) whose producers wait up to ten
    /// seconds.
    ///
    /// # Panics
    /// If `slots` is not a legal number.
    pub fn new(count: usize, slots: u64, mode: Mode) -> Self {
        let rings: Vec<_> = (0..count).map(|_| EmulatedRing::new(slots, mode)).collect();
        let handles = rings.iter().map(EmulatedRing::handle).collect();
        Self { rings, handles }
    }

    /// What a kernel gets: valid as long as the rings.
    pub fn handle(&self) -> DeviceRings {
        DeviceRings { rings: self.handles.as_ptr(), count: self.handles.len() as u64 }
    }

    /// Sets how long producers wait for a free slot, in nanoseconds. No launch may run.
    pub fn set_limit(&mut self, limit_ns: u64) {
        self.handles.iter_mut().for_each(|handle| handle.limit_ns = limit_ns);
    }

    /// How many rings there are.
    pub fn len(&self) -> usize {
        self.rings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rings.is_empty()
    }

    /// The rings, in the order of their indices.
    pub fn iter(&self) -> std::slice::Iter<'_, EmulatedRing> {
        self.rings.iter()
    }

    /// The rings, to take messages from.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, EmulatedRing> {
        self.rings.iter_mut()
    }
}
