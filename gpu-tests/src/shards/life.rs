//! Trouble on a set of rings: it is told of every ring that it concerns, and of no other.

use std::process::Command;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::{DeviceShards, LaunchTarget};
use perdix_host::{ConsumeError, Consumer, Fault, ShardError, ShardedConsumer};
use perdix_kernels::Ending;

use super::{BLOCKS, FULL, GRID, MIXED, SHORT, Seen, Sender, send, shards};
use crate::life::CHILD;
use crate::setup::{BLOCK, Case, PATIENCE, check_some, kernels};

/// The case of a child process of ours begins with this.
pub(crate) const OURS: &str = "shards:";

pub(super) fn add(case: Case, trials: &mut Vec<Trial>) {
    let mut add = |name: &str, test: fn(Case) -> Result<(), Failed>| {
        trials.push(case.trial(&format!("shards/{name}"), test));
    };
    add("kernel_forgets_to_finish", forgets);
    add("kernel_traps", traps);
    add("a_quiet_ring_is_lost_while_another_is_busy", quiet);
    add("one_consumer_leaves", leaves);
    add("dropped_under_a_running_kernel", dropped);
    add("time_limit", time_limit);
    add("earlier_handles_keep_their_limit", earlier_handles);
    add("cpu_then_gpu_then_cpu", takes_turns);
}

/// One warp sends 300 messages on ring 0 of the launch's target and stops as told.
fn stop_midway(device: &DeviceShards<'_>, target: &impl LaunchTarget, ending: Ending) {
    let launch = kernels().launch("stop_midway").unwrap().block(32);
    let launch = launch.attach(target).arg(&device.producers()[0]);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(MIXED).arg(0_u64).arg(300_u64).arg(ending as u64).start() }.unwrap();
}

/// Expects 300 messages on ring 0, then that every ring is lost, each once, then the end.
fn expect_all_lost(consumers: Vec<Consumer<'_>>) -> Result<(), Failed> {
    let rings = consumers.len();
    let mut consumer = ShardedConsumer::new(consumers);
    let (mut id, mut missing) = (0, vec![None; rings]);
    loop {
        match consumer.next(PATIENCE) {
            Ok((0, message)) if MIXED.matches(id, message.kind(), &message) => id += 1,
            Err(ShardError::Ring { ring, source: ConsumeError::ProducerLost { first_missing, .. } })
                if missing[ring].is_none() =>
            {
                missing[ring] = Some(first_missing);
            }
            Err(ShardError::EndOfStream) => break,
            other => return Err(format!("after {id} messages: {other:?}").into()),
        }
    }
    if id != 300 || missing != [Some(300), Some(0), Some(0)] {
        return Err(format!("{id} messages, lost: {missing:?}").into());
    }
    Ok(())
}

/// The kernel ends without `finish` on any ring: all consumers are told.
fn forgets(case: Case) -> Result<(), Failed> {
    let mut shards = shards(case, 3, 64);
    let (device, consumers) = shards.split_gpu()?;
    stop_midway(&device, &device, Ending::Forgets);
    expect_all_lost(consumers)
}

fn traps(case: Case) -> Result<(), Failed> {
    let name = format!("{OURS}{}", case.name());
    let child = Command::new(std::env::current_exe()?).env(CHILD, name).output()?;
    if child.status.success() {
        return Ok(());
    }
    Err(format!("{}\n{}", child.status, String::from_utf8_lossy(&child.stderr)).into())
}

/// The child's part of `traps`: a fault ruins the process's context.
pub(crate) fn child(case: &str) {
    let case = Case::named(case).expect("a case");
    let mut shards = shards(case, 3, 64);
    let (device, consumers) = shards.split_gpu().unwrap();
    stop_midway(&device, &device, Ending::Traps);
    if let Err(failed) = expect_all_lost(consumers) {
        eprintln!("{}", failed.message().unwrap_or("failed"));
        std::process::exit(1);
    }
    assert!(device.is_running().is_err(), "the fault is not reported");
}

/// The kernel of one ring is gone while another ring is never empty: it is noticed all the same, before the other one ends.
fn quiet(case: Case) -> Result<(), Failed> {
    let many = 1_000_000;
    let mut shards = shards(case, 2, 1024);
    let (device, consumers) = shards.split_gpu()?;
    let [one, two] = device.producers() else { return Err("two rings".into()) };
    stop_midway(&device, one, Ending::Forgets);
    BLOCK.start(two, FULL, many);
    let mut consumer = ShardedConsumer::new(consumers);
    let mut count = [0_u64; 2];
    let mut each = |ring: usize| {
        count[ring] += 1;
        // Slower than the kernel, so that the ring stays full.
        (0..20).for_each(|_| std::hint::spin_loop());
    };
    let first = consumer.for_each(|ring, _| each(ring));
    let so_far = count;
    match first {
        Err(ShardError::Ring { ring: 0, source: ConsumeError::ProducerLost { first_missing: 300, .. } })
            if so_far[0] == 300 && so_far[1] < many => {}
        other => return Err(format!("{so_far:?}: {other:?}").into()),
    }
    consumer.for_each(|ring, _| count[ring] += 1)?;
    if count != [300, many] { Err(format!("{count:?}").into()) } else { Ok(()) }
}

