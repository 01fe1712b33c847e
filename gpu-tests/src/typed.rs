//! Typed messages: several types of one enumeration, from each granularity, read where they lie.

use libtest_mimic::{Failed, Trial};
use perdix_host::{ConsumeError, ReceiveError, TypeMismatch};
use perdix_kernels::typed::{Frame, FrameChecker, Residual, Row};

use crate::setup::{Case, PATIENCE, kernels};

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    let all = [("thread", 1, 1, 1), ("warp", 1, 32, 1), ("block", 1, 256, 1), ("grid", 8, 128, 32)];
    for (who, grid, block, warps) in all {
        let kernel = format!("typed_{who}");
        trials.push(
            case.trial(&format!("typed/{who}"), move |case| round_trip(case, &kernel, grid, block, warps)),
        );
    }
    trials.push(case.trial("typed/mismatch", mismatch));
}

const STEPS: u32 = 3000;

fn round_trip(case: Case, kernel: &str, grid: u32, block: u32, warps: usize) -> Result<(), Failed> {
    let mut buffer = case.buffer(256);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels().launch(kernel).unwrap().grid(grid).block(block).arg(&producer).arg(STEPS);
    // SAFETY: the kernel's parameters.
    unsafe { launch.start() }.unwrap();
    let mut checker = FrameChecker::new(warps, STEPS);
    for _ in 0..warps as u64 * u64::from(STEPS + 1) {
        let message = consumer.next(PATIENCE)?;
        checker.take(message.read::<Frame<'_>>()?)?;
    }
    if !checker.is_complete() {
        return Err(format!("not all came: {checker:?}").into());
    }
    // What a block sends as a batch.
    let mut extra = 0;
    loop {
        match consumer.value::<Residual>(PATIENCE) {
            Ok(residual) if *residual == Residual::of(1, extra) => extra += 1,
            Ok(residual) => return Err(format!("{residual:?} came as residual {extra} of the batch").into()),
            Err(ReceiveError::Stream(ConsumeError::EndOfStream)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let expected = if kernel == "typed_block" { STEPS } else { 0 };
    if extra == expected {
        Ok(())
    } else {
        Err(format!("{extra} values of the batch came, not {expected}").into())
    }
}

/// A wrong type is an error, and the message stays.
fn mismatch(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels().launch("typed_thread").unwrap().arg(&producer).arg(1_u32);
    // SAFETY: the kernel's parameters.
    unsafe { launch.start() }.unwrap();
    match consumer.value::<Row>(PATIENCE) {
        Err(ReceiveError::Mismatch {
            message: 0,
            mismatch: TypeMismatch::Kind { found: 101, expected: 103, .. },
        }) => {}
        other => return Err(format!("a residual was read as {other:?}").into()),
    }
    let residual = consumer.value::<Residual>(PATIENCE)?;
    if *residual == Residual::of(0, 0) { Ok(()) } else { Err(format!("{residual:?} came").into()) }
}
