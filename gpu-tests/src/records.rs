//! Fixed-size records: sent by their number, and gathered from the lanes of a warp.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::DeviceProducer;
use perdix_host::{ConsumeError, ConsumeRecordsError, Consumer, Fault};
use perdix_kernels::records::{RECORD_KIND, RECORD_SIZES, has_record, record_bytes};

use crate::setup::{Case, PATIENCE, kernels};

/// Every density in turn.
const CHANGING: u64 = 9;

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    for size in RECORD_SIZES {
        trials.push(case.trial(&format!("records/{size}_bytes"), move |case| sent(case, size, 256, 100_000)));
        trials.push(case.trial(&format!("packed/{size}_bytes"), move |case| {
            (0..=CHANGING).try_for_each(|density| packed(case, size, 256, 1000, density))
        }));
    }
    trials.push(case.trial("records/tiny_rings", |case| {
        [1, 2, 4].into_iter().try_for_each(|slots| sent(case, 16, slots, 2000))
    }));
    trials.push(case.trial("packed/tiny_rings", |case| {
        [1, 2, 4].into_iter().try_for_each(|slots| packed(case, 16, slots, 200, CHANGING))
    }));
    trials.push(case.trial("records/many_warps", |case| many_warps(case, "send_records", 1, 100_000)));
    trials.push(case.trial("packed/many_warps", |case| many_warps(case, "pack_records", 32, 3000)));
    trials.push(case.trial("packed/consumer_gone", consumer_gone));
    trials.push(case.trial("packed/time_limit", time_limit));
}

/// One warp sends `count` records.
fn sent(case: Case, size: u32, slots: usize, count: u64) -> Result<(), Failed> {
    let mut buffer = case.buffer(slots);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels().launch("send_sized_records").unwrap().block(32).arg(&producer);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(size).arg(count).start() }.unwrap();
    check_bytes(&mut consumer, size, 0..count)
}

/// One warp packs what its lanes have in `rounds` rounds.
fn packed(case: Case, size: u32, slots: usize, rounds: u64, density: u64) -> Result<(), Failed> {
    let mut buffer = case.buffer(slots);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels().launch("pack_sized_records").unwrap().block(32).arg(&producer);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(size).arg(rounds).arg(density).start() }.unwrap();
    check_bytes(&mut consumer, size, (0..32 * rounds).filter(|id| has_record(*id, density)))
}

/// Takes all messages and checks that they hold these records and nothing else, as many to a slot as fit.
fn check_bytes(consumer: &mut Consumer<'_>, size: u32, ids: impl Iterator<Item = u64>) -> Result<(), Failed> {
    let mut expected = ids.flat_map(|id| record_bytes(size, id));
    let full = (240 / size * size) as usize;
    loop {
        let message = match consumer.next(PATIENCE) {
            Ok(message) => message,
            Err(ConsumeError::EndOfStream) => break,
            Err(error) => return Err(error.into()),
        };
        let bytes: Vec<u8> = expected.by_ref().take(full).collect();
        if message.kind() != RECORD_KIND || message[..] != bytes[..] {
            return Err(format!("{message:?} is not {:?}", bytes.escape_ascii().to_string()).into());
        }
    }
    match expected.count() {
        0 => Ok(()),
        left => Err(format!("{left} bytes of {size}-byte records did not come").into()),
    }
}

const WARPS: u64 = 32;

fn start(producer: &DeviceProducer<'_>, kernel: &str, count: u64) {
    let launch = kernels().launch(kernel).unwrap().grid(8).block(128).arg(producer).arg(count);
    // SAFETY: the kernel's parameters.
    unsafe { launch.start() }.unwrap();
}

/// Each warp of a grid sends `count * each` records of 16 bytes, which arrive in its own order.
fn many_warps(case: Case, kernel: &str, each: u64, count: u64) -> Result<(), Failed> {
    let mut buffer = case.buffer(4096);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    start(&producer, kernel, count);
    let mut next = [0; WARPS as usize];
    loop {
        let batch = match consumer.records::<[u64; 2]>(RECORD_KIND, PATIENCE) {
            Ok(batch) => batch,
            Err(ConsumeRecordsError::Stream(ConsumeError::EndOfStream)) => break,
            Err(error) => return Err(error.into()),
        };
        for [first, second] in batch.iter() {
            let (warp, i) = ((first >> 40) as usize, first & ((1 << 40) - 1));
            if next.get(warp) != Some(&i) || *second != !i {
                return Err(format!("record {first:#x}, {second:#x} after {next:?}").into());
            }
            next[warp] += 1;
        }
    }
    if next == [count * each; WARPS as usize] {
        Ok(())
    } else {
        Err(format!("the warps sent {next:?}").into())
    }
}

/// The consumer leaves: the kernel ends by itself.
fn consumer_gone(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    start(&producer, "pack_records", 1 << 40);
    for _ in 0..100 {
        drop(consumer.records::<[u64; 2]>(RECORD_KIND, PATIENCE)?);
    }
    drop(consumer);
    producer.wait(Duration::from_secs(8)).map_err(|error| format!("the kernel goes on: {error}").into())
}

/// Nobody consumes: the kernel gives up in time, and all slots that it sent are full of records.
fn time_limit(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(32);
    let (mut producer, mut consumer) = buffer.split_gpu().unwrap();
    producer.set_limit(Duration::from_millis(50));
    start(&producer, "pack_records", 1 << 40);
    producer.wait(Duration::from_secs(8)).map_err(|error| format!("the kernel goes on: {error}"))?;
    let (mut records, mut slots) = (0, 0);
    loop {
        match consumer.records::<[u64; 2]>(RECORD_KIND, PATIENCE) {
            Ok(batch) => {
                records += batch.len();
                slots += batch.slices().count();
            }
            Err(ConsumeRecordsError::Stream(ConsumeError::ProducerFailed {
                fault: Fault::TimedOut,
                first_missing,
            })) if first_missing == slots as u64 && records == 15 * slots => {
                return Ok(());
            }
            Err(error) => return Err(format!("after {records} records in {slots} slots: {error}").into()),
        }
    }
}
