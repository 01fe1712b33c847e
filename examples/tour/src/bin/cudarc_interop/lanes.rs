//! Without a GPU, cudarc has nothing to do: the same kernel on emulated lanes.

use tour::{Outcome, Stage, start};

use crate::BLOCKS;

/// Runs the kernel and hands its messages on.
pub(crate) fn energy(values: &[i32], mut each: impl FnMut(&[u8])) -> Outcome {
    let stage = Stage::open()?;
    let values = stage.upload(values)?;
    let (producer, mut consumer) = stage.ring(256)?;
    let span = values.span();
    let kernel = start!(stage, producer, energy[BLOCKS, 32](span));
    consumer.for_each(|message| each(&message))?;
    kernel.wait()
}
