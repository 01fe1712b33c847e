//! Reads what a CUDA C++ kernel sends while it runs.
//!
//! ```console
//! nvcc -std=c++17 -ptx -arch compute_75 -I ../../include producer.cu -o producer.ptx
//! cargo run --release -- producer.ptx
//! ```

use std::error::Error;

use perdix_host::Buffer;
use perdix_host::cuda::Gpu;

const COUNT: u64 = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let path =
        std::env::args().nth(1).ok_or("usage: cpp-producer PTX_FILE, as nvcc makes it of producer.cu")?;
    let gpu = Gpu::open(0)?;
    let kernels = gpu.load(&std::fs::read_to_string(path)?)?;
    let mut buffer = Buffer::builder().slots(256).gpu(&gpu).build()?;
    let (producer, mut consumer) = buffer.split_gpu()?;
    let launch = kernels.launch("squares")?.block(32).arg(&producer).arg(COUNT);
    // SAFETY: the arguments are those of `squares`, which is one warp and uses this ring alone.
    unsafe { launch.start() }?;

    let mut next = 0_u64;
    let received = consumer.for_each(|message| {
        let words: Vec<u64> =
            message.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect();
        assert_eq!(words, [next, next * next]);
        next += 1;
    })?;
    println!("{received} messages, the last of them {}", (COUNT - 1) * (COUNT - 1));
    Ok(())
}
