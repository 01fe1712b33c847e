//! Kernels that fault, and kernels that do not end.

use std::time::{Duration, Instant};

use perdix_host::cuda::{Gpu, GpuError};
use perdix_host::{Buffer, ConsumeError, MemoryKind, Mode};
use perdix_kernels::Ending;

use crate::driver::{Fake, MEMORY, fault, ptx};
use crate::kernels::MIXED;

const NOT_READY: u32 = 600;
const PATIENCE: Duration = Duration::from_secs(2);

/// A kernel sends `count` messages and traps: all are delivered, then the loss is told, with the driver's words.
#[test]
#[ignore = "needs the fake driver"]
fn what_was_published_before_a_trap_is_delivered() {
    let fake = Fake::take();
    for (count, mode) in [(0, Mode::Fenced), (1, Mode::FenceFree), (33, Mode::Fenced), (64, Mode::FenceFree)]
    {
        let gpu = Gpu::open(0).unwrap();
        let kernels = gpu.load(&ptx()).unwrap();
        let mut buffer = Buffer::builder().slots(64).mode(mode).gpu(&gpu).build().unwrap();
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        let launch = kernels.launch("stop_midway").unwrap().block(32).arg(&producer).arg(MIXED);
        // The emulated kernel is over when it is to be attached, so that the fault may be told there already.
        // SAFETY: the kernel's parameters.
        let started = unsafe { launch.arg(0_u64).arg(count).arg(Ending::Traps as u64).start() };
        assert_eq!(started.map_err(|error| code(&error)), Err(719));
        for id in 0..count {
            let message = consumer.try_consume().unwrap();
            assert!(MIXED.matches(id, message.kind(), &message));
        }
        for _ in 0..2 {
            match consumer.next(PATIENCE) {
                Err(ConsumeError::ProducerLost { first_missing, why }) if first_missing == count => {
                    assert!(why.starts_with("the kernel failed: CUDA_ERROR_LAUNCH_FAILED (719)"), "{why}");
                }
                other => panic!("{other:?}"),
            }
        }
        drop((producer, consumer));
        assert_eq!(buffer.split_gpu().map(drop).map_err(|error| code(&error)), Err(719));
        drop((buffer, kernels, gpu));
        assert_eq!((fake.all_alive(), fake.misuse()), (0, None));
        fake.end_all();
    }
}

/// The driver tells of a fault when the kernel's event is asked; afterwards all can be dropped, and the device opened anew.
#[test]
#[ignore = "needs the fake driver"]
fn a_fault_is_told_with_the_drivers_words() {
    let fake = Fake::take();
    for (number, name) in [(700, "ILLEGAL_ADDRESS"), (719, "LAUNCH_FAILED")] {
        let gpu = Gpu::open(0).unwrap();
        let kernels = gpu.load(&ptx()).unwrap();
        let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        let launch = kernels.launch("stop_midway").unwrap().block(32).arg(&producer).arg(MIXED);
        fake.events_answer(NOT_READY);
        // SAFETY: the kernel's parameters.
        unsafe { launch.arg(0_u64).arg(10_u64).arg(Ending::Pauses as u64).start() }.unwrap();
        assert_eq!(producer.is_running(), Ok(true));
        fault(number);
        let error = producer.is_running().unwrap_err();
        assert!(error.to_string().starts_with(&format!("the kernel failed: CUDA_ERROR_{name} ({number})")));
        assert_eq!(producer.wait(PATIENCE), Ok(()), "a faulted kernel has ended");
        (0..10).for_each(|_| drop(consumer.try_consume().unwrap()));
        let lost = consumer.next(PATIENCE).map(drop);
        assert_eq!(lost, Err(ConsumeError::ProducerLost { first_missing: 10, why: error.to_string() }));
        let begun = Instant::now();
        fake.events_answer(0);
        drop((producer, consumer));
        drop((buffer, kernels, gpu));
        assert!(begun.elapsed() < Duration::from_secs(1));
        // Nothing can be freed in a faulted context; all went away with it.
        assert_eq!((fake.all_alive(), fake.misuse()), (0, None));
        assert!(fake.orphans() > 0);
        fake.reset();
        drop(Buffer::builder().slots(64).build().unwrap().split_gpu().unwrap());
        fake.assert_clean();
    }
}

/// A kernel never ends: dropping its ring takes the longest limit that a handle carries and two seconds more, and frees nothing,
/// not even by calls that would wait for the kernel.
#[test]
#[ignore = "needs the fake driver"]
fn a_kernel_that_does_not_end_keeps_its_memory() {
    let fake = Fake::take();
    for (kind, limits, longest) in [
        (MemoryKind::Managed, vec![50], 50),
        // The first handle carries the longer limit.
        (MemoryKind::Pinned, vec![1000, 50], 1000),
        (MemoryKind::Pinned, vec![0, 1500], 1500),
    ] {
        let gpu = Gpu::open(0).unwrap();
        let kernels = gpu.load(&ptx()).unwrap();
        let buffer = Buffer::builder().slots(64).memory(kind).gpu(&gpu).build().unwrap();
        let (mut producer, consumer) = buffer.into_gpu().unwrap();
        fake.events_answer(NOT_READY);
        for limit in limits {
            producer.set_limit(Duration::from_millis(limit));
            let launch = kernels.launch("continue_block").unwrap().block(32).arg(&producer).arg(MIXED);
            // SAFETY: the kernel's parameters.
            unsafe { launch.arg(0_u64).arg(1_u64).arg(0_u64).start() }.unwrap();
        }
        assert!(matches!(producer.wait(Duration::from_millis(10)), Err(GpuError::StillRunning(_))));
        let begun = Instant::now();
        drop((kernels, consumer, producer));
        let (took, expected) = (begun.elapsed(), Duration::from_millis(2000 + longest));
        assert!(
            took >= expected && took < expected + Duration::from_millis(900),
            "{took:?}, not {expected:?}"
        );
        drop(gpu);
        assert_eq!(MEMORY.map(|kind| fake.alive(kind)).iter().sum::<u64>(), 2, "ring and state");
        assert_eq!((fake.alive("context"), fake.alive("module"), fake.misuse()), (1, 1, None));
        fake.end_all();
    }
}

fn code(error: &GpuError) -> u32 {
    match error {
        GpuError::Driver { code, .. } => *code,
        _ => 0,
    }
}
