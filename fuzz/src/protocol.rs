//! The protocol's halves on memory that somebody else writes to.

use perdix_core::{Consumer, Fault, Poll, Producer, Ring};

use crate::input::Input;

/// Both halves of the protocol on a ring.
#[derive(Debug)]
pub struct Halves {
    producer: Producer,
    consumer: Consumer,
    capacity: u64,
}

impl Halves {
    /// Halves of this ring, set up as the bytes say.
    ///
    /// # Safety
    /// They are the ring's only ones, and the ring's memory outlives them.
    pub unsafe fn new(ring: Ring, input: &mut Input<'_>) -> Self {
        let head = ring.config().start.wrapping_add(input.pick([0, 0, 0, 1, 7]));
        // SAFETY: the caller's contract.
        let producer = unsafe { Producer::resume_at(ring, head) };
        // SAFETY: the caller's contract.
        let mut consumer = unsafe { Consumer::new(ring) };
        if input.flag() {
            consumer = consumer.for_cpu_producer();
        }
        if input.flag() {
            consumer = consumer.with_tail_every(input.byte().into());
        }
        Self { producer, consumer, capacity: ring.capacity() }
    }

    /// The number of the next message to take.
    pub fn next(&self) -> u64 {
        self.consumer.next()
    }

    /// The number of the next message to publish.
    pub fn head(&self) -> u64 {
        self.producer.head()
    }

    /// One step of one half; each ends after as many looks as the ring has slots.
    ///
    /// # Panics
    /// If a half goes beyond what it may.
    pub fn step(&mut self, input: &mut Input<'_>) {
        let Self { producer, consumer, capacity } = self;
        match input.below(23) {
            0 => drop(producer.push(1, 0, &input.payload(17))),
            1 => drop(producer.push(0, 0, &input.payload(250))),
            2 => drop(producer.stage(2, 1, &input.payload(240))),
            3 => in_place(producer, input),
            4 => drop(producer.push_chunks(4, 0, input.byte().into(), |i| [i as u64; 2])),
            5 => assert!(producer.publish() <= *capacity),
            6 => producer.abandon(),
            7 => drop(producer.renew(input.byte().into())),
            8 => producer.finish(),
            9 => producer.fail(Fault::Corrupt),
            10 => producer.reopen(),
            11 | 12 => take_one(consumer, input.flag()),
            13 | 14 => take_run(consumer, *capacity, input.pick([0, 1, 3, 32, u64::MAX])),
            15 => drop(consumer.peek(input.byte().into())),
            16 => consumer.recycle(),
            17 => consumer.forget_acquired(),
            18 => consumer.disconnect(),
            19 => consumer.reconnect(),
            20 => drop(producer.push_or_drop(5, 0, &input.payload(30))),
            21 => drop(consumer.take_gap()),
            _ => assert!(consumer.published().0 <= *capacity),
        }
        assert!(producer.staged() <= *capacity && producer.credit() <= *capacity);
        std::hint::black_box((consumer.fault(), consumer.until_end(), producer.consumer_disconnected()));
        consumer.prefetch(consumer.next());
    }
}

fn in_place(producer: &mut Producer, input: &mut Input<'_>) {
    let Ok(mut free) = producer.vacant() else { return };
    if input.flag() {
        free.payload_mut().fill(input.byte());
    }
    match input.below(3) {
        0 => free.stage(3, 0, input.byte().into()),
        1 => assert!(free.publish(3, 0, input.byte().into()) != 0),
        _ => drop(free),
    }
}

fn take_one(consumer: &mut Consumer, settle: bool) {
    match consumer.poll() {
        Ok(Poll::Ready(message)) => {
            let mut bytes = [0; 240];
            assert_eq!(message.copy_to(&mut bytes), message.meta().len());
            message.take();
        }
        Ok(Poll::Gap(_)) => drop(consumer.take_gap()),
        Ok(_) => {}
        Err(corruption) => assert!(!corruption.to_string().is_empty()),
    }
    if settle {
        consumer.recycle();
    }
}

fn take_run(consumer: &mut Consumer, capacity: u64, most: u64) {
    let (count, bytes) = consumer.available_sized(most);
    assert!(count <= capacity.min(most) && bytes <= 240 * count);
    // SAFETY: they were found there.
    unsafe { consumer.take(count, bytes) };
}
