//! Halves that misbehave: a consumer that panics or sleeps, a kernel that looks at nothing.

use std::panic::resume_unwind;
use std::thread::{scope, sleep, spawn};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use perdix_host::Consumer;
use perdix_host::cuda::{DeviceProducer, GpuError};

use super::{FULL, SHORT, still_works};
use crate::setup::{BLOCK, Case, GRID, PATIENCE, THREAD, WARP, check_all, check_some, kernels};

/// Takes 100 messages and panics with one more in its hands.
fn panics(mut consumer: Consumer<'_>) {
    check_some(&mut consumer, SHORT, 0, 100).unwrap();
    let _held = consumer.next(PATIENCE).unwrap();
    // A panic, without its message.
    resume_unwind(Box::new("on purpose"));
}

/// The kernel stops by itself, and what was not taken is still in the ring.
pub(super) fn consumer_panics(case: Case) -> Result<u64, Failed> {
    for sender in [THREAD, WARP, BLOCK] {
        let mut buffer = case.buffer(64);
        let (producer, consumer) = buffer.split_gpu()?;
        sender.start(&producer, SHORT, 10_000_000);
        if scope(|scope| scope.spawn(|| panics(consumer)).join()).is_ok() {
            return Err("the consumer did not panic".into());
        }
        ended(&producer)?;
        drop(producer);
        let (_, mut consumer) = buffer.split_mut();
        let left = consumer.available() as u64;
        check_some(&mut consumer, SHORT, 101, left)?;
    }
    let (producer, consumer) = case.buffer(64).into_gpu()?;
    GRID.start(&producer, FULL, 10_000_000);
    let thread = spawn(move || {
        let mut consumer = consumer;
        let _held = consumer.next(PATIENCE).unwrap();
        resume_unwind(Box::new("on purpose"));
    });
    if thread.join().is_ok() {
        return Err("the consumer did not panic".into());
    }
    ended(&producer)?;
    drop(producer);
    still_works(case)?;
    Ok(4)
}

fn ended(producer: &DeviceProducer<'_>) -> Result<(), Failed> {
    producer.wait(Duration::from_secs(5)).map_err(|error| format!("the kernel goes on: {error}"))?;
    producer.is_running()?;
    Ok(())
}

/// The consumer sleeps two seconds before a full ring: nothing is lost.
pub(super) fn full_for_seconds(case: Case) -> Result<u64, Failed> {
    for sender in [WARP, BLOCK, GRID] {
        let mut buffer = case.buffer(64);
        let (producer, mut consumer) = buffer.split_gpu()?;
        sender.start(&producer, FULL, 1000);
        sleep(Duration::from_secs(2));
        check_all(&mut consumer, FULL, sender.senders(), 1000)?;
        producer.wait(PATIENCE)?;
        if producer.counters().read().full == 0 {
            return Err("the ring was never full".into());
        }
    }
    Ok(3)
}

/// A kernel computes for 5 s without a look at its ring, and everything is dropped meanwhile: that takes the time limit and 2 s, the
/// ring's memory is left to the kernel, and its last message hurts nobody.
pub(super) fn spins(case: Case) -> Result<u64, Failed> {
    let (mut producer, consumer) = case.buffer(64).into_gpu()?;
    producer.set_limit(Duration::from_millis(100));
    let launch = kernels().launch("send_paced")?.block(256).arg(&producer).arg(FULL);
    // SAFETY: the kernel's parameters: one step of 5 s, one message.
    unsafe { launch.arg(1_u64).arg(1_u64).arg(5_000_000_000_u64).start() }?;
    match producer.wait(Duration::from_millis(100)) {
        Err(GpuError::StillRunning(_)) => {}
        other => return Err(format!("{other:?} while the kernel spins").into()),
    }
    let begun = Instant::now();
    drop((producer, consumer));
    let took = begun.elapsed();
    if took < Duration::from_secs(2) || took > Duration::from_secs(4) {
        return Err(format!("dropping took {took:?}").into());
    }
    still_works(case)?;
    Ok(1)
}
