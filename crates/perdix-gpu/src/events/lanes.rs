//! Events of the lanes of a warp, many to a message.

use perdix_core::events::{EVENT_KIND, Level, Scope};

use super::draft::Draft;
use super::sink::EventSink;
use crate::packer::{PackError, PackInto, RecordPacker};

/// Gathers the events of a warp's lanes, each with its own arguments, into full messages: for many
/// events at a time.
///
/// `W` is the words of an event: three, and one for each argument. 4 words fit 7 times into a
/// message, 6 words 5 times. All 32 lanes call every method together, and say whether they have an
/// event. Events wait here until their message is full; [`flush`](Self::flush) sends them, and
/// **must be called at the end**. A full ring makes it wait, up to the ring's time limit.
///
/// ```
/// use perdix_gpu::emulation::{self, EmulatedRing};
/// use perdix_gpu::events::LaneEvents;
/// use perdix_gpu::{GridProducer, Mode, event, intrinsics};
///
/// let mut ring = EmulatedRing::new(16, Mode::Fenced);
/// emulation::launch(1, 32, || {
///     // SAFETY: nothing else is launched on the ring, which outlives the launch.
///     let Ok(mut producer) = (unsafe { GridProducer::new(ring.handle()) }) else { return };
///     let mut events = LaneEvents::<4>::new();
///     let lane = intrinsics::lane_id();
///     event!(events.lanes(&mut producer, lane % 3 == 0), DEBUG, "lane {}", lane);
///     let _ = events.flush(&mut producer);
///     producer.finish();
/// });
/// assert_eq!(ring.received().len(), 2); // 11 events, 7 to a message
/// ```
#[derive(Debug)]
#[must_use = "events that were not flushed are lost"]
pub struct LaneEvents<const W: usize> {
    packer: RecordPacker<[u64; W]>,
}

impl<const W: usize> LaneEvents<W> {
    /// None yet.
    #[inline(always)]
    #[allow(clippy::new_without_default)] // a device's value of a size that has to be named
    pub fn new() -> Self {
        Self { packer: RecordPacker::new(EVENT_KIND) }
    }

    /// Where the lanes that are `active` send the next event, for [`event!`](crate::event). The
    /// others have none.
    #[inline(always)]
    pub fn lanes<'e, P: PackInto>(&'e mut self, producer: &'e mut P, active: bool) -> LaneSink<'e, P, W> {
        LaneSink { events: self, producer, active }
    }

    /// Sends what waits. Converged.
    ///
    /// # Errors
    /// [`PackError`], as [`RecordPacker::flush`].
    #[inline(always)]
    pub fn flush(&mut self, producer: &mut impl PackInto) -> Result<(), PackError> {
        self.packer.flush(producer)
    }
}

/// The lanes that have an event: see [`LaneEvents::lanes`].
#[derive(Debug)]
pub struct LaneSink<'e, P, const W: usize> {
    events: &'e mut LaneEvents<W>,
    producer: &'e mut P,
    active: bool,
}

impl<P: PackInto, const W: usize> EventSink for LaneSink<'_, P, W> {
    #[inline(always)]
    fn send_event<const N: usize>(&mut self, _level: Level, event: &Draft<N>) -> bool {
        self.events.packer.push(self.producer, self.active, event.record(Scope::Thread)).is_ok()
    }
}
