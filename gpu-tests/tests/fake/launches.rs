//! Launches that do not take place, or of which nobody knows how they end.

use std::time::Duration;

use perdix_host::cuda::{DeviceProducer, Gpu, GpuError, Kernels};
use perdix_host::{Buffer, ConsumeError, Consumer};
use perdix_kernels::Ending;

use crate::driver::{Fake, ptx};
use crate::kernels::MIXED;

const SHORT: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(2);

/// Has a kernel send five messages; it ends the stream if `last` is 1.
fn send(kernels: &Kernels, producer: &DeviceProducer<'_>, first: u64, last: u64) -> Result<(), GpuError> {
    let launch = kernels.launch("continue_block").unwrap().block(32).arg(producer).arg(MIXED);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(first).arg(5_u64).arg(last).start() }
}

fn check(consumer: &mut Consumer<'_>, first: u64) {
    for id in first..first + 5 {
        let message = consumer.try_consume().unwrap();
        assert!(MIXED.matches(id, message.kind(), &message), "{id}");
    }
}

/// Everything that can fail before a launch, and the launch itself: a paused stream stays paused.
#[test]
#[ignore = "needs the fake driver"]
fn a_failed_launch_leaves_a_paused_stream_open() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    for call in ["cuEventCreate", "cuLaunchKernel"] {
        let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        send(&kernels, &producer, 0, 0).unwrap();
        check(&mut consumer, 0);
        for _ in 0..2 {
            fake.fail(call, 1, 1, 999);
            let error = send(&kernels, &producer, 0, 0).unwrap_err();
            assert!(matches!(error, GpuError::Driver { code: 999, .. }), "{call}: {error:?}");
            assert!(consumer.try_consume().is_none(), "{call}: the kernel ran");
            let waited = consumer.next(SHORT).map(drop);
            assert!(matches!(waited, Err(ConsumeError::TimedOut { .. })), "{call}: {waited:?}");
        }
        send(&kernels, &producer, 5, 1).unwrap();
        check(&mut consumer, 5);
        assert_eq!(consumer.next(PATIENCE).map(drop), Err(ConsumeError::EndOfStream));
    }
    drop((kernels, gpu));
    fake.assert_clean();
}

/// A kernel forgets to finish behind one that paused, and the second was launched while the first still ran.
#[test]
#[ignore = "needs the fake driver"]
fn a_pause_says_nothing_of_the_kernel_behind() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    fake.events_answer(600);
    send(&kernels, &producer, 0, 0).unwrap();
    let launch = kernels.launch("stop_midway").unwrap().block(32).arg(&producer).arg(MIXED);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(5_u64).arg(5_u64).arg(Ending::Forgets as u64).start() }.unwrap();
    check(&mut consumer, 0);
    check(&mut consumer, 5);
    let waited = consumer.next(SHORT).map(drop);
    assert!(matches!(waited, Err(ConsumeError::TimedOut { .. })), "{waited:?}");
    fake.events_answer(0);
    match consumer.next(PATIENCE) {
        Err(ConsumeError::ProducerLost { first_missing: 10, why }) => {
            assert!(why.contains("without finish"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    drop((producer, consumer));
    drop((buffer, kernels, gpu));
    fake.assert_clean();
}

/// Kernels launched by other means: one that pauses and one that goes on, a refused launch between them.
#[test]
#[ignore = "needs the fake driver"]
fn launches_by_other_means_may_pause_too() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let null = std::ptr::null_mut();
    let launch = |first: u64, last: u64| {
        let launch =
            kernels.launch("continue_block").unwrap().block(32).arg_unattached(producer.ring()).arg(MIXED);
        // SAFETY: the kernel's parameters; the default stream always lives.
        let start = || unsafe { launch.arg(first).arg(5_u64).arg(last).start_on(null) };
        // SAFETY: the default stream of the ring's context.
        unsafe { producer.launch_with(null, start) }
    };
    launch(0, 0).unwrap();
    check(&mut consumer, 0);
    fake.fail("cuLaunchKernel", 1, 1, 999);
    let error = launch(5, 0).unwrap_err();
    assert!(matches!(error, GpuError::Driver { call: "cuLaunchKernel", code: 999, .. }), "{error:?}");
    let waited = consumer.next(SHORT).map(drop);
    assert!(matches!(waited, Err(ConsumeError::TimedOut { .. })), "{waited:?}");
    launch(5, 1).unwrap();
    check(&mut consumer, 5);
    assert_eq!(consumer.next(PATIENCE).map(drop), Err(ConsumeError::EndOfStream));
    drop((producer, consumer));
    drop((buffer, kernels, gpu));
    fake.assert_clean();
}

/// The first launch of all fails: it may be tried again, and the consumer waits for it.
#[test]
#[ignore = "needs the fake driver"]
fn a_failed_first_launch_can_be_repeated() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels.launch("continue_block").unwrap().block(5000).arg(&producer).arg(MIXED);
    // SAFETY: the kernel's parameters; the driver refuses so many threads.
    let error = unsafe { launch.arg(0_u64).arg(5_u64).arg(1_u64).start() }.unwrap_err();
    assert!(matches!(error, GpuError::Driver { call: "cuLaunchKernel", code: 1, .. }), "{error:?}");
    assert!(matches!(consumer.next(SHORT), Err(ConsumeError::TimedOut { .. })));
    send(&kernels, &producer, 0, 1).unwrap();
    check(&mut consumer, 0);
    drop((producer, consumer));
    drop((buffer, kernels, gpu));
    fake.assert_clean();
}

/// A kernel was launched and cannot be watched: the caller is told, the consumer does not wait for ever, nothing is freed.
#[test]
#[ignore = "needs the fake driver"]
fn a_launch_that_cannot_be_watched_keeps_the_memory() {
    let fake = Fake::take();
    for foreign in [false, true] {
        let gpu = Gpu::open(0).unwrap();
        let kernels = gpu.load(&ptx()).unwrap();
        let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        fake.fail("cuEventRecord", 1, 1, 999);
        let error = if foreign {
            let null = std::ptr::null_mut();
            let launch = kernels
                .launch("continue_block")
                .unwrap()
                .block(32)
                .arg_unattached(producer.ring())
                .arg(MIXED);
            // SAFETY: the kernel's parameters; the default stream always lives.
            unsafe { launch.arg(0_u64).arg(5_u64).arg(0_u64).start_on(null) }.unwrap();
            // SAFETY: the default stream of the ring's context.
            unsafe { producer.attach(null) }.unwrap_err()
        } else {
            send(&kernels, &producer, 0, 0).unwrap_err()
        };
        assert!(matches!(error, GpuError::Driver { call: "cuEventRecord", code: 999, .. }), "{error:?}");
        check(&mut consumer, 0);
        match consumer.next(PATIENCE) {
            Err(ConsumeError::ProducerLost { first_missing: 5, why }) => {
                assert!(why.contains("could not be attached"), "{why}");
            }
            other => panic!("{other:?}"),
        }
        // Nobody says that it has ended.
        assert_eq!(producer.wait(PATIENCE), Err(GpuError::Unwatched));
        assert_eq!(producer.is_running(), Err(GpuError::Unwatched));
        drop((producer, consumer));
        drop((buffer, kernels, gpu));
        assert_eq!((fake.alive("managed"), fake.alive("device"), fake.alive("context")), (1, 1, 1));
        assert_eq!(fake.misuse(), None);
        fake.end_all();
    }
}
