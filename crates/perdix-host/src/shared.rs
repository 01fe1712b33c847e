//! What a buffer and its halves own together.

use std::alloc::Layout;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perdix_core::{Config, Consumer as ConsumerCore, Producer as ProducerCore, Ring, SLOT_SIZE};

use crate::cores::{Cores, ReadPosition, recover_consumer, recover_producer};
use crate::counterpart::{Counterpart, Side, StillInUse, Thread, Unreachable};
use crate::error::CreateError;
use crate::memory::{Heap, Memory};
use crate::trace;
use crate::wait::WaitStrategies;

/// The ring, its memory, who is on each side, and the state of the halves that nobody has.
///
/// * The memory outlives every view of the ring: halves keep a share of this.
/// * The memory is freed only when both sides have certainly ended.
/// * A core is parked here exactly while no half has it. One that is neither parked nor in use (its
///   half was forgotten, or is a kernel's) is recovered from the ring at the next split.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) ring: Ring,
    pub(crate) waits: WaitStrategies,
    /// Released slots that the consumer holds back at most.
    tail_every: Option<u64>,
    /// Who produces.
    pub(crate) producer: Side,
    /// Who consumes.
    pub(crate) consumer: Side,
    parked: Mutex<Parked>,
    /// `None` once it was leaked, as a kernel may still use it.
    memory: Option<Box<dyn Memory>>,
    /// Why this memory.
    pub(crate) reason: String,
    /// Ends when the memory is gone.
    _span: trace::RingSpan,
}

#[derive(Debug, Default)]
struct Parked {
    producer: Option<ProducerCore>,
    consumer: Option<(ConsumerCore, ReadPosition)>,
}

impl Shared {
    /// A fresh ring in `memory`.
    pub(crate) fn new(
        memory: Box<dyn Memory>,
        reason: String,
        config: Config,
        waits: WaitStrategies,
        tail_every: Option<u64>,
    ) -> Result<Self, CreateError> {
        // SAFETY: the memory is fresh, ours alone, and dropped after all that views it.
        let ring =
            unsafe { Ring::init(memory.as_ptr(), memory.len(), config) }.map_err(CreateError::Region)?;
        trace::made(&ring, &reason);
        // SAFETY: the ring is fresh: this is its only producer.
        let producer = unsafe { ProducerCore::new(ring) };
        // SAFETY: and this its only consumer.
        let consumer = with_tail_every(unsafe { ConsumerCore::new(ring) }, tail_every);
        let mut shared = Self::attached(memory, ring, waits, Arc::new(Thread), Arc::new(Thread));
        shared.reason = reason;
        shared.tail_every = tail_every;
        shared.park_producer(producer);
        shared.park_consumer(consumer, ReadPosition::default());
        Ok(shared)
    }

    /// A ring that this process shares with another, and in which it has one role.
    pub(crate) fn attached(
        memory: Box<dyn Memory>,
        ring: Ring,
        waits: WaitStrategies,
        producer: Arc<dyn Counterpart>,
        consumer: Arc<dyn Counterpart>,
    ) -> Self {
        Self {
            ring,
            waits,
            tail_every: None,
            producer: Side::new(producer),
            consumer: Side::new(consumer),
            parked: Mutex::default(),
            memory: Some(memory),
            reason: "shared with another process".into(),
            _span: trace::RingSpan::begin(&ring),
        }
    }

    /// A ring for one half split from `used`, which kernels may still use: the half finds its
    /// counterpart lost at once, and touches nothing of theirs. Lack of memory for its one slot
    /// aborts, as elsewhere in Rust.
    pub(crate) fn unreachable(used: &Self, why: StillInUse) -> (Arc<Self>, Cores) {
        let config = Config { capacity: 1, ..used.ring.config() };
        let Some((shared, mut cores)) = Self::in_heap(config, used.waits, &why) else {
            std::alloc::handle_alloc_error(Layout::new::<[u8; SLOT_SIZE]>())
        };
        // Without credit: its first call looks at the tail, and finds nobody reading.
        // SAFETY: it takes the place of the ring's producer, which nobody has.
        cores.producer = unsafe { ProducerCore::resume_at(shared.ring, config.start) };
        cores.consumer.disconnect();
        let nobody = Arc::new(Unreachable(why));
        shared.producer.set(Arc::<Unreachable>::clone(&nobody));
        shared.consumer.set(nobody);
        (Arc::new(shared), cores)
    }