/// The consumer of one ring leaves mid-stream: its producers stop, the other rings get everything.
fn leaves(case: Case) -> Result<(), Failed> {
    for sender in [BLOCKS, GRID] {
        let (rings, count) = (4, 20_000);
        let mut shards = shards(case, rings, 64);
        let (device, mut consumers) = shards.split_gpu()?;
        sender.start(&device, FULL, count);
        let mut leaver = consumers.remove(3);
        leaver.next(PATIENCE)?;
        drop(leaver);
        let mut seen = Seen::new(sender, rings, FULL);
        seen.next.truncate(3);
        let mut consumer = ShardedConsumer::new(consumers);
        consumer.for_each(|ring, message| seen.check(ring, message.kind(), &message))?;
        seen.whole(count)?;
        device.wait(Duration::from_secs(8)).map_err(|error| format!("the kernel goes on: {error}"))?;
        device.is_running()?;
    }
    Ok(())
}

/// Everything is dropped while the kernel sends, the host's end first: the kernel stops soon, and nothing crashes.
fn dropped(case: Case) -> Result<(), Failed> {
    let begun = Instant::now();
    for sender in [BLOCKS, GRID] {
        let (device, consumers) = shards(case, 4, 64).into_gpu()?;
        sender.start(&device, FULL, 100_000_000);
        let mut consumer = ShardedConsumer::new(consumers);
        for _ in 0..100 {
            consumer.next(PATIENCE)?;
        }
        drop(device);
        drop(consumer);
    }
    if begun.elapsed() > Duration::from_secs(8) {
        return Err(format!("it took {:?}", begun.elapsed()).into());
    }
    // The context still works.
    send(case, BLOCKS, 4, 64, MIXED, 100)
}

/// Nobody reads ring 1: its producers give up in time, and the other ring gets everything.
fn time_limit(case: Case) -> Result<(), Failed> {
    let (slots, count) = (32, 10_000);
    let mut shards = shards(case, 2, slots);
    let (mut device, mut consumers) = shards.split_gpu()?;
    device.set_limit(Duration::from_millis(500))?;
    Sender { grid: 2, ..BLOCKS }.start(&device, FULL, count);
    check_some(&mut consumers[0], FULL, 0, count)?;
    device.wait(Duration::from_secs(8)).map_err(|error| format!("the kernel goes on: {error}"))?;
    check_some(&mut consumers[1], FULL, 1 << 40, slots as u64)?;
    match consumers[1].next(PATIENCE) {
        Err(ConsumeError::ProducerFailed { fault: Fault::TimedOut, first_missing })
            if first_missing == slots as u64 =>
        {
            Ok(())
        }
        other => Err(format!("after {slots} messages: {other:?}").into()),
    }
}

/// A handle taken before `set_limit` still works, with the limit that it was made with.
fn earlier_handles(case: Case) -> Result<(), Failed> {
    let mut shards = shards(case, 2, 32);
    let (mut device, consumers) = shards.split_gpu()?;
    let before = device.rings();
    device.set_limit(Duration::from_millis(1))?;
    if before.rings == device.rings().rings {
        return Err("handles that a kernel may be reading were overwritten".into());
    }
    Sender { grid: 2, ..BLOCKS }.start_with(&device, before, SHORT, 100);
    // Longer than the new limit.
    std::thread::sleep(Duration::from_millis(100));
    match ShardedConsumer::new(consumers).for_each(|_, _| ())? {
        200 => Ok(()),
        other => Err(format!("{other} messages came").into()),
    }
}

/// CPU threads and kernels produce into the same rings, one after the other; what was left unread comes first.
fn takes_turns(case: Case) -> Result<(), Failed> {
    let mut shards = shards(case, 3, 64);
    {
        let (mut producers, _consumers) = shards.split_mut();
        for producer in &mut producers {
            producer.produce(b"left over")?;
        }
    }
    for unread in [3, 0] {
        let sender = Sender { grid: 3, ..BLOCKS };
        let (device, consumers) = shards.split_gpu()?;
        sender.start(&device, MIXED, 500);
        let mut seen = Seen::new(sender, 3, MIXED);
        let mut left = 0;
        ShardedConsumer::new(consumers).for_each(|ring, message| {
            if message.number() == 0 && message.bytes() == b"left over" {
                left += 1;
            } else {
                seen.check(ring, message.kind(), &message);
            }
        })?;
        seen.whole(500)?;
        if left != unread {
            return Err(format!("{left} messages were left over, not {unread}").into());
        }
    }
    let (mut producers, consumers) = shards.split_mut();
    producers[2].produce(b"the CPU again")?;
    let mut consumer = ShardedConsumer::new(consumers);
    match consumer.try_next() {
        Ok((2, message)) if *message == *b"the CPU again" => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
