//! The two sides wait for each other, and give up when they should.

use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::Mapped;
use perdix_host::{ConsumeError, Fault};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

use crate::setup::{
    BLOCK, Case, GRID, PATIENCE, Sender, THREAD, WARP, WARP_BATCH, check_all, check_some, gpu, kernels,
};

const MIXED: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 0 };
const FULL: Pattern = Pattern { len: 240, sentinels: 1 };

const SENDERS: [(&str, Sender); 5] =
    [("thread", THREAD), ("warp", WARP), ("warp_batched", WARP_BATCH), ("block", BLOCK), ("grid", GRID)];

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    for (name, sender) in SENDERS {
        trials.push(case.trial(&format!("{name}/backpressure"), move |case| backpressure(case, sender)));
        trials.push(case.trial(&format!("{name}/consumer_gone"), move |case| consumer_gone(case, sender)));
        trials.push(case.trial(&format!("{name}/time_limit"), move |case| time_limit(case, sender)));
    }
    trials.push(case.trial("full_ring_takes_capacity", full_ring));
    trials.push(case.trial("messages_leave_a_running_kernel", running));
    trials.push(case.trial("two_rings", two_rings));
    trials.push(case.trial("order_under_load", under_load));
}

/// The consumer sleeps while the ring is full, several times; nothing is lost and nothing overwritten.
pub(crate) fn backpressure(case: Case, sender: Sender) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let count = 1000;
    sender.start(&producer, FULL, count);
    if sender.senders() == 1 {
        for part in 0..4 {
            sleep(Duration::from_millis(20));
            check_some(&mut consumer, FULL, part * 100, 100)?;
        }
        sleep(Duration::from_millis(20));
        check_some(&mut consumer, FULL, 400, count - 400)?;
    } else {
        sleep(Duration::from_millis(50));
        check_all(&mut consumer, FULL, sender.senders(), count)?;
    }
    producer.wait(PATIENCE)?;
    match producer.counters().read().full {
        0 => Err("the ring was never full".into()),
        _ => Ok(()),
    }
}

/// The consumer leaves mid-stream: the kernel ends by itself, well within its limit, and says what it did not send.
pub(crate) fn consumer_gone(case: Case, sender: Sender) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    sender.start(&producer, Pattern { len: 16, sentinels: 0 }, 10_000_000);
    for _ in 0..1000 {
        consumer.next(PATIENCE)?;
    }
    drop(consumer);
    let begun = Instant::now();
    producer.wait(Duration::from_secs(8)).map_err(|error| format!("the kernel goes on: {error}"))?;
    if begun.elapsed() > Duration::from_secs(5) {
        return Err(format!("the kernel took {:?} to notice", begun.elapsed()).into());
    }
    producer.is_running()?;
    Ok(())
}

/// Nobody consumes: the kernel gives up in time; what it sent before is delivered, then the reason.
pub(crate) fn time_limit(case: Case, sender: Sender) -> Result<(), Failed> {
    let (mut buffer, slots) = (case.buffer(32), 32);
    let (mut producer, mut consumer) = buffer.split_gpu().unwrap();
    producer.set_limit(Duration::from_millis(50));
    let pattern = Pattern { len: 16, sentinels: 0 };
    sender.start(&producer, pattern, 10_000);
    producer.wait(Duration::from_secs(8)).map_err(|error| format!("the kernel goes on: {error}"))?;
    if sender.senders() == 1 {
        check_some(&mut consumer, pattern, 0, slots)?;
    } else {
        for _ in 0..slots {
            consumer.next(PATIENCE)?;
        }
    }
    match consumer.next(PATIENCE) {
        Err(ConsumeError::ProducerFailed { fault: Fault::TimedOut, first_missing })
            if first_missing == slots =>
        {
            Ok(())
        }
        other => Err(format!("after {slots} messages: {other:?}").into()),
    }
}

