//! What a buffer and its halves own together.

use std::cell::UnsafeCell;

use crossbeam_utils::CachePadded;
use perdix_core::{Config, Consumer as ConsumerCore, Producer as ProducerCore, Ring};

use crate::consumer::Progress;
use crate::emulated::Lanes;
use crate::error::CreateError;
use crate::liveness::Liveness;
use crate::memory::{MemoryKind, Region};
use crate::peer::Peer;
use crate::trace;
use crate::wait::WaitStrategy;

/// The ring, its memory, and the state of both halves.
///
/// The state lives here rather than in the halves, so that halves that were dropped or forgotten lose nothing: the next
/// split goes on where they stopped.
#[derive(Debug)]
pub(crate) struct Shared {
    producer: CachePadded<UnsafeCell<ProducerCore>>,
    consumer: CachePadded<UnsafeCell<ConsumerCore>>,
    /// What the consumer has read of its next message.
    pub(crate) progress: CachePadded<Progress>,
    pub(crate) ring: Ring,
    pub(crate) waits: Waits,
    /// The kernels that produce.
    pub(crate) liveness: Liveness,
    pub(crate) lanes: Lanes,
    /// The kernels that consume.
    pub(crate) readers: Liveness,
    /// Gives the role up before the memory goes.
    pub(crate) peer: Peer,
    /// Dropped last. `None` once it was leaked because a kernel may still write to it.
    memory: Option<Region>,
    /// Why this memory.
    pub(crate) reason: String,
    /// Ends when the memory is gone.
    _life: trace::Life,
}

/// How each half waits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    pub(crate) producer: WaitStrategy,
    pub(crate) consumer: WaitStrategy,
}

// SAFETY: the cells are reached only through `producer` and `consumer`, whose contracts keep each to one thread at a time.
unsafe impl Sync for Shared {}
// SAFETY: nothing in it is bound to a thread.
unsafe impl Send for Shared {}

impl Shared {
    /// A fresh ring in `memory`.
    pub(crate) fn new(
        memory: Region,
        reason: String,
        config: Config,
        waits: Waits,
        tail_every: Option<u64>,
    ) -> Result<Self, CreateError> {
        // SAFETY: the memory is fresh, ours alone, and dropped after all that views it.
        let ring =
            unsafe { Ring::init(memory.as_ptr(), memory.len(), config) }.map_err(CreateError::Region)?;
        // SAFETY: the ring is fresh: this is its only producer.
        let producer = unsafe { ProducerCore::new(ring) };
        // SAFETY: and this its only consumer.
        let mut consumer = unsafe { ConsumerCore::new(ring) };
        if memory.kind() == MemoryKind::Heap {
            consumer = consumer.for_cpu_producer();
        }
        if let Some(messages) = tail_every {
            consumer = consumer.with_tail_every(messages);
        }
        let shared = Self {
            producer: CachePadded::new(UnsafeCell::new(producer)),
            consumer: CachePadded::new(UnsafeCell::new(consumer)),
            progress: CachePadded::default(),
            ring,
            waits,
            liveness: Liveness::new(),
            lanes: Lanes::default(),
            readers: Liveness::new(),
            peer: Peer::none(),
            memory: Some(memory),
            reason,
            _life: trace::Life::begin(&ring),
        };
        trace::made(&shared.ring, &shared.reason);
        Ok(shared)
    }

