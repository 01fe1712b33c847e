//! The state of halves that nobody has: parked by halves that were dropped, recovered for those
//! that were not.

use perdix_core::{Consumer as ConsumerCore, DeviceState, Producer as ProducerCore, Ring};

/// What the two halves of a ring begin with.
#[derive(Debug)]
pub(crate) struct Cores {
    pub(crate) producer: ProducerCore,
    pub(crate) consumer: ConsumerCore,
    pub(crate) read: ReadPosition,
}

/// How far into which message readers of bytes have come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadPosition {
    pub(crate) message: u64,
    pub(crate) bytes: usize,
}

impl Cores {
    /// Takes back the end of stream and the "disconnected" of earlier halves.
    pub(crate) fn restart(&mut self) {
        self.producer.abandon();
        self.producer.reopen();
        self.consumer.reconnect();
        self.reconcile_drop_counts();
    }

    /// Has device producers go on instead of the CPU's: the state that they begin with. The CPU's
    /// producer is recovered from the ring when they have ended.
    pub(crate) fn into_device(mut self) -> (DeviceState, ConsumerCore, ReadPosition) {
        // Device producers need free slots as a recovery leaves them: without words that a CPU
        // wrote and did not publish. SAFETY: both halves are here, so none is in use; `open` has
        // seen kernels end.
        self.producer = unsafe { recover_producer(&mut self.consumer) };
        self.reconcile_drop_counts();
        let producer = &self.producer;
        let state = DeviceState::new(producer.head(), self.consumer.next());
        (state.with_gap(producer.dropped(), producer.unreported()), self.consumer, self.read)
    }

    /// Has the producer report, before its next message, the dropped messages that the consumer
    /// neither knows of nor will find a gap marker of. (The end of a stream reports what no marker
    /// had room for; the next stream must neither repeat nor forget it.)
    fn reconcile_drop_counts(&mut self) {
        let Self { producer, consumer, .. } = self;
        let dropped = producer.dropped();
        if dropped != consumer.dropped() || producer.unreported() != 0 {
            let reported = consumer.dropped().wrapping_add(consumer.published().1);
            producer.set_dropped(dropped, dropped.wrapping_sub(reported));
        }
    }
}

/// The state of a producer that goes on where another stopped, however that stopped: behind
/// everything that is published. Slots that it may have left half-written are made free.
///
/// # Safety
/// No producer is in use on the consumer's ring, kernels included.
pub(crate) unsafe fn recover_producer(consumer: &mut ConsumerCore) -> ProducerCore {
    let ring = *consumer.ring();
    consumer.recycle();
    let head = consumer.next().wrapping_add(consumer.published().0);
    // SAFETY: the caller's contract; the consumer is borrowed here.
    unsafe { ring.clear_free(consumer.next(), head) };
    consumer.forget_acquired();
    // SAFETY: the caller's contract: this is the only producer, and `head` is not published.
    let mut producer = unsafe { ProducerCore::resume_at(ring, head) }.with_counts_of_ring();
    producer.set_dropped(ring.producer_stats().dropped, 0);
    producer
}

/// The state of a consumer that goes on where another stopped, however that stopped. What that one
/// had taken and not handed back comes again.
///
/// # Safety
/// No consumer is in use on the ring, kernels included.
pub(crate) unsafe fn recover_consumer(ring: Ring) -> ConsumerCore {
    // SAFETY: the caller's contract.
    unsafe { ConsumerCore::recover(ring) }.unwrap_or_else(|_| {
        // The consumer's line says what no consumer writes: its tail is all there is to go by.
        let start = ring.config().start;
        let next = start.wrapping_add(ring.tail().distance_from(start));
        // SAFETY: as above.
        unsafe { ConsumerCore::resume_at(ring, next, (0, 0), 0, 0) }
    })
}
