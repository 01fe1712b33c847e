//! Life and death: kernels that end badly, rings that outlive them, and the other way round.

use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::{Gpu, GpuError};
use perdix_host::{Buffer, ConsumeError, MemoryKind, Wait};
use perdix_kernels::Ending;
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

use crate::setup::{BLOCK, Case, GRID, PATIENCE, THREAD, WARP, check_all, check_some, gpu, kernels};

const MIXED: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 0 };

/// A fault ruins the process's context, so that test runs in a child, which this variable tells its case.
pub(crate) const CHILD: &str = "PERDIX_GPU_TESTS_CHILD";

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    trials.push(case.trial("kernel_forgets_to_finish", forgets));
    trials.push(case.trial("kernel_forgets_behind_a_pause", forgets_behind_a_pause));
    trials.push(case.trial("kernel_pauses_and_others_go_on", pauses));
    trials.push(case.trial("kernel_traps", traps));
    trials.push(case.trial("dropped_under_a_running_kernel", dropped));
    trials.push(case.trial("cpu_then_gpu_then_cpu", takes_turns));
    trials.push(case.trial("foreign_context_and_stream", foreign));
}

pub(crate) fn add_general(trials: &mut Vec<Trial>) {
    trials.push(Trial::test("errors/bad_ptx_shows_the_log", || {
        match gpu().load(".version 6.3\n.target sm_70\nnonsense") {
            Err(GpuError::Ptx { log, .. }) if !log.is_empty() => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }));
    trials.push(Trial::test("errors/no_such_kernel", || match kernels().launch("nobody") {
        Err(GpuError::NoKernel { .. }) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }));
    trials.push(Trial::test("errors/no_such_device", || match Gpu::open(1000) {
        Err(GpuError::NoSuchDevice { ordinal: 1000, .. }) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }));
    trials.push(Trial::test("errors/heap_is_not_reachable", || {
        let mut buffer = Buffer::builder().slots(8).memory(MemoryKind::Heap).build()?;
        match buffer.split_gpu() {
            Err(GpuError::NotReachable) => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }));
    trials.push(Trial::test("best_memory_is_chosen_and_explained", || {
        let buffer = Buffer::new(8)?;
        let expected =
            if gpu().concurrent_managed_access()? { MemoryKind::Managed } else { MemoryKind::Pinned };
        if buffer.memory() != expected || buffer.memory_reason().is_empty() {
            return Err(format!("{} because {}", buffer.memory(), buffer.memory_reason()).into());
        }
        Ok(())
    }));
}

pub(crate) fn stop_midway(
    producer: &perdix_host::cuda::DeviceProducer<'_>,
    first: u64,
    count: u64,
    ending: Ending,
) {
    let launch = kernels().launch("stop_midway").unwrap().block(32).arg(producer).arg(MIXED);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(first).arg(count).arg(ending as u64).start() }.unwrap();
}

fn expect_lost(result: Result<impl std::fmt::Debug, ConsumeError>, missing: u64) -> Result<(), Failed> {
    match result {
        Err(ConsumeError::ProducerLost { first_missing, .. }) if first_missing == missing => Ok(()),
        other => Err(format!("{other:?} instead of the loss of message {missing}").into()),
    }
}

fn forgets(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    stop_midway(&producer, 0, 300, Ending::Forgets);
    check_some(&mut consumer, MIXED, 0, 300)?;
    expect_lost(consumer.next(PATIENCE), 300)
}

fn pauses(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    stop_midway(&producer, 0, 300, Ending::Pauses);
    check_some(&mut consumer, MIXED, 0, 300)?;
    match consumer.next(Duration::from_millis(50)) {
        Err(ConsumeError::TimedOut { .. }) => {}
        other => return Err(format!("while paused: {other:?}").into()),
    }
    stop_midway(&producer, 300, 200, Ending::Pauses);
    stop_midway(&producer, 500, 200, Ending::Pauses);
    check_some(&mut consumer, MIXED, 300, 400)?;
    producer.wait(PATIENCE)?;
    // Each of these starts its identities at 0 and ends the stream.
    BLOCK.start(&producer, MIXED, 1000);
    check_all(&mut consumer, MIXED, 1, 1000)?;
    drop((producer, consumer));
    for sender in [GRID, THREAD, WARP] {
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        sender.start(&producer, MIXED, 300);
        check_all(&mut consumer, MIXED, sender.senders(), 300)?;
    }
    Ok(())
}

/// A kernel forgets to finish behind one that paused, which still runs when the second is launched.
fn forgets_behind_a_pause(case: Case) -> Result<(), Failed> {
    for by_other_means in [false, true] {
        let mut buffer = case.buffer(64);
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        // More than the ring holds: it waits for the consumer.
        stop_midway(&producer, 0, 300, Ending::Pauses);
        if by_other_means {
            let launch = kernels().launch("stop_midway").unwrap().block(32);
            let launch = launch.arg_unattached(producer.ring()).arg(MIXED);
            let launch = launch.arg(300_u64).arg(200_u64).arg(Ending::Forgets as u64);
            let stream = producer.raw_stream();
            // SAFETY: the kernel's parameters; the producer's stream lives.
            let start = || unsafe { launch.start_on(stream) };
            // SAFETY: as above, and it is of the ring's context.
            unsafe { producer.launch_with(stream, start) }?;
        } else {
            stop_midway(&producer, 300, 200, Ending::Forgets);
        }
        check_some(&mut consumer, MIXED, 0, 500)?;
        expect_lost(consumer.next(PATIENCE), 500)?;
    }
    Ok(())
}

fn traps(case: Case) -> Result<(), Failed> {
    let child = Command::new(std::env::current_exe()?).env(CHILD, case.name()).output()?;
    if child.status.success() {
        return Ok(());
    }
    Err(format!("{}\n{}", child.status, String::from_utf8_lossy(&child.stderr)).into())
}

/// The child's part of `traps`.
pub(crate) fn child(case: &str) {
    let case = Case::named(case).expect("a case");
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    stop_midway(&producer, 0, 300, Ending::Traps);
    let result =
        check_some(&mut consumer, MIXED, 0, 300).and_then(|()| expect_lost(consumer.next(PATIENCE), 300));
    if let Err(failed) = result {
        eprintln!("{}", failed.message().unwrap_or("failed"));
        std::process::exit(1);
    }
    assert!(producer.is_running().is_err(), "the fault is not reported");
}

/// Everything is dropped while the kernel sends: the kernel stops, and nothing crashes.
fn dropped(case: Case) -> Result<(), Failed> {
    let begun = Instant::now();
    for sender in [WARP, BLOCK, GRID] {
        let mut buffer = case.buffer(64);
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        sender.start(&producer, Pattern { len: 240, sentinels: 0 }, 100_000_000);
        for _ in 0..100 {
            consumer.next(PATIENCE)?;
        }
        drop((producer, consumer));
        drop(buffer);
    }
    if begun.elapsed() > Duration::from_secs(8) {
        return Err(format!("it took {:?}", begun.elapsed()).into());
    }
    // The context still works.
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    WARP.start(&producer, MIXED, 100);
    check_all(&mut consumer, MIXED, 1, 100)
}

/// CPU and GPU produce into the same ring, one after the other; what was left unread comes first.
fn takes_turns(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    {
        let (mut producer, mut consumer) = buffer.split_mut();
        for number in 0..40_u8 {
            producer.produce(&[number; 240])?;
        }
        producer.reserve(240, Wait::Forever)?.fill(7);
        consumer.batch(10, Wait::Forever)?;
    }
    {
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        WARP.start(&producer, MIXED, 241);
        for number in 10..40_u8 {
            let message = consumer.next(PATIENCE)?;
            if *message != [number; 240] {
                return Err(format!("left-over {number} is {message:?}").into());
            }
        }
        check_all(&mut consumer, MIXED, 1, 241)?;
    }
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.produce(b"the CPU again")?;
    match consumer.try_consume() {
        Some(message) if *message == *b"the CPU again" => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// A program that has its own context and stream passes the raw handles.
fn foreign(case: Case) -> Result<(), Failed> {
    // SAFETY: the context is the test device's, which lives as long as the process.
    let other = unsafe { Gpu::from_context(gpu().raw_context()) }?;
    let mut buffer = Buffer::builder().slots(64).mode(case.mode).memory(case.memory).gpu(&other).build()?;
    let (producer, mut consumer) = buffer.split_gpu()?;
    let launch = kernels().launch("send_warp")?.block(32).arg_unattached(producer.ring());
    let launch = launch.arg(MIXED).arg(1000_u64).arg(32_u64);
    let stream = std::ptr::null_mut();
    // SAFETY: the kernel's parameters; the default stream always lives.
    unsafe { launch.start_on(stream) }?;
    // SAFETY: the default stream of the ring's context.
    unsafe { producer.attach(stream) }?;
    check_all(&mut consumer, MIXED, 1, 1000)?;
    producer.wait(PATIENCE)?;
    Ok(())
}
