//! Finding a device, and not.

use perdix_host::cuda::{Gpu, GpuError};
use perdix_host::{Buffer, CreateError, MemoryKind};

use crate::driver::Fake;

#[test]
#[ignore = "needs the fake driver"]
fn the_driver_does_not_start() {
    let fake = Fake::take();
    // Not initialised, a stub, a system that is not ready, drivers that do not match, no compatibility, a number of the future.
    for code in [3, 34, 802, 803, 804, 999, 4242] {
        fake.fail("cuInit", 1, 2, code);
        let error = Gpu::open(0).unwrap_err();
        let GpuError::Driver { call: "cuInit", code: found, .. } = error else { panic!("{error:?}") };
        assert_eq!(found, code);
        // A machine whose driver is broken has no heap ring in silence.
        assert_eq!(Buffer::new(8).unwrap_err(), CreateError::Gpu(error));
        Buffer::builder().slots(8).memory(MemoryKind::Heap).build().unwrap();
        Gpu::open(0).unwrap();
    }
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn there_is_no_device() {
    let fake = Fake::take();
    for call in ["cuInit", "cuDeviceGetCount"] {
        fake.fail(call, 1, 3, 100);
        assert_eq!(Gpu::count(), Err(GpuError::NoDevice));
        let buffer = Buffer::new(8).unwrap();
        assert_eq!(
            (buffer.memory(), buffer.memory_reason()),
            (MemoryKind::Heap, "no CUDA device: CPU to CPU")
        );
        let asked = Buffer::builder().slots(8).memory(MemoryKind::Pinned).build().unwrap_err();
        assert_eq!(asked, CreateError::Gpu(GpuError::NoDevice));
    }
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn there_is_another_device_only() {
    let fake = Fake::take();
    for ordinal in [1, 1000, usize::MAX] {
        let error = Gpu::open(ordinal).unwrap_err();
        assert_eq!(error, GpuError::NoSuchDevice { ordinal, count: 1 });
        assert_eq!(error.to_string(), format!("no CUDA device {ordinal}; there are 1"));
    }
    assert!(Gpu::open(0).unwrap().name().unwrap().contains("fake"));
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn memory_is_chosen_by_what_the_device_can() {
    let fake = Fake::take();
    for (has, kind) in [(true, MemoryKind::Managed), (false, MemoryKind::Pinned)] {
        fake.has_concurrent_managed_access(has);
        assert_eq!(Buffer::new(8).unwrap().memory(), kind);
    }
    // A device that does not say what it can is none to choose for.
    fake.fail("cuDeviceGetAttribute", 1, 1, 1);
    let error = Buffer::new(8).unwrap_err();
    assert!(matches!(
        error,
        CreateError::Gpu(GpuError::Driver { call: "cuDeviceGetAttribute", code: 1, .. })
    ));
    fake.assert_clean();
}
