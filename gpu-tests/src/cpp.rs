//! Kernels written in CUDA C++ keep the protocol as those in Rust do.

use libtest_mimic::{Failed, Trial};
use perdix_host::{ConsumeError, Fault};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

use crate::setup::{
    BLOCK, Case, PATIENCE, Sender, THREAD, WARP, WARP_BATCH, check_some, cpp_kernels, kernels,
};
use crate::{flow, payload};

const FULL: Pattern = Pattern { len: 240, sentinels: 0 };
const MIXED: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 0 };
const SENTINELS: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 1 };

const SENDERS: [(&str, Sender); 4] = [
    ("thread", Sender { kernel: "cpp_send_thread", ..THREAD }),
    ("warp", Sender { kernel: "cpp_send_warp", ..WARP }),
    ("warp_batched", Sender { kernel: "cpp_send_warp", ..WARP_BATCH }),
    ("block", Sender { kernel: "cpp_send_block", ..BLOCK }),
];

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    for (sender_name, sender) in SENDERS {
        let name = |what: &str| format!("cpp/{sender_name}/{what}");
        for (pattern_name, pattern) in
            [("full_messages", FULL), ("every_length", MIXED), ("sentinels", SENTINELS)]
        {
            trials.push(
                case.trial(&name(pattern_name), move |case| {
                    payload::send(case, sender, pattern, 64, 0, 20_000)
                }),
            );
        }
        trials.push(case.trial(&name("tiny_rings"), move |case| {
            [1, 2, 4].into_iter().try_for_each(|slots| payload::send(case, sender, MIXED, slots, 0, 500))
        }));
        trials.push(case.trial(&name("numbers_wrap"), move |case| {
            let starts = [u64::MAX - 5, u64::MAX / 2 - 5, (1 << 40) - 3, 63];
            starts.into_iter().try_for_each(|start| payload::send(case, sender, MIXED, 8, start, 300))
        }));
        trials.push(case.trial(&name("backpressure"), move |case| flow::backpressure(case, sender)));
        trials.push(case.trial(&name("consumer_gone"), move |case| flow::consumer_gone(case, sender)));
        trials.push(case.trial(&name("time_limit"), move |case| flow::time_limit(case, sender)));
    }
    trials.push(case.trial("cpp/sustained_1e7", |case| {
        payload::send(case, Sender { kernel: "cpp_send_block", ..BLOCK }, FULL, 16384, 0, 10_000_000)
    }));
    trials.push(case.trial("cpp/chained_kernels", chained));
    trials.push(case.trial("cpp/gaps_of_an_earlier_kernel", gaps));
    trials.push(case.trial("cpp/too_long_is_refused", too_long));
}

/// Kernels in C++ and in Rust, one after the other on one ring, each of which goes on where the one before paused.
fn chained(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let turns = [("cpp_continue_warp", 32), ("continue_block", 128), ("cpp_continue_block", 128)];
    let rounds = 9;
    // Before the first launch: loading waits for kernels, and these wait for this thread.
    let (ours, cpp) = (kernels(), cpp_kernels());
    for round in 0..rounds {
        let (kernel, threads) = turns[round as usize % turns.len()];
        let kernels = if kernel.starts_with("cpp_") { cpp } else { ours };
        let launch = kernels.launch(kernel).unwrap().block(threads).arg(&producer).arg(SENTINELS);
        let launch = launch.arg(333 * round).arg(333_u64).arg(u64::from(round + 1 == rounds));
        // SAFETY: the kernel's parameters.
        unsafe { launch.start() }.unwrap();
    }
    check_some(&mut consumer, SENTINELS, 0, 333 * rounds)?;
    match consumer.next(PATIENCE) {
        Err(ConsumeError::EndOfStream) => Ok(()),
        other => Err(format!("after the last message: {other:?}").into()),
    }
}

/// What the CPU dropped before the kernel began is told ahead of the kernel's first message.
fn gaps(case: Case) -> Result<(), Failed> {
    for (_, sender) in SENDERS {
        let mut buffer = case.buffer(4);
        {
            let (mut producer, _consumer) = buffer.split_mut();
            for i in 0..7_u8 {
                producer.message(&[i]).send_or_drop()?;
            }
            // Not finished: that would tell the gap.
            std::mem::forget(producer);
        }
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        sender.start(&producer, MIXED, 500);
        for i in 0..4_u8 {
            let message = consumer.next(PATIENCE)?;
            if message[..] != [i] {
                return Err(format!("message {i} is {message:?}").into());
            }
        }
        match consumer.next(PATIENCE) {
            Err(ConsumeError::Gap { dropped: 3, .. }) => {}
            other => return Err(format!("{sender:?}: in the place of a gap {other:?}").into()),
        }
        check_some(&mut consumer, MIXED, 0, 500)?;
    }
    Ok(())
}

fn too_long(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(8);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = cpp_kernels().launch("cpp_send_too_long").unwrap().block(32).arg(&producer);
    // SAFETY: the kernel's parameter.
    unsafe { launch.start() }.unwrap();
    match consumer.next(PATIENCE) {
        Err(ConsumeError::ProducerFailed { fault: Fault::TooLong, first_missing: 0 }) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
