//! What is in one stream does not hold up another.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use perdix_host::cuda::{DeviceBytes, Gpu, sys};
use perdix_host::{Buffer, Shards};

use crate::driver::{Fake, ptx};
use crate::kernels::MIXED;
use crate::watchdog::watched;

/// A kernel in the default stream waits for this thread, which needs copies to and from the device
/// meanwhile.
#[test]
#[ignore = "needs the fake driver"]
fn copies_do_not_wait_for_kernels_in_the_default_stream() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    let kernels = gpu.load(&ptx()).unwrap();
    let mut buffer = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
    let mut other = Buffer::builder().slots(64).gpu(&gpu).build().unwrap();
    let mut shards = Shards::builder(2).ring(Buffer::builder().slots(64).gpu(&gpu)).build().unwrap();
    let (producer, consumer) = buffer.split_gpu().unwrap();

    fake.events_answer(600);
    let launch = kernels.launch("continue_block").unwrap().block(32).arg(&producer).arg(MIXED);
    // SAFETY: the kernel's parameters; the default stream always lives.
    unsafe { launch.arg(0_u64).arg(5_u64).arg(1_u64).start_on(std::ptr::null_mut()) }.unwrap();
    // The fake driver is like the real one: whoever waits for the default stream waits for its
    // kernel.
    let (done, is_done) = mpsc::channel();
    let waiting = thread::spawn({
        let gpu = gpu.clone();
        move || {
            let _current = gpu.enter().unwrap();
            // SAFETY: the default stream always lives.
            let result = unsafe { sys::cuStreamSynchronize(std::ptr::null_mut()) };
            done.send(result).unwrap();
        }
    });
    assert_eq!(is_done.recv_timeout(Duration::from_millis(50)), Err(mpsc::RecvTimeoutError::Timeout));

    watched(|| {
        drop(other.split_gpu().unwrap());
        let (mut device, _consumers) = shards.split_gpu().unwrap();
        device.set_limit(Duration::from_millis(500)).unwrap();
        let memory = DeviceBytes::new(&gpu, b"there and back").unwrap();
        let mut back = [0; 14];
        memory.read(&mut back).unwrap();
        assert_eq!(&back, b"there and back");
        // Freeing would wait for the kernel, as the driver's own.
        std::mem::forget((memory, device));
    });

    fake.events_answer(0);
    assert_eq!(is_done.recv(), Ok(sys::CUresult::CUDA_SUCCESS));
    waiting.join().unwrap();
    drop((producer, consumer));
}

/// The stream for copies is made once, and goes with the device.
#[test]
#[ignore = "needs the fake driver"]
fn copies_share_a_stream() {
    let fake = Fake::take();
    let gpu = Gpu::open(0).unwrap();
    assert_eq!(fake.alive("stream"), 0);
    let memory: Vec<DeviceBytes> = (0..3).map(|byte| DeviceBytes::new(&gpu, &[byte]).unwrap()).collect();
    drop(gpu);
    assert_eq!(fake.alive("stream"), 1);
    drop(memory);
    fake.assert_clean();
}
