//! No memory of each kind.

use perdix_host::cuda::{DeviceBytes, Gpu, GpuError, Mapped};
use perdix_host::{Buffer, CreateError, MemoryKind, Shards};

use crate::driver::{Fake, MEMORY};

#[test]
#[ignore = "needs the fake driver"]
fn there_is_no_memory_for_a_ring() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let bytes = 1024 + 64 * 256;
    for (kind, call) in [(MemoryKind::Managed, "cuMemAllocManaged"), (MemoryKind::Pinned, "cuMemHostAlloc")] {
        let builder = Buffer::builder().slots(64).memory(kind).gpu(&gpu);
        fake.limit_memory(bytes - 1);
        let error = builder.clone().build().unwrap_err();
        assert_eq!(error, CreateError::Gpu(GpuError::OutOfMemory { call, bytes }));
        let text = error.to_string();
        assert!(
            text.contains(call) && text.contains("17408 bytes") && text.contains("fewer slots"),
            "{text}"
        );
        let set = Shards::builder(3).ring(builder.clone());
        fake.limit_memory(bytes);
        fake.fail(call, 3, 1, 2);
        assert_eq!(set.clone().build().unwrap_err(), error);
        set.build().unwrap();
        assert!(MEMORY.iter().all(|kind| fake.alive(kind) == 0));
    }
    drop(gpu);
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn there_is_no_memory_of_the_device() {
    let fake = Fake::take();
    let mut buffer = Buffer::builder().slots(64).build().unwrap();
    let (mut producer, _consumer) = buffer.split_mut();
    producer.try_produce(b"left over").unwrap();
    drop(producer);
    drop(_consumer);
    fake.limit_memory(100);
    let error = buffer.split_gpu().unwrap_err();
    assert_eq!(error, GpuError::OutOfMemory { call: "cuMemAlloc", bytes: 128 });
    fake.limit_memory(1000);
    // What was in the ring is still there.
    let (_producer, mut consumer) = buffer.split_gpu().unwrap();
    assert_eq!(consumer.try_consume().as_deref(), Some(&b"left over"[..]));
    drop((_producer, consumer));
    drop(buffer);
    fake.assert_clean();
}

/// Managed memory that CPU and GPU may not use at the same time is refused when it is asked for, with the remedy.
#[test]
#[ignore = "needs the fake driver"]
fn managed_memory_needs_concurrent_access() {
    let fake = Fake::take();
    fake.has_concurrent_managed_access(false);
    let gpu = Gpu::open(0).unwrap();
    let builder = Buffer::builder().slots(64).gpu(&gpu);
    let error = builder.clone().memory(MemoryKind::Managed).build().unwrap_err();
    let device = "Perdix fake device (no GPU)".into();
    assert_eq!(error, CreateError::Gpu(GpuError::NoConcurrentManagedAccess { device }));
    let text = error.to_string();
    assert!(text.contains("concurrentManagedAccess") && text.contains("MemoryKind::Pinned"), "{text}");
    assert!(MEMORY.iter().all(|kind| fake.alive(kind) == 0));
    assert_eq!(builder.memory(MemoryKind::Pinned).build().unwrap().memory(), MemoryKind::Pinned);
    drop(gpu);
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn what_cannot_be_completed_is_given_back() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    for (kind, call, calls) in
        [(MemoryKind::Managed, "cuMemAdvise", 2), (MemoryKind::Pinned, "cuMemHostGetDevicePointer_v2", 1)]
    {
        for first in 1..=calls {
            fake.fail(call, first, 1, 801);
            let error = Mapped::new(&gpu, kind, 1000).unwrap_err();
            assert!(matches!(error, GpuError::Driver { code: 801, .. }), "{error:?}");
            assert!(MEMORY.iter().all(|kind| fake.alive(kind) == 0));
        }
    }
    for call in ["cuStreamCreate", "cuMemcpyHtoDAsync_v2", "cuStreamSynchronize"] {
        fake.fail(call, 1, 1, 999);
        assert!(matches!(DeviceBytes::new(&gpu, &[1; 100]), Err(GpuError::Driver { code: 999, .. })));
        assert_eq!(fake.alive("device"), 0);
    }
    drop(gpu);
    fake.assert_clean();
}

/// The driver may return from a copy to the device before it is there, and a kernel in another stream does not wait for it.
#[test]
#[ignore = "needs the fake driver"]
fn copies_to_the_device_are_complete_when_the_call_returns() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let bytes: Vec<u8> = (0..100).collect();
    let memory = DeviceBytes::new(&gpu, &bytes).unwrap();
    memory.write_at(50, &[7; 1000]).unwrap();
    // SAFETY: the fake device's memory is the host's, and nobody writes it now.
    let there = unsafe { std::slice::from_raw_parts(memory.device_ptr() as *const u8, 100) };
    assert_eq!((&there[..50], &there[50..]), (&bytes[..50], &[7_u8; 50][..]));
    drop((memory, gpu));
    fake.assert_clean();
}
