//! The first message out of a kernel.

use std::process::ExitCode;

use tour::{Outcome, Stage, start, wrong};

fn main() -> ExitCode {
    tour::exit(hello())
}

fn hello() -> Outcome {
    let stage = Stage::open()?;
    let (producer, mut consumer) = stage.ring(4096)?;
    let kernel = start!(stage, producer, hello[1, 1]());
    let message = consumer.consume()?;
    println!("Received: {message:?}");
    if &*message != b"Hello from GPU!" {
        return Err(wrong("that is not what the kernel sends"));
    }
    drop(message);
    kernel.wait()
}
