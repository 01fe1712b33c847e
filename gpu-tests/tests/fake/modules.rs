//! Texts that are no PTX, and kernels that are not there.

use perdix_host::cuda::{Gpu, GpuError};

use crate::driver::{Fake, ptx};
use crate::kernels::ENTRIES;

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

/// One that the driver loads at its first launch may wait for kernels that wait for the thread that launches.
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
