//! Launches onto several rings, inside one another, and into graphs.

use std::ptr::null_mut;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use perdix_host::cuda::{DeviceProducer, Gpu, GpuError, Kernels, Launch, sys};
use perdix_host::{Buffer, ConsumeError, Consumer};
use perdix_kernels::Ending;

use crate::driver::{Fake, ptx};
use crate::kernels::MIXED;
use crate::watchdog::watched;

const SHORT: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(2);

fn buffer(gpu: &Gpu) -> Buffer {
    Buffer::builder().slots(64).gpu(gpu).build().unwrap()
}

/// Five messages, and `last` says whether the stream ends with them.
fn five<'k>(launch: Launch<'k>, last: u64) -> Launch<'k> {
    launch.block(32).arg(MIXED).arg(0_u64).arg(5_u64).arg(last)
}

/// A kernel that forgets to finish, launched by hand into the default stream.
fn forgetful(kernels: &Kernels, producer: &DeviceProducer<'_>) -> Result<(), GpuError> {
    let launch = kernels.launch("stop_midway").unwrap().block(32).arg_unattached(producer.ring()).arg(MIXED);
    // SAFETY: the kernel's parameters; the default stream always lives.
    unsafe { launch.arg(0_u64).arg(5_u64).arg(Ending::Forgets as u64).start_on(null_mut()) }
}

fn expect_lost(consumer: &mut Consumer<'_>, first: u64, text: &str) {
    match consumer.next(PATIENCE) {
        Err(ConsumeError::ProducerLost { first_missing, why }) => {
            assert_eq!(first_missing, first);
            assert!(why.contains(text), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

fn expect_quiet(consumer: &mut Consumer<'_>) {
    let waited = consumer.next(SHORT).map(drop);
    assert!(matches!(waited, Err(ConsumeError::TimedOut { .. })), "{waited:?}");
}

/// A launch is attached to all rings that it is given, in whatever order, and to each once.
#[test]
#[ignore = "needs the fake driver"]
fn a_launch_is_attached_to_all_that_it_is_given() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    for turned in [false, true] {
        let (mut one, mut two) = (buffer(&gpu), buffer(&gpu));
        let (one, mut from_one) = one.split_gpu().unwrap();
        let (two, mut from_two) = two.split_gpu().unwrap();
        let launch = kernels.launch("continue_block").unwrap();
        let launch = if turned { launch.attach(&two).arg(&one) } else { launch.arg(&one).attach(&two) };
        let launch = five(launch.attach(&one), 1);
        let events = fake.alive("event");
        // SAFETY: the kernel's parameters.
        unsafe { launch.start() }.unwrap();
        assert_eq!(fake.alive("event") - events, 2);
        assert_eq!(from_one.for_each(|_| ()), Ok(5));
        expect_lost(&mut from_two, 0, "without finish");
    }
    drop((kernels, gpu));
    fake.assert_clean();
}

/// `start` needs a ring, whose stream it takes; `start_on` attaches to the rings that there are.
#[test]
#[ignore = "needs the fake driver"]
fn a_launch_without_a_ring_needs_a_stream() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut ring = buffer(&gpu);
    let (producer, mut consumer) = ring.split_gpu().unwrap();
    let launch = five(kernels.launch("continue_block").unwrap().arg_unattached(producer.ring()), 1);
    // SAFETY: the kernel's parameters.
    let error = unsafe { launch.start() }.unwrap_err();
    assert_eq!(error, GpuError::NoTarget);
    assert!(error.to_string().contains("start_on"), "{error}");
    let launch = five(kernels.launch("continue_block").unwrap().arg(&producer), 1);
    // SAFETY: the kernel's parameters; the default stream always lives.
    unsafe { launch.start_on(null_mut()) }.unwrap();
    assert_eq!(consumer.for_each(|_| ()), Ok(5));
    drop((producer, consumer));
    drop((ring, kernels, gpu));
    fake.assert_clean();
}

/// A launch onto a ring inside a launch onto the same ring.
#[test]
#[ignore = "needs the fake driver"]
fn launches_onto_one_ring_may_be_nested() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut ring = buffer(&gpu);
    let (producer, mut consumer) = ring.split_gpu().unwrap();
    watched(|| {
        let launch = five(kernels.launch("continue_block").unwrap().arg(&producer), 1);
        // SAFETY: the kernel's parameters.
        let inner = || unsafe { launch.start() };
        // SAFETY: the stream is the ring's own.
        unsafe { producer.launch_with(producer.raw_stream(), inner) }.unwrap();
    });
    assert_eq!(consumer.for_each(|_| ()), Ok(5));
    drop((producer, consumer));
    drop((ring, kernels, gpu));
    fake.assert_clean();
}

/// One thread launches onto A inside B, another onto B inside A.
#[test]
#[ignore = "needs the fake driver"]
fn launches_onto_two_rings_may_cross() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let (mut one, mut two) = (buffer(&gpu), buffer(&gpu));
    let (one, _from_one) = one.split_gpu().unwrap();
    let (two, _from_two) = two.split_gpu().unwrap();
    let both_inside = Barrier::new(2);
    let launch = |outer: &DeviceProducer<'_>, inner: &DeviceProducer<'_>| {
        let nested = || {
            both_inside.wait();
            // SAFETY: the default stream of the rings' context.
            unsafe { inner.launch_with(null_mut(), || Ok::<(), GpuError>(())) }
        };
        // SAFETY: as above.
        unsafe { outer.launch_with(null_mut(), nested) }.unwrap();
    };
    watched(|| {
        thread::scope(|scope| {
            scope.spawn(|| launch(&one, &two));
            scope.spawn(|| launch(&two, &one));
        });
    });
    drop((one, _from_one, two, _from_two, gpu));
    assert_eq!(fake.misuse(), None);
}

