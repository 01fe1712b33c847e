//! Counters of a ring, readable at any time from any thread.

use std::sync::Arc;

use perdix_core::{ConsumerStats, ProducerStats, Ring};

use crate::shared::Shared;

/// A handle to a ring's counters; cheap to clone, usable from any thread while the ring runs, and
/// after.
///
/// ```
/// let mut buffer = perdix_host::Buffer::new(8)?;
/// let counters = buffer.counters();
/// let (mut producer, _consumer) = buffer.split_mut();
/// producer.try_produce(b"abc")?;
/// assert_eq!((counters.read().sent, counters.read().sent_bytes), (1, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Counters(pub(crate) Arc<Shared>);

/// A ring's counters at one moment. Each is exact by itself; they are not read at the same instant.
///
/// A message here is a slot: a large message counts once per slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Slots of the ring.
    pub capacity: u64,
    /// Messages published; notices of gaps are none.
    pub sent: u64,
    /// Bytes of payload published.
    pub sent_bytes: u64,
    /// Messages taken by the consumer; lags by up to a batch (a quarter of the ring, at most 256)
    /// while it is busy.
    pub received: u64,
    /// Bytes of payload taken by the consumer; lags likewise.
    pub received_bytes: u64,
    /// How many times the producer found the ring full; one wait counts once.
    pub full: u64,
    /// Messages dropped because the ring was full, at the user's wish. (A device producer's are
    /// there once it has paused or finished.)
    pub dropped: u64,
    /// Dropped messages of which the consumer was told, by gaps; lags as `received` does.
    pub told: u64,
    /// Messages that device producers had claimed when they gave up, from the first that was not
    /// sent on: none of them is delivered.
    pub lost: u64,
    /// The most slots seen occupied, sampled whenever the producer renews its credit (at least once
    /// per lap).
    pub highest_fill: u64,
}

impl Counters {
    /// Reads all counters.
    pub fn read(&self) -> Snapshot {
        Snapshot::of(&self.0.ring)
    }

    /// Whether the producer's counts are up to date: some producers count when they pause or
    /// finish.
    #[cfg(feature = "metrics")]
    pub(crate) fn are_current(&self) -> bool {
        self.0.ring.end().is_some() || self.0.producer.get().counts_at_once()
    }
}

impl Snapshot {
    /// Reads the counters of a ring.
    pub(crate) fn of(ring: &Ring) -> Self {
        // The consumer's first, so that a reader never sees more received than sent.
        let consumer = ring.consumer_stats();
        Self::gather(ring.capacity(), &consumer, &ring.producer_stats())
    }

    /// The counters in a copy of a ring's control block.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_copy(capacity: u64, control: &perdix_core::Control<u64>) -> Self {
        Self::gather(capacity, &control.consumer.stats, &control.producer.stats)
    }

    fn gather(capacity: u64, consumer: &ConsumerStats<u64>, producer: &ProducerStats<u64>) -> Self {
        Snapshot {
            capacity,
            received: consumer.messages,
            received_bytes: consumer.bytes,
            told: consumer.dropped,
            sent: producer.messages,
            sent_bytes: producer.bytes,
            full: producer.full,
            dropped: producer.dropped,
            lost: producer.lost,
            highest_fill: producer.highest_fill,
        }
    }
}
