//! Proves that no call waits for ever, whoever is on the other side and however it ends: a table of
//! counterparts, ends and calls. Each call gets all that was published, and then the right error.
//!
//! Kernels are tried against the fake driver, in `gpu-tests/tests/fake/counterpart.rs`, with the
//! same table.
#![cfg(all(target_os = "linux", feature = "futures"))]
#![allow(clippy::unwrap_used, clippy::panic)] // tests

#[path = "counterpart/calls.rs"]
mod calls;
mod common;
#[path = "counterpart/process.rs"]
mod process;
#[path = "counterpart/table.rs"]
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, sleep};

use calls::Value;
use perdix_gpu::{ThreadProducer, emulation};
use perdix_host::{Buffer, ConsumeError, Consumer, DeviceRing, Fault, ProduceError, Producer, Typed};
use table::{A_WHILE, COUNT, FATES, Fate, Kept, OTHER_CALLS, SIDES, SLOTS, Side, WHO, Who, cannot_occur};

/// One test a row of the table.
macro_rules! rows {
    ($($name:ident: $who:ident $side:ident $fate:ident, $make:expr => $right:expr;)*) => {
        const ROWS: &[(Who, Side, Fate)] = &[$((Who::$who, Side::$side, Fate::$fate)),*];
        $(
            #[test]
            fn $name() {
                common::watch_process();
                rows!(@$side stringify!($name), $make, $right);
            }
        )*
    };
    (@Produces $row:expr, $make:expr, $right:expr) => { table::receive($row, $make, $right) };
    (@Consumes $row:expr, $make:expr, $right:expr) => { table::send($row, $make, $right) };
}

rows! {
    thread_finished: Thread Produces Finished, || thread_producer(Fate::Finished) => ended;
    thread_panicked: Thread Produces Panicked, || thread_producer(Fate::Panicked) => panicked;
    thread_left: Thread Consumes Finished, || thread_consumer(Fate::Finished) => gone;
    thread_panicked_as_consumer: Thread Consumes Panicked, || thread_consumer(Fate::Panicked) => gone;
    lanes_finished: Lanes Produces Finished, || lanes(Fate::Finished) => ended;
    lanes_ended: Lanes Produces EndedWithoutFinish, || lanes(Fate::EndedWithoutFinish) => without_finish;
    lanes_faulted: Lanes Produces Faulted, || lanes(Fate::Faulted) => lane_faulted;
    lanes_panicked: Lanes Produces Panicked, || lanes(Fate::Panicked) => lane_faulted;
    process_finished: Process Produces Finished, || process::producer(Fate::Finished) => ended;
    process_ended: Process Produces EndedWithoutFinish, || process::producer(Fate::EndedWithoutFinish) => process_lost;
    process_faulted: Process Produces Faulted, || process::producer(Fate::Faulted) => process_lost;
    process_panicked: Process Produces Panicked, || process::producer(Fate::Panicked) => panicked;
    process_killed: Process Produces Killed, || process::producer(Fate::Killed) => process_lost;
    process_left: Process Consumes Finished, || process::consumer(Fate::Finished) => gone;
    process_ended_as_consumer: Process Consumes EndedWithoutFinish, || process::consumer(Fate::EndedWithoutFinish) => gone;
    process_faulted_as_consumer: Process Consumes Faulted, || process::consumer(Fate::Faulted) => gone;
    process_panicked_as_consumer: Process Consumes Panicked, || process::consumer(Fate::Panicked) => gone;
    process_killed_as_consumer: Process Consumes Killed, || process::consumer(Fate::Killed) => gone;
}