/// While a launch is under way nobody is told that the kernels have ended without `finish`, nested
/// launches included.
#[test]
#[ignore = "needs the fake driver"]
fn a_launch_under_way_is_not_judged() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut ring = buffer(&gpu);
    let (producer, mut consumer) = ring.split_gpu().unwrap();
    let launch = || {
        let inner = || forgetful(&kernels, &producer);
        // SAFETY: the default stream of the ring's context.
        unsafe { producer.launch_with(null_mut(), inner) }?;
        (0..5).for_each(|_| drop(consumer.try_consume().unwrap()));
        // The inner launch is attached; the outer one is not.
        expect_quiet(&mut consumer);
        Ok::<(), GpuError>(())
    };
    // SAFETY: as above.
    unsafe { producer.launch_with(null_mut(), launch) }.unwrap();
    expect_lost(&mut consumer, 5, "without finish");
    drop((producer, consumer));
    drop((ring, kernels, gpu));
    fake.assert_clean();
}

/// A closure panics after it has launched: the kernel is watched all the same.
#[test]
#[ignore = "needs the fake driver"]
fn a_launch_that_panics_is_watched() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut ring = buffer(&gpu);
    let (producer, consumer) = ring.split_gpu().unwrap();
    fake.events_answer(600);
    let launch = || -> Result<(), GpuError> {
        forgetful(&kernels, &producer)?;
        panic!("on purpose")
    };
    let launch = || {
        // SAFETY: the default stream of the ring's context.
        unsafe { producer.launch_with(null_mut(), launch) }
    };
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(launch)).unwrap_err();
    assert_eq!(producer.is_running(), Ok(true));
    fake.events_answer(0);
    drop((producer, consumer));
    drop((ring, kernels, gpu));
    fake.assert_clean();
}

/// What is captured into a graph does not run: attaching it is refused, and the launches of the
/// graph are attached instead.
#[test]
#[ignore = "needs the fake driver"]
fn a_captured_launch_is_refused() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut ring = buffer(&gpu);
    let (producer, mut consumer) = ring.split_gpu().unwrap();
    let stream = producer.raw_stream();
    fake.capture(stream, true);
    let launch = five(kernels.launch("continue_block").unwrap().arg(&producer), 1);
    // SAFETY: the kernel's parameters; the stream is alive.
    let started = unsafe { launch.start_on(stream) };
    let refused: [Result<(), GpuError>; 2] = [
        // SAFETY: the stream is alive and of the ring's context.
        unsafe { producer.launch_with(stream, || panic!("it was called")) },
        // SAFETY: as above.
        unsafe { producer.attach(stream) },
    ];
    for result in [&[started], &refused[..]].concat() {
        let error = result.unwrap_err();
        assert_eq!(error, GpuError::Capturing);
        assert!(error.to_string().contains("launch_with"), "{error}");
    }
    expect_quiet(&mut consumer);
    // The remedy: capture it unattached, and attach what launches the graph.
    let launch = five(kernels.launch("continue_block").unwrap().arg_unattached(producer.ring()), 0);
    // SAFETY: the kernel's parameters; the stream is alive.
    unsafe { launch.start_on(stream) }.unwrap();
    expect_quiet(&mut consumer);
    fake.capture(stream, false);
    // SAFETY: as above.
    unsafe { producer.launch_with(stream, || forgetful(&kernels, &producer)) }.unwrap();
    (0..5).for_each(|_| drop(consumer.try_consume().unwrap()));
    expect_lost(&mut consumer, 5, "without finish");
    drop((producer, consumer));
    drop((ring, kernels, gpu));
    fake.assert_clean();
}

/// A stream of another thread is being captured: that neither fails nor is disturbed while a
/// consumer waits for kernels, and while a ring is made, split and dropped.
#[test]
#[ignore = "needs the fake driver"]
fn captures_of_others_are_left_alone() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut ring = buffer(&gpu);
    let (others, _their_consumer) = ring.split_gpu().unwrap();
    fake.capture(others.raw_stream(), true);
    let mut ring = buffer(&gpu);
    let (producer, mut consumer) = ring.split_gpu().unwrap();
    // It pauses, so that a waiting consumer asks for its event, and reads its state.
    let launch = five(kernels.launch("continue_block").unwrap().arg(&producer), 0);
    // SAFETY: the kernel's parameters.
    unsafe { launch.start() }.unwrap();
    (0..5).for_each(|_| drop(consumer.try_consume().unwrap()));
    expect_quiet(&mut consumer);
    assert_eq!(producer.is_running(), Ok(false));
    drop(gpu.load(&ptx()).unwrap());
    drop((producer, consumer));
    drop(ring);
    assert_eq!(fake.misuse(), None);
    fake.capture(others.raw_stream(), false);
    // The thread is as it was.
    let mut mode = 0;
    // SAFETY: the pointer is valid for reading and writing.
    unsafe { sys::cuThreadExchangeStreamCaptureMode((&raw mut mode).cast()) };
    assert_eq!(mode, 0);
}
