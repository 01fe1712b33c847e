//! Runs the kernel, wherever it can run, and hands on its messages.

#[cfg(not(feature = "cuda"))]
pub(crate) use emulated::{END, MOST, twin_primes};
#[cfg(feature = "cuda")]
pub(crate) use gpu::{END, MOST, twin_primes};

#[cfg(feature = "cuda")]
mod gpu {
    use std::error::Error;

    use perdix_host::Buffer;
    use perdix_host::cuda::Gpu;

    /// Up to where to look unless told.
    pub(crate) const END: u64 = 20_000_000;
    /// The sieve takes a byte for each number.
    pub(crate) const MOST: u64 = 1_000_000_000;

    /// On a GPU: messages arrive while the kernel runs.
    pub(crate) fn twin_primes(end: u64, mut each: impl FnMut(&[u8])) -> Result<(), Box<dyn Error>> {
        let gpu = Gpu::open(0)?;
        println!("looking on {}", gpu.name()?);
        let kernels = gpu.load(crate::PTX)?;
        let mut buffer = Buffer::builder().slots(4096).gpu(&gpu).build()?;
        let (producer, mut consumer) = buffer.split_gpu()?;
        let launch = kernels.launch("twin_primes")?.grid(64).block(128).arg(&producer).arg(end);
        // SAFETY: the arguments are the kernel's, and blocks of whole warps have this ring to themselves.
        unsafe { launch.start() }?;
        // Ends with the stream, or with an error if the kernel ends without ending it.
        consumer.for_each(|message| each(&message))?;
        Ok(())
    }
}

#[cfg(not(feature = "cuda"))]
mod emulated {
    use std::error::Error;

    use perdix_gpu::Mode;
    use perdix_gpu::emulation::{EmulatedRing, launch};
    use twin_primes::WINDOW;

    /// Up to where to look unless told: lanes that are threads are slow.
    pub(crate) const END: u64 = 20_000;
    /// More would take minutes.
    pub(crate) const MOST: u64 = 1_000_000;

    /// On emulated lanes. Their ring is for trying kernels out: it holds all messages until the launch has ended.
    pub(crate) fn twin_primes(end: u64, mut each: impl FnMut(&[u8])) -> Result<(), Box<dyn Error>> {
        let mut ring = EmulatedRing::new(end.div_ceil(WINDOW).next_power_of_two(), Mode::Fenced);
        let handle = ring.handle();
        println!("looking on emulated lanes; a GPU needs --features cuda");
        // SAFETY: blocks of whole warps have this ring to themselves, and it outlives the launch.
        if !launch(2, 32, || unsafe { twin_primes::twin_primes(handle, end) }) {
            return Err("a lane faulted".into());
        }
        ring.received().iter().for_each(|(_, message)| each(message));
        Ok(())
    }
}
