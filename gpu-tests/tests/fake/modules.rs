//! Texts that are no PTX, and kernels that are not there.

use perdix_host::Buffer;
use perdix_host::cuda::{Gpu, GpuError};

use crate::driver::{Fake, ptx};
use crate::kernels::{ENTRIES, MIXED};
use crate::watchdog::watched;

#[test]
#[ignore = "needs the fake driver"]
fn ptx_that_does_not_load_shows_the_log() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    for text in ["", "nonsense", ".version 6.3\nand no target"] {
        let error = gpu.load(text).unwrap_err();
        let GpuError::Ptx { source, log } = &error else { panic!("{error:?}") };
        assert!(matches!(**source, GpuError::Driver { call: "cuModuleLoadDataEx", code: 218, .. }));
        assert_eq!(log, "fake ptxas, line 1; fatal: no .version or .target");
        assert!(error.to_string().contains("fatal") && error.to_string().contains("INVALID_PTX (218)"));
    }
    assert_eq!(gpu.load("\0").unwrap_err(), GpuError::Nul);
    gpu.load(&ptx()).unwrap();
    drop(gpu);
    fake.assert_clean();
}

#[test]
#[ignore = "needs the fake driver"]
fn a_kernel_that_is_not_there_is_named() {
    let fake = Fake::take();
    let kernels = Gpu::open(0).unwrap().load(&ptx()).unwrap();
    let error = kernels.launch("nobody").unwrap_err();
    assert!(matches!(&error, GpuError::NoKernel { name, .. } if name == "nobody"), "{error:?}");
    assert!(error.to_string().contains("NOT_FOUND (500)"));
    assert_eq!(kernels.launch("no\0body").unwrap_err(), GpuError::Nul);
    let launch = kernels.launch("stop_midway").unwrap();
    drop(launch);
    drop(kernels);
    fake.assert_clean();
}

/// One that the driver loads at its first launch may wait for kernels that wait for the thread that
/// launches.
#[test]
#[ignore = "needs the fake driver"]
fn kernels_are_loaded_with_their_module() {
    let fake = Fake::take();
    let kernels = Gpu::open(0).unwrap().load(&ptx()).unwrap();
    let loaded = fake.calls().iter().filter(|call| call.contains("cuModuleGetFunction")).count();
    assert_eq!(loaded, ENTRIES.len());
    drop(kernels);
    fake.assert_clean();
}

/// Kernels are dropped while one of them runs: nothing waits for it, and its code stays until its
/// session is over.
#[test]
#[ignore = "needs the fake driver"]
fn code_stays_while_it_runs() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    fake.events_answer(600);
    for (first, last) in [(0_u64, 0_u64), (5, 1)] {
        let kernels = gpu.load(&ptx()).unwrap();
        for _ in 0..2 {
            // A launch that is not started changes nothing.
            drop(kernels.launch("continue_block").unwrap().arg(&producer));
        }
        let launch = kernels.launch("continue_block").unwrap().block(32).arg(&producer).arg(MIXED);
        // SAFETY: the kernel's parameters.
        unsafe { launch.arg(first).arg(5_u64).arg(last).start() }.unwrap();
        watched(|| drop(kernels));
    }
    assert_eq!((fake.alive("module"), fake.misuse()), (2, None));
    assert_eq!(consumer.for_each(|_| ()), Ok(10));
    fake.events_answer(0);
    drop((producer, consumer));
    // The session ends with the next split at the latest.
    drop(buffer.split_mut());
    assert_eq!((fake.alive("module"), fake.misuse()), (0, None));
    drop((buffer, gpu));
    fake.assert_clean();
}

/// Kernels that were compiled for another layout version are refused before the driver sees them.
#[test]
#[ignore = "needs the fake driver"]
fn kernels_of_another_layout_version_are_refused() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let module = |version: u32| {
        let marker = format!("\u{1}perdix-layout {version:010}\u{4}");
        let bytes: Vec<String> = marker.bytes().map(|byte| byte.to_string()).collect();
        format!("{}.global .align 1 .b8 LAYOUT[{}] = {{{}}};\n", ptx(), bytes.len(), bytes.join(", "))
    };
    let error = gpu.load(&module(1_000_000)).unwrap_err();
    let GpuError::LayoutVersion { found: 1_000_000, expected } = error else { panic!("{error:?}") };
    drop(gpu.load(&module(expected)).unwrap());
    let text = error.to_string();
    assert!(text.contains("layout version") && text.contains("recompile"), "{text}");
    drop(gpu);
    fake.assert_clean();
}

/// A module that was made for another layout version is refused before the driver sees it.
#[test]
#[ignore = "needs the fake driver"]
fn a_module_of_another_layout_version_is_refused_by_name() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let module = |version: u32| {
        let marker = format!("\u{1}perdix-layout {version:010}\u{4}");
        let bytes: Vec<String> = marker.bytes().map(|byte| byte.to_string()).collect();
        format!("{}\n.global .align 1 .b8 LAYOUT[{}] = {{{}}};\n", ptx(), bytes.len(), bytes.join(", "))
    };
    let before = fake.calls().len();
    let error = gpu.load(&module(4_000_000_000)).unwrap_err();
    let GpuError::LayoutVersion { found: 4_000_000_000, expected } = error else { panic!("{error:?}") };
    let text = error.to_string();
    assert!(text.contains("version 4000000000") && text.contains("recompile the kernels"), "{text}");
    assert_eq!(fake.calls().len(), before);
    gpu.load(&module(expected)).unwrap();
    drop(gpu);
    fake.assert_clean();
}