/// Every row is run here, run on the fake driver, or explained; none is both.
#[test]
fn no_row_is_left_out() {
    let mut explained = 0;
    for who in WHO {
        for side in SIDES {
            for fate in FATES {
                let here = ROWS.iter().filter(|row| **row == (who, side, fate)).count();
                let there = usize::from(who == Who::Kernels);
                match cannot_occur(who, side, fate) {
                    Some(why) => {
                        assert!(here == 0 && !why.is_empty(), "{who:?} {side:?} {fate:?}");
                        explained += 1;
                    }
                    None => assert_eq!(here + there, 1, "{who:?} {side:?} {fate:?}"),
                }
            }
        }
    }
    // The rows of kernels are counted beside their tests.
    assert_eq!((ROWS.len(), explained), (18, 56 - 18 - 10));
    assert!(OTHER_CALLS.iter().all(|(_, why)| !why.is_empty()));
}

fn ended(error: &ConsumeError) -> bool {
    *error == ConsumeError::EndOfStream
}

fn panicked(error: &ConsumeError) -> bool {
    *error == ConsumeError::ProducerFailed { fault: Fault::Panicked, first_missing: COUNT }
}

fn lost_with(error: &ConsumeError, what: &str) -> bool {
    matches!(error, ConsumeError::ProducerLost { first_missing: COUNT, why } if why.contains(what))
}

fn without_finish(error: &ConsumeError) -> bool {
    lost_with(error, "ended without finish")
}

fn lane_faulted(error: &ConsumeError) -> bool {
    lost_with(error, "faulted")
}

fn process_lost(error: &ConsumeError) -> bool {
    lost_with(error, "process has ended") || lost_with(error, "producing process")
}

fn gone(error: &ProduceError) -> bool {
    *error == ProduceError::ConsumerGone
}

/// Publishes all that a producer publishes, unless nobody reads.
fn publish(producer: &mut Producer<'_>) {
    for id in 0..COUNT {
        if producer.value(&Value(id)).send().is_err() {
            break;
        }
    }
    sleep(A_WHILE);
}

fn thread_producer(fate: Fate) -> (Consumer<'static>, Kept) {
    let (mut producer, consumer) = Buffer::new(SLOTS).unwrap().split();
    let thread = thread::spawn(move || {
        let end = catch_unwind(AssertUnwindSafe(move || {
            publish(&mut producer);
            assert!(fate != Fate::Panicked, "meant");
        }));
        assert_eq!(end.is_err(), fate == Fate::Panicked);
    });
    (consumer, Box::new(thread))
}

fn thread_consumer(fate: Fate) -> (Producer<'static>, Kept) {
    let (producer, mut consumer) = Buffer::new(4).unwrap().split();
    let thread = thread::spawn(move || {
        let end = catch_unwind(AssertUnwindSafe(move || {
            let _ = consumer.consume().map(drop);
            sleep(A_WHILE);
            assert!(fate != Fate::Panicked, "meant");
        }));
        assert_eq!(end.is_err(), fate == Fate::Panicked);
    });
    (producer, Box::new(thread))
}

/// # Safety
/// The ring outlives the launch, of one thread.
unsafe fn kernel(ring: DeviceRing, fate: Fate) {
    // SAFETY: the caller's contract.
    let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
    for id in 0..COUNT {
        if producer.produce(Value::KIND, &id.to_ne_bytes()).is_err() {
            return;
        }
    }
    sleep(A_WHILE);
    if fate == Fate::Finished {
        producer.finish();
    }
}

fn lanes(fate: Fate) -> (Consumer<'static>, Kept) {
    let (mut producer, consumer) = Buffer::new(SLOTS).unwrap().into_emulated();
    let thread = thread::spawn(move || {
        let end = catch_unwind(AssertUnwindSafe(|| {
            producer.run(|ring| {
                // SAFETY: one thread, and the ring is valid until `run` returns.
                let ended = emulation::launch(1, 1, || unsafe { kernel(ring, fate) });
                assert!(fate != Fate::Panicked, "meant");
                ended && fate != Fate::Faulted
            })
        }));
        assert_eq!(end.is_err(), fate == Fate::Panicked);
        // Its end of the ring stays: what is lost must be seen without its being dropped.
        sleep(10 * A_WHILE);
        drop(producer);
    });
    (consumer, Box::new(thread))
}
