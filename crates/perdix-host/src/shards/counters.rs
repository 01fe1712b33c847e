//! Counters of a set of rings.

use crate::counters::{Counters, Snapshot};

/// A handle to the counters of a set of rings; cheap to clone, usable from any thread while the rings run, and after.
///
/// ```
/// let mut shards = perdix_host::Shards::new(2, 8)?;
/// let counters = shards.counters();
/// let (mut producers, _consumers) = shards.split_mut();
/// producers[0].try_produce(b"abc")?;
/// producers[1].try_produce(b"d")?;
/// assert_eq!((counters.rings()[0].read().sent_bytes, counters.read().sent_bytes), (3, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ShardCounters(Vec<Counters>);

impl ShardCounters {
    pub(crate) fn new(rings: Vec<Counters>) -> Self {
        Self(rings)
    }

    /// Each ring's counters.
    pub fn rings(&self) -> &[Counters] {
        &self.0
    }

    /// The sums over all rings; of `highest_fill` the highest of any one ring.
    pub fn read(&self) -> Snapshot {
        self.0.iter().map(Counters::read).fold(Snapshot::default(), |sum, ring| Snapshot {
            capacity: sum.capacity + ring.capacity,
            sent: sum.sent.wrapping_add(ring.sent),
            sent_bytes: sum.sent_bytes.wrapping_add(ring.sent_bytes),
            received: sum.received.wrapping_add(ring.received),
            received_bytes: sum.received_bytes.wrapping_add(ring.received_bytes),
            full: sum.full.wrapping_add(ring.full),
            dropped: sum.dropped.wrapping_add(ring.dropped),
            told: sum.told.wrapping_add(ring.told),
            lost: sum.lost.wrapping_add(ring.lost),
            highest_fill: sum.highest_fill.max(ring.highest_fill),
        })
    }
}
