//! With cudarc.

use std::error::Error;

use cudarc::driver::{CudaContext, DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg};
use cudarc::nvrtc::Ptx;
use perdix_host::Buffer;
use perdix_host::cuda::{DeviceRing, Gpu};
use tour::Outcome;
use tour_kernels::Span;

use crate::BLOCKS;

/// A kernel parameter, for cudarc.
#[repr(transparent)]
struct Parameter<T>(T);

// SAFETY: `#[repr(C)]`, of addresses and numbers, and a kernel's parameter as it is.
unsafe impl DeviceRepr for Parameter<DeviceRing> {}
// SAFETY: as above.
unsafe impl DeviceRepr for Parameter<Span<i32>> {}

/// Runs the kernel on the first GPU and hands its messages on.
pub(crate) fn energy(values: &[i32], mut each: impl FnMut(&[u8])) -> Outcome {
    Gpu::count()?; // says "no CUDA device" where cudarc would panic for want of a driver
    let context = CudaContext::new(0)?;
    let stream = context.new_stream()?;
    let kernel = context.load_module(Ptx::from_src(tour::PTX))?.load_function("energy")?;
    let values = stream.clone_htod(values)?;

    // SAFETY: the context outlives the ring: it is dropped last.
    let gpu = unsafe { Gpu::from_context(context.cu_ctx().cast()) }?;
    let buffer = Buffer::builder().slots(256).gpu(&gpu).build()?;
    let (producer, mut consumer) = buffer.into_gpu()?;
    let ring = Parameter(producer.ring());
    let (address, _guard) = values.device_ptr(&stream);
    let span = Parameter(Span::<i32>::new(address as *const i32, values.len() as u64));
    let config = LaunchConfig { grid_dim: (BLOCKS, 1, 1), block_dim: (32, 1, 1), shared_mem_bytes: 0 };
    let launch = || -> Result<(), Box<dyn Error>> {
        let mut launch = stream.launch_builder(&kernel);
        launch.arg(&ring).arg(&span);
        // SAFETY: the arguments are the kernel's, what they point to outlives it, and nothing else is launched on this ring.
        unsafe { launch.launch(config) }?;
        Ok(())
    };
    // SAFETY: the stream is alive and of this context, and nothing but this launch goes to it.
    unsafe { producer.launch_with(stream.cu_stream().cast(), launch) }?;
    consumer.for_each(|message| each(&message))?;
    producer.wait(std::time::Duration::from_secs(10))?;
    Ok(())
}
