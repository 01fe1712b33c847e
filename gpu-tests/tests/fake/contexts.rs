//! Contexts that are popped, covered by others, or destroyed.

use std::ptr::null_mut;
use std::time::Duration;

use perdix_host::cuda::{DeviceBytes, Gpu, GpuError, Mapped, sys};
use perdix_host::{Buffer, ConsumeError, MemoryKind};

use crate::driver::{Fake, ptx};
use crate::kernels::MIXED;

fn current() -> sys::CUcontext {
    let mut context = null_mut();
    // SAFETY: the pointer is valid for writing.
    unsafe { sys::cuCtxGetCurrent(&mut context) };
    context
}

fn pop() -> sys::CUcontext {
    let mut context = null_mut();
    // SAFETY: the pointer is valid for writing.
    unsafe { sys::cuCtxPopCurrent_v2(&mut context) };
    context
}

/// A context of the user's, current on this thread.
fn own_context() -> sys::CUcontext {
    // Starts the driver.
    Gpu::count().unwrap();
    let mut context = null_mut();
    // SAFETY: the pointer is valid for writing.
    let result = unsafe { sys::cuCtxCreate_v2(&mut context, 0, 0) };
    assert_eq!(result, sys::CUresult::CUDA_SUCCESS);
    context
}

fn destroy(context: sys::CUcontext) {
    // SAFETY: created by `own_context`; the fake driver knows dead contexts from living ones.
    let result = unsafe { sys::cuCtxDestroy_v2(context) };
    assert_eq!(result, sys::CUresult::CUDA_SUCCESS);
}

/// A ring from its making to its end, with a kernel.
fn use_ring(gpu: &Gpu) {
    let kernels = gpu.load(&ptx()).unwrap();
    let mut buffer = Buffer::builder().slots(64).gpu(gpu).build().unwrap();
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels.launch("continue_block").unwrap().block(32).arg(&producer).arg(MIXED);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(0_u64).arg(5_u64).arg(1_u64).start() }.unwrap();
    assert_eq!(consumer.for_each(|_| ()), Ok(5));
}

#[test]
#[ignore = "needs the fake driver"]
fn the_callers_context_stays_current() {
    let fake = Fake::take();
    assert!(current().is_null());
    use_ring(&Gpu::open(0).unwrap());
    assert!(current().is_null(), "a context was left current");
    let own = own_context();
    let gpu = Gpu::open(0).unwrap();
    assert_eq!(current(), own, "opening a device took the caller's context away");
    use_ring(&gpu);
    assert_eq!(current(), own);
    drop(gpu);
    destroy(own);
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn the_context_is_popped_while_it_is_entered() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let guard = gpu.enter().unwrap();
    assert_eq!(pop(), gpu.raw_context());
    use_ring(&gpu);
    drop(guard);
    assert!(current().is_null());

    let own = own_context();
    let guard = gpu.enter().unwrap();
    pop();
    drop(guard);
    assert_eq!(current(), own, "the guard took a context that is not its own");
    destroy(own);
    drop(gpu);
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn halves_and_memory_are_dropped_in_threads_without_a_context() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let (producer, consumer) = Buffer::builder().slots(64).gpu(&gpu).build().unwrap().into_gpu().unwrap();
    let bytes = DeviceBytes::new(&gpu, &[1]).unwrap();
    drop(gpu);
    for part in [Box::new(producer) as Box<dyn Send>, Box::new(consumer), Box::new(kernels), Box::new(bytes)]
    {
        std::thread::spawn(move || drop(part)).join().unwrap();
    }
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn a_kernel_of_another_context_is_refused() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let own = own_context();
    {
        // SAFETY: the context lives until the end of this test.
        let other = unsafe { Gpu::from_context(own) }.unwrap();
        let (strangers, kernels) = (other.load(&ptx()).unwrap(), gpu.load(&ptx()).unwrap());
        let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        for (kernels, expected) in [(&strangers, Err(GpuError::OtherContext)), (&kernels, Ok(()))] {
            let launch = kernels.launch("continue_block").unwrap().block(32).arg(&producer).arg(MIXED);
            // SAFETY: the kernel's parameters.
            let result = unsafe { launch.arg(0_u64).arg(5_u64).arg(1_u64).start() };
            assert_eq!(result, expected);
        }
        assert_eq!(consumer.for_each(|_| ()), Ok(5));
        use_ring(&other);
    }
    destroy(own);
    drop(gpu);
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn no_context_is_no_device() {
    let fake = Fake::take();
    let own = own_context();
    destroy(own);
    for none in [null_mut(), own] {
        // SAFETY: nothing is made with it.
        let error = unsafe { Gpu::from_context(none) }.unwrap_err();
        assert!(matches!(error, GpuError::Driver { call: "cuCtxPushCurrent", code: 201, .. }), "{error:?}");
    }
    fake.assert_clean();
}

/// The user breaks the contract of `from_context`; as long as the memory is there, all ends well.
#[test]
#[ignore = "needs the fake driver"]
fn a_context_is_destroyed_under_a_ring() {
    let fake = Fake::take();
    let own = own_context();
    // SAFETY: the context's end is the test; the fake driver keeps its memory.
    let gpu = unsafe { Gpu::from_context(own) }.unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let memory = Mapped::new(&gpu, MemoryKind::Pinned, 100).unwrap();
    let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels.launch("continue_block").unwrap().block(32).arg(&producer).arg(MIXED);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(0_u64).arg(5_u64).arg(0_u64).start() }.unwrap();
    destroy(own);
    for id in 0..5 {
        let message = consumer.try_consume().unwrap();
        assert!(MIXED.matches(id, message.kind(), &message));
    }
    let Err(ConsumeError::ProducerLost { first_missing: 5, why }) = consumer.next(Duration::from_secs(2))
    else {
        panic!("it is not noticed")
    };
    assert!(why.contains("cuCtxPushCurrent") && why.contains("(201)"), "{why}");
    assert!(kernels.launch("continue_block").is_err());
    assert!(producer.is_running().is_err());
    assert_eq!(producer.wait(Duration::from_secs(2)), Ok(()), "its kernels have ended with it");
    drop((producer, consumer));
    assert!(buffer.split_gpu().is_err());
    drop((buffer, kernels, memory, gpu));
    assert_eq!(fake.misuse(), None);
    assert_eq!(fake.all_alive(), 0);
    use_ring(&Gpu::open(0).unwrap());
}
