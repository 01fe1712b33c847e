//! A buffer whose kernels may still run is not split, not freed, and says so.

use std::time::Duration;

use perdix_host::cuda::{Gpu, GpuError};
use perdix_host::{Buffer, ConsumeError, Consumer, MemoryKind, ProduceError, StillInUse};

use crate::driver::Fake;

const SHORT: Duration = Duration::from_millis(20);

/// A buffer on which a kernel was launched: the driver could not record the event behind it, if `unwatched`.
fn used(fake: &Fake, unwatched: bool) -> Buffer {
    let gpu = Gpu::open(0).unwrap();
    let mut buffer = Buffer::builder().slots(8).gpu(&gpu).build().unwrap();
    let (mut producer, consumer) = buffer.split_gpu().unwrap();
    producer.set_limit(Duration::ZERO);
    let _ = producer.ring();
    if unwatched {
        fake.fail("cuEventRecord", 1, 1, 999);
    }
    // SAFETY: the ring's own stream.
    let launched = unsafe { producer.launch_with(producer.raw_stream(), || Ok::<_, GpuError>(())) };
    assert_eq!(launched.is_err(), unwatched);
    drop((producer, consumer));
    buffer
}

/// Every way to split says that kernels may still run; the halves of those that cannot fail find nobody.
fn cannot_be_split(buffer: &mut Buffer) {
    let is_unknown = |why: &StillInUse| matches!(why, StillInUse::Unknown { .. });
    assert!(buffer.try_split_mut(SHORT).is_err_and(|why| is_unknown(&why)));
    for split in [
        |buffer: &mut Buffer| buffer.split_gpu().map(drop),
        |buffer: &mut Buffer| buffer.split_gpu_consumer().map(drop),
    ] {
        assert!(matches!(split(buffer), Err(GpuError::StillInUse(why)) if is_unknown(&why)));
    }
    let (mut producer, mut consumer) = buffer.split_mut();
    assert_eq!(producer.try_produce(b"x"), Err(ProduceError::ConsumerGone));
    assert_eq!(producer.produce(b"x"), Err(ProduceError::ConsumerGone));
    assert!(producer.status().is_err());
    drop(producer);
    assert!(matches!(consumer.consume(), Err(ConsumeError::ProducerLost { .. })));
    assert!(matches!(consumer.status(), Err(ConsumeError::ProducerLost { .. })));
    assert!(consumer.try_consume().is_none());
    drop(consumer);
    let (mut producer, mut consumer) = buffer.split_emulated();
    assert_eq!(producer.run(|_| true), Ok(()));
    assert!(matches!(consumer.consume(), Err(ConsumeError::ProducerLost { .. })));
}

/// A launch that no event watches is never known to have ended.
#[test]
#[ignore = "needs the fake driver"]
fn an_unwatched_launch_keeps_the_memory_through_a_split() {
    let fake = Fake::take();
    let mut buffer = used(&fake, true);
    cannot_be_split(&mut buffer);
    let error = buffer.close(SHORT).unwrap_err();
    assert!(matches!(error.why(), StillInUse::Unknown { .. }), "{error}");
    let error = error.retry(SHORT).unwrap_err();
    drop(error);
    assert_eq!((fake.alive("managed"), fake.alive("device"), fake.alive("context")), (1, 1, 1));
    assert_eq!(fake.misuse(), None);
}

/// A driver that does not answer may do so later.
#[test]
#[ignore = "needs the fake driver"]
fn a_driver_that_does_not_answer_is_asked_again() {
    let fake = Fake::take();
    let mut buffer = used(&fake, false);
    fake.events_answer(999);
    cannot_be_split(&mut buffer);
    assert_eq!(fake.alive("managed"), 1);
    fake.events_answer(0);
    let (mut producer, mut consumer) = buffer.try_split_mut(SHORT).unwrap();
    producer.produce(b"x").unwrap();
    assert_eq!(consumer.try_consume().as_deref(), Some(&b"x"[..]));
    drop((producer, consumer));
    assert!(buffer.close(SHORT).is_ok());
    fake.assert_clean();
}

/// Kernels that run on are waited for as long as was said, and no longer.
#[test]
#[ignore = "needs the fake driver"]
fn a_running_kernel_delays_a_split_and_a_close() {
    let fake = Fake::take();
    fake.events_answer(600);
    let mut buffer = used(&fake, false);
    let is_running = |why: &StillInUse| matches!(why, StillInUse::Running { waited } if *waited >= SHORT);
    assert!(buffer.try_split_mut(SHORT).is_err_and(|why| is_running(&why)));
    let error = buffer.close(SHORT).unwrap_err();
    assert!(is_running(error.why()), "{error}");
    let closing = std::thread::spawn(move || error.retry(Duration::from_secs(20)).is_ok());
    std::thread::sleep(SHORT);
    fake.events_answer(0);
    assert!(closing.join().unwrap());
    fake.assert_clean();
}

/// As a task, which is not kept waiting in a drop.
#[test]
#[ignore = "needs the fake driver"]
fn a_task_closes_a_buffer() {
    let fake = Fake::take();
    fake.events_answer(600);
    let buffer = used(&fake, false);
    let error = futures_executor::block_on(buffer.close_async(SHORT)).unwrap_err();
    assert!(matches!(error.why(), StillInUse::Running { .. }), "{error}");
    fake.events_answer(0);
    assert!(error.retry(SHORT).is_ok());

    fake.events_answer(600);
    let gpu = Gpu::open(0).unwrap();
    let (producer, consumer) = Buffer::builder().slots(8).gpu(&gpu).build().unwrap().into_gpu().unwrap();
    // SAFETY: the ring's own stream.
    unsafe { producer.launch_with(producer.raw_stream(), || Ok::<_, GpuError>(())) }.unwrap();
    drop((producer, gpu));
    let closing = std::thread::spawn(move || {
        futures_executor::block_on(consumer.close_async(Duration::from_secs(20))).is_ok()
    });
    std::thread::sleep(SHORT);
    fake.events_answer(0);
    assert!(closing.join().unwrap());
    fake.assert_clean();
}

/// Who produces decides how slots are handed back, not where the ring lies: between cores a ring is as fast in every
/// memory.
#[test]
#[ignore = "needs the fake driver"]
fn a_split_says_whether_a_core_produces() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    for kind in [MemoryKind::Heap, MemoryKind::Managed, MemoryKind::Pinned] {
        let build = || Buffer::builder().slots(8).gpu(&gpu).memory(kind).build().unwrap();
        let says = |consumer: &Consumer<'_>, is_core: bool| {
            let text = format!("{consumer:?}");
            assert!(text.contains(&format!("from_core: {is_core}")), "{kind:?}: {text}");
        };
        let mut buffer = build();
        for _ in 0..2 {
            if kind != MemoryKind::Heap {
                says(&buffer.split_gpu().unwrap().1, false);
            }
            says(&buffer.split_mut().1, true);
            says(&buffer.split_emulated().1, true);
        }
        says(&buffer.split().1, true);
        says(&build().into_emulated().1, true);
        if kind != MemoryKind::Heap {
            says(&build().into_gpu().unwrap().1, false);
        }
    }
    drop(gpu);
    fake.assert_clean();
}