    fn in_heap(config: Config, waits: WaitStrategies, why: &StillInUse) -> Option<(Self, Cores)> {
        let memory = Box::new(Heap::new(config.bytes().ok()?)?);
        let shared = Self::new(memory, why.to_string(), config, waits, None).ok()?;
        // SAFETY: the ring is new: nobody uses it.
        let cores = unsafe { shared.take_cores() };
        Some((shared, cores))
    }

    /// Waits until both sides have ended, and takes the state that new halves go on with; threads
    /// are on both sides then. The end of stream and the "disconnected" of earlier halves are taken
    /// back.
    ///
    /// # Errors
    /// [`StillInUse`]: everything is as it was.
    ///
    /// # Safety
    /// No half of this process is in use.
    pub(crate) unsafe fn open(&self, limit: Option<Duration>) -> Result<Cores, StillInUse> {
        self.ended(limit)?;
        self.producer.set(Arc::new(Thread));
        self.consumer.set(Arc::new(Thread));
        // SAFETY: the caller's contract, and kernels have ended.
        let mut cores = unsafe { self.take_cores() };
        cores.restart();
        Ok(cores)
    }

    /// Waits until neither side can touch the memory any more; both together no longer than
    /// `limit`.
    pub(crate) fn ended(&self, limit: Option<Duration>) -> Result<(), StillInUse> {
        let begun = Instant::now();
        self.consumer.get().ended(limit)?;
        self.producer.get().ended(limit.map(|limit| limit.saturating_sub(begun.elapsed())))
    }

    /// The states of both halves: parked, or recovered from the ring.
    ///
    /// # Safety
    /// No half of this process is in use, and no kernel runs on the ring.
    unsafe fn take_cores(&self) -> Cores {
        let Parked { producer, consumer } = std::mem::take(&mut *self.lock());
        let (mut consumer, read) = consumer.unwrap_or_else(|| {
            // SAFETY: the caller's contract: whoever had it uses it no more.
            let consumer = unsafe { recover_consumer(self.ring) };
            (with_tail_every(consumer, self.tail_every), ReadPosition::default())
        });
        let producer = producer.unwrap_or_else(|| {
            // SAFETY: as above.
            unsafe { recover_producer(&mut consumer) }
        });
        Cores { producer, consumer, read }
    }

    /// Keeps the state of a producer that is dropped.
    pub(crate) fn park_producer(&self, core: ProducerCore) {
        self.lock().producer = Some(core);
    }

    /// Keeps the state of a consumer that is dropped.
    pub(crate) fn park_consumer(&self, core: ConsumerCore, read: ReadPosition) {
        self.lock().consumer = Some((core, read));
    }

    /// The ring's memory.
    pub(crate) fn memory(&self) -> Option<&dyn Memory> {
        self.memory.as_deref()
    }

    fn lock(&self) -> MutexGuard<'_, Parked> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let sides = [self.producer.get(), self.consumer.get()];
        // Both are waited for, whatever the first says.
        if sides.each_ref().map(|side| side.ended(None).is_ok()) == [true; 2] {
            sides.iter().for_each(|side| side.leave(false));
        } else {
            // Freed memory that a kernel still uses would be somebody else's: better lost than
            // corrupted.
            std::mem::forget(self.memory.take());
            self.producer.keep_for_ever();
            self.consumer.keep_for_ever();
            trace::leaked(&self.ring);
        }
    }
}

fn with_tail_every(core: ConsumerCore, tail_every: Option<u64>) -> ConsumerCore {
    match tail_every {
        Some(messages) => core.with_tail_every(messages),
        None => core,
    }
}
