//! The queues under test behind one trait, and the two measurements.

use std::hint::{black_box, spin_loop};
use std::sync::{Barrier, OnceLock};
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use perdix_host::{Buffer, Consumer, Producer, WaitStrategy};

pub(crate) type Payload = [u64; 30];

/// A queue of 240-byte messages: pushing copies the message in, popping reads every byte of it.
pub(crate) trait Queue {
    const CAPACITY: usize = 4096;
    type Tx: Send;
    type Rx: Send;
    fn open() -> (Self::Tx, Self::Rx);
    fn push(tx: &mut Self::Tx, message: &Payload);
    /// Waits for a message and returns the sum of its words.
    fn pop(rx: &mut Self::Rx) -> u64;
}

pub(crate) struct PerdixQueue;

impl Queue for PerdixQueue {
    type Tx = Producer<'static>;
    type Rx = Consumer<'static>;

    fn open() -> (Self::Tx, Self::Rx) {
        Buffer::builder().slots(Self::CAPACITY).wait(WaitStrategy::Spin).build().unwrap().split()
    }

    #[inline]
    fn push(tx: &mut Self::Tx, message: &Payload) {
        tx.produce(bytes_of(message)).unwrap();
    }

    #[inline]
    fn pop(rx: &mut Self::Rx) -> u64 {
        let message = rx.consume().unwrap();
        message
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .fold(0, u64::wrapping_add)
    }
}

pub(crate) struct RtrbQueue;

impl Queue for RtrbQueue {
    type Tx = rtrb::Producer<Payload>;
    type Rx = rtrb::Consumer<Payload>;

    fn open() -> (Self::Tx, Self::Rx) {
        rtrb::RingBuffer::new(Self::CAPACITY)
    }

    #[inline]
    fn push(tx: &mut Self::Tx, message: &Payload) {
        while tx.push(*message).is_err() {
            spin_loop();
        }
    }

    #[inline]
    fn pop(rx: &mut Self::Rx) -> u64 {
        loop {
            match rx.pop() {
                Ok(message) => return message.iter().copied().fold(0, u64::wrapping_add),
                Err(_) => spin_loop(),
            }
        }
    }
}

/// How long `messages` messages take from one core to another.
pub(crate) fn stream<Q: Queue>(messages: u64) -> Duration {
    let (mut tx, mut rx) = Q::open();
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(0);
            start.wait();
            let mut message = [1; 30];
            for number in 0..messages {
                message[0] = number;
                Q::push(&mut tx, black_box(&message));
            }
        });
        pin(1);
        start.wait();
        let begun = Instant::now();
        let mut sum = 0_u64;
        for _ in 0..messages {
            sum = sum.wrapping_add(Q::pop(&mut rx));
        }
        let taken = begun.elapsed();
        assert_eq!(sum, 29 * messages + messages * (messages - 1) / 2);
        taken
    })
}

/// How long `trips` messages take there and back, one at a time.
pub(crate) fn round_trip<Q: Queue>(trips: u64) -> Duration {
    let ((mut ping, mut pinged), (mut pong, mut ponged)) = (Q::open(), Q::open());
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(0);
            start.wait();
            let mut message = [1; 30];
            for _ in 0..trips {
                message[0] = Q::pop(&mut pinged);
                Q::push(&mut pong, black_box(&message));
            }
        });
        pin(1);
        start.wait();
        let begun = Instant::now();
        for trip in 0..trips {
            Q::push(&mut ping, black_box(&[trip; 30]));
            assert_eq!(Q::pop(&mut ponged), 30 * trip + 29);
        }
        begun.elapsed()
    })
}

/// Pins this thread to one of the cores that the process may use.
fn pin(core: usize) {
    // Asked once, before any pinning: a pinned thread and its children see only their own core.
    static CORES: OnceLock<Vec<CoreId>> = OnceLock::new();
    if let Some(core) = CORES.get_or_init(|| core_affinity::get_core_ids().unwrap_or_default()).get(core) {
        core_affinity::set_for_current(*core);
    }
}

/// Call before the first measurement.
pub(crate) fn find_cores() {
    pin(1);
}

fn bytes_of(message: &Payload) -> &[u8] {
    // SAFETY: 30 words are 240 initialised bytes.
    unsafe { std::slice::from_raw_parts(message.as_ptr().cast(), size_of::<Payload>()) }
}