    /// A ring that this process shares with another, and in which it has one role; the state of the other half is not used.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_process(
        memory: Region,
        ring: Ring,
        mut consumer: ConsumerCore,
        waits: Waits,
        tail_every: Option<u64>,
        role: crate::process::Role,
    ) -> Self {
        if let Some(messages) = tail_every {
            consumer = consumer.with_tail_every(messages);
        }
        // SAFETY: if the role is the producer's, this is the only one, on a ring that had none; else it is not used.
        let producer = unsafe { ProducerCore::new(ring) };
        Self {
            producer: CachePadded::new(UnsafeCell::new(producer)),
            consumer: CachePadded::new(UnsafeCell::new(consumer)),
            progress: CachePadded::default(),
            ring,
            waits,
            liveness: Liveness::new(),
            lanes: Lanes::default(),
            readers: Liveness::new(),
            peer: Peer::of(role),
            memory: Some(memory),
            reason: "shared with another process".into(),
            _life: trace::Life::begin(&ring),
        }
    }

    /// Why no more messages will come although the stream has not ended; `None` while some may.
    pub(crate) fn producer_lost(&self) -> Option<String> {
        self.liveness.lost().or_else(|| self.lanes.lost()).or_else(|| self.peer.lost())
    }

    /// Whether the producer's counters are up to date: kernels count when they pause or finish.
    #[cfg(feature = "metrics")]
    pub(crate) fn producer_counts(&self) -> bool {
        self.ring.end().is_some()
            || self.peer.produced_by_core() != Some(false) && !self.liveness.has_kernels()
    }

    /// The ring's memory.
    pub(crate) fn memory(&self) -> Option<&Region> {
        self.memory.as_ref()
    }

    /// Goes on where a device producer stopped: the CPU's state learns how far it came, and slots that it may have left
    /// half-written or out of reach are made free.
    ///
    /// # Safety
    /// No half is in use, and no kernel runs on the ring.
    pub(crate) unsafe fn take_over(&self) {
        // SAFETY: the caller's contract.
        let consumer = unsafe { self.consumer() };
        consumer.settle();
        let head = consumer.next().wrapping_add(consumer.published().0);
        // SAFETY: the caller's contract.
        unsafe { self.ring.clear_free(consumer.next(), head) };
        consumer.look_again();
        // SAFETY: the caller's contract.
        let producer = unsafe { self.producer() };
        // SAFETY: the one before is replaced, so this is the only producer.
        *producer = unsafe { ProducerCore::resume(self.ring, head) };
        producer.set_gap(self.ring.producer_stats().dropped, 0);
    }

    /// Goes on where consuming kernels stopped. (If they left the consumer's line as no consumer does, where they began.)
    ///
    /// # Safety
    /// No half is in use, and no kernel runs on the ring.
    pub(crate) unsafe fn take_back(&self) {
        // SAFETY: the caller's contract.
        let consumer = unsafe { self.consumer() };
        // SAFETY: the kernels' consumers are no more, and this one has kept still meanwhile.
        let _ = unsafe { consumer.take_back() };
    }

    /// Has the producer tell, before its next message, of the dropped messages that the consumer neither knows of nor will find a notice
    /// of. (The end of a stream tells what no notice had room for; the next stream must neither repeat nor forget it.)
    ///
    /// # Safety
    /// No half is in use, and no kernel runs on the ring.
    pub(crate) unsafe fn agree_on_gap(&self) {
        // SAFETY: the caller's contract.
        let producer = unsafe { self.producer() };
        // SAFETY: as above.
        let consumer = unsafe { self.consumer() };
        let dropped = producer.dropped();
        if dropped != consumer.dropped() || producer.gap() != 0 {
            let told = consumer.dropped().wrapping_add(consumer.published().1);
            producer.set_gap(dropped, dropped.wrapping_sub(told));
        }
    }

    /// The producer's state.
    ///
    /// # Safety
    /// The caller is the one live producer half (or the buffer, while there is none), and makes no second reference.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // the contract makes it unique
    pub(crate) unsafe fn producer(&self) -> &mut ProducerCore {
        // SAFETY: unique by the contract.
        unsafe { &mut *self.producer.get() }
    }

    /// The consumer's state.
    ///
    /// # Safety
    /// The caller is the one live consumer half (or the buffer, while there is none), and makes no second reference.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)] // the contract makes it unique
    pub(crate) unsafe fn consumer(&self) -> &mut ConsumerCore {
        // SAFETY: unique by the contract.
        unsafe { &mut *self.consumer.get() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let have_ended = [&self.liveness, &self.readers].map(Liveness::ended_within_limit);
        if have_ended != [true; 2] {
            // Freed memory that a kernel still uses would be somebody else's: better lost than corrupted.
            std::mem::forget(self.memory.take());
            trace::leaked(&self.ring);
            // And its role is not over either.
            #[cfg(feature = "cuda")]
            self.peer.keep_for_ever();
        }
        self.peer.leave(false);
    }
}
