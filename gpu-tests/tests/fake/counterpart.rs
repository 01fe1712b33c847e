//! The table of `crates/perdix-host/tests/counterpart.rs` for kernels: no call waits for ever for kernels, however they
//! end. They are launched by other means, so that each does what its row says.

#[path = "../../../crates/perdix-host/tests/counterpart/calls.rs"]
mod calls;
#[path = "../../../crates/perdix-host/tests/counterpart/table.rs"]
#[allow(dead_code)] // the other rows use the rest
mod table;

use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use calls::Value;
use perdix_gpu::{ThreadConsumer, ThreadProducer, emulation};
use perdix_host::cuda::{DeviceRing, Gpu, GpuError};
use perdix_host::{Buffer, ConsumeError, Consumer, ProduceError, Producer, Typed};
use table::{A_WHILE, COUNT, FATES, Fate, Kept, SIDES, SLOTS, Side, Who, cannot_occur};

use crate::driver::{Fake, events_answer};

const RUNNING: u32 = 600;
const FAULTED: u32 = 719;
const NO_ANSWER: u32 = 999;

/// One test a row of the table.
macro_rules! rows {
    ($($name:ident: $side:ident $fate:ident => $right:expr;)*) => {
        const ROWS: &[(Side, Fate)] = &[$((Side::$side, Fate::$fate)),*];
        $(
            #[test]
            #[ignore = "needs the fake driver"]
            fn $name() {
                let fake = Fake::take();
                rows!(@$side stringify!($name), &fake, Fate::$fate, $right);
            }
        )*
    };
    (@Produces $row:expr, $fake:expr, $fate:expr, $right:expr) => {
        table::receive($row, || producing($fake, $fate), $right)
    };
    (@Consumes $row:expr, $fake:expr, $fate:expr, $right:expr) => {
        table::send($row, || consuming($fake, $fate), $right)
    };
}

rows! {
    finished: Produces Finished => |error| *error == ConsumeError::EndOfStream;
    ended: Produces EndedWithoutFinish => |error| lost_with(error, "without finish");
    faulted: Produces Faulted => |error| lost_with(error, "719");
    unwatched: Produces Unwatched => |error| lost_with(error, "could not be attached");
    no_answer: Produces NoAnswer => |error| lost_with(error, "999");
    finished_as_consumer: Consumes Finished => |error| *error == ProduceError::ConsumerGone;
    ended_as_consumer: Consumes EndedWithoutFinish => is_lost;
    faulted_as_consumer: Consumes Faulted => is_lost;
    unwatched_as_consumer: Consumes Unwatched => is_lost;
    no_answer_as_consumer: Consumes NoAnswer => is_lost;
}

#[test]
fn no_row_is_left_out() {
    for side in SIDES {
        for fate in FATES {
            let here = ROWS.iter().filter(|row| **row == (side, fate)).count();
            let expected = usize::from(cannot_occur(Who::Kernels, side, fate).is_none());
            assert_eq!(here, expected, "{side:?} {fate:?}");
        }
    }
    assert_eq!(ROWS.len(), 10);
}

fn lost_with(error: &ConsumeError, what: &str) -> bool {
    matches!(error, ConsumeError::ProducerLost { first_missing: COUNT, why } if why.contains(what))
}

fn is_lost(error: &ProduceError) -> bool {
    // A flush finds that nobody reads in either way.
    matches!(error, ProduceError::ConsumerLost | ProduceError::ConsumerGone)
}

/// What events answer from the end of a kernel on, which comes when a wait is under way.
fn ends_as(fake: &Fake, fate: Fate) -> Joined {
    fake.events_answer(RUNNING);
    let answer = match fate {
        Fate::Faulted => FAULTED,
        Fate::NoAnswer => NO_ANSWER,
        _ => 0,
    };
    if fate == Fate::Unwatched {
        fake.fail("cuEventRecord", 1, 1, NO_ANSWER);
    }
    Joined(Some(spawn(move || {
        sleep(A_WHILE);
        events_answer(answer);
    })))
}

/// A thread that has ended when this is dropped.
struct Joined(Option<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.take().unwrap().join().unwrap();
    }
}

fn buffer(slots: usize) -> Buffer {
    let gpu = Gpu::open(0).unwrap();
    Buffer::builder().slots(slots).gpu(&gpu).build().unwrap()
}

/// # Safety
/// The ring outlives the launch, of one thread.
unsafe fn kernel(ring: DeviceRing, finish: bool) {
    // SAFETY: the caller's contract.
    let mut producer = unsafe { ThreadProducer::new(ring) }.unwrap();
    for id in 0..COUNT {
        producer.produce(Value::KIND, &id.to_ne_bytes()).unwrap();
    }
    if finish {
        producer.finish();
    }
}

fn producing(fake: &Fake, fate: Fate) -> (Consumer<'static>, Kept) {
    let (mut producer, consumer) = buffer(SLOTS).into_gpu().unwrap();
    producer.set_limit(Duration::ZERO);
    let ring = producer.ring();
    let end = ends_as(fake, fate);
    let launch = || {
        // SAFETY: one thread, and the ring outlives the launch.
        let ended = emulation::launch(1, 1, || unsafe { kernel(ring, fate == Fate::Finished) });
        assert!(ended);
        Ok::<_, GpuError>(())
    };
    // SAFETY: the ring's own stream.
    let launched = unsafe { producer.launch_with(producer.raw_stream(), launch) };
    assert_eq!(launched.is_ok(), fate != Fate::Unwatched, "{launched:?}");
    (consumer, Box::new((producer, end)))
}

fn consuming(fake: &Fake, fate: Fate) -> (Producer<'static>, Kept) {
    let (producer, mut consumer) = buffer(4).into_gpu_consumer().unwrap();
    consumer.set_limit(Duration::ZERO);
    let input = consumer.input();
    let end = ends_as(fake, fate);
    let launch = || {
        let ended = emulation::launch(1, 1, || {
            // SAFETY: one thread, and the ring outlives the launch.
            let consumer = unsafe { ThreadConsumer::new(input) }.unwrap();
            if fate == Fate::Finished {
                consumer.finish();
            }
        });
        assert!(ended);
        Ok::<_, GpuError>(())
    };
    // SAFETY: the ring's own stream.
    let launched = unsafe { consumer.launch_with(consumer.raw_stream(), launch) };
    assert_eq!(launched.is_ok(), fate != Fate::Unwatched, "{launched:?}");
    (producer, Box::new((consumer, end)))
}