/// Without a consumer a kernel gets exactly as many messages in as there are slots.
fn full_ring(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(128);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let accepted = Mapped::new(gpu(), case.memory, 8).unwrap();
    let launch = kernels().launch("try_until_full").unwrap().block(32);
    let launch = launch.arg(&producer).arg(MIXED).arg(accepted.device_ptr());
    // SAFETY: the kernel's parameters; the word lives until the kernel has ended, below.
    unsafe { launch.start() }.unwrap();
    producer.wait(PATIENCE)?;
    // SAFETY: the kernel has ended; the word is aligned and initialised.
    let accepted = unsafe { accepted.as_ptr().cast::<u64>().read_volatile() };
    if accepted != 128 {
        return Err(format!("{accepted} messages went into 128 slots").into());
    }
    check_some(&mut consumer, MIXED, 0, 128)
}

/// The kernel answers commands while it runs, so messages do not wait for its end.
fn running(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(8);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let command = Mapped::new(gpu(), case.memory, 8).unwrap();
    let limit_ns = 10_000_000_000_u64;
    let launch = kernels().launch("echo").unwrap().block(32).arg(&producer).arg(command.device_ptr());
    // SAFETY: the kernel's parameters; the word lives until the stream has ended, below.
    unsafe { launch.arg(1000_u64).arg(240_u64).arg(limit_ns).start() }.unwrap();
    // SAFETY: aligned, initialised, and only accessed atomically.
    let word = unsafe { std::sync::atomic::AtomicU64::from_ptr(command.as_ptr().cast()) };
    for turn in 1..=1000_u64 {
        word.store(turn, std::sync::atomic::Ordering::Release);
        let message = consumer.next(PATIENCE)?;
        if message.get(8..16) != Some(&turn.to_le_bytes()[..]) {
            return Err(format!("the answer to {turn} is {message:?}").into());
        }
        drop(message);
        if turn < 1000 && !producer.is_running()? {
            return Err(format!("the kernel had ended by answer {turn}").into());
        }
    }
    match consumer.next(PATIENCE) {
        Err(ConsumeError::EndOfStream) => Ok(()),
        other => Err(format!("after the last answer: {other:?}").into()),
    }
}

/// Two kernels on two rings at the same time, one consumer thread each.
fn two_rings(case: Case) -> Result<(), Failed> {
    let (mut one, mut two) = (case.buffer(256), case.buffer(64));
    let (producer_one, mut consumer_one) = one.split_gpu().unwrap();
    let (producer_two, mut consumer_two) = two.split_gpu().unwrap();
    BLOCK.start(&producer_one, FULL, 1_000_000);
    GRID.start(&producer_two, FULL, 50_000);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| check_all(&mut consumer_two, FULL, GRID.senders(), 50_000));
        check_all(&mut consumer_one, FULL, 1, 1_000_000)?;
        other.join().unwrap()
    })
}

/// The consumer reads every message the moment it appears, while the rest of the GPU writes across the same link as fast as it can:
/// the conditions under which a store that overtakes another would show.
fn under_load(case: Case) -> Result<(), Failed> {
    let (bytes, rounds) = (8_u64 << 20, 4000_u64);
    let noise = Mapped::new(gpu(), case.memory, bytes as usize).unwrap();
    let mut buffer = case.buffer(4096);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels().launch("bare_writes").unwrap().grid(100).block(256);
    let launch = launch.arg(noise.device_ptr()).arg(bytes / 16).arg(rounds);
    let null = std::ptr::null_mut();
    // SAFETY: the kernel's parameters; the memory lives until it has ended, below; the default stream always lives.
    unsafe { launch.start_on(null) }.unwrap();
    // SAFETY: the default stream of the ring's context.
    unsafe { producer.attach(null) }.unwrap();
    let sender = Sender { batch: 2, ..GRID };
    sender.start(&producer, FULL, 20_000);
    let result = check_all(&mut consumer, FULL, sender.senders(), 20_000);
    producer.wait(PATIENCE)?;
    result
}
