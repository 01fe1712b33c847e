//! The stream of a kernel as bytes and for tasks: what the standard library's traits and an executor get of it.

use std::io::{BufRead, Read};
use std::time::Duration;

use futures_executor::block_on_stream;
use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::DeviceProducer;
use perdix_host::{ConsumeError, ShardedConsumer};
use perdix_kernels::Ending;
use perdix_kernels::records::record_bytes;

use crate::life::stop_midway;
use crate::setup::{Case, PATIENCE, kernels};

const SIZE: u32 = 16;
const RECORDS: u64 = 100_000;

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    trials.push(case.trial("tasks/read", read));
    trials.push(case.trial("tasks/stream", stream));
    trials.push(case.trial("tasks/lost", lost));
    trials.push(case.trial("tasks/shards", shards));
}

fn send(producer: &DeviceProducer<'_>) {
    let launch = kernels().launch("send_sized_records").unwrap().block(32).arg(producer);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(SIZE).arg(RECORDS).start() }.unwrap();
}

fn expected() -> Vec<u8> {
    (0..RECORDS).flat_map(|id| record_bytes(SIZE, id)).collect()
}

fn compare(got: &[u8]) -> Result<(), Failed> {
    let expected = expected();
    let differs = got.iter().zip(&expected).position(|(got, expected)| got != expected);
    if differs.is_none() && got.len() == expected.len() {
        return Ok(());
    }
    Err(format!("{} of {} bytes, the first wrong one {differs:?}", got.len(), expected.len()).into())
}

/// In pieces that fit nothing, half of them where they lie.
fn read(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(256);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    send(&producer);
    let mut reader = consumer.reader().wait(PATIENCE);
    let (mut got, mut piece) = (Vec::new(), [0; 1009]);
    loop {
        let count = reader.read(&mut piece)?;
        got.extend_from_slice(&piece[..count]);
        let lent = reader.fill_buf()?;
        let count = lent.len().min(7);
        got.extend_from_slice(&lent[..count]);
        if count == 0 {
            return compare(&got);
        }
        reader.consume(count);
    }
}

fn stream(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(256);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    send(&producer);
    let mut got = Vec::new();
    for message in block_on_stream(consumer.stream()) {
        got.extend_from_slice(&message?);
    }
    compare(&got)
}

/// A kernel that ends without ending the stream, while the task waits.
fn lost(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(256);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let starting = Duration::from_millis(20);
    let all: Vec<_> = std::thread::scope(|scope| {
        let receiving = scope.spawn(|| block_on_stream(consumer.stream()).collect());
        std::thread::sleep(starting);
        stop_midway(&producer, 0, 100, Ending::Forgets);
        receiving.join().map_err(|_| "the receiving thread panicked")
    })?;
    match all.split_last() {
        Some((Err(ConsumeError::ProducerLost { first_missing: 100, .. }), rest)) if rest.len() == 100 => {
            Ok(())
        }
        other => Err(format!("{:?} after {} messages", other.map(|(last, _)| last), all.len()).into()),
    }
}

/// Two rings with a kernel each, as one stream.
fn shards(case: Case) -> Result<(), Failed> {
    let mut buffers = [case.buffer(256), case.buffer(64)];
    let (producers, consumers): (Vec<_>, Vec<_>) =
        buffers.iter_mut().map(|buffer| buffer.split_gpu().unwrap()).unzip();
    producers.iter().for_each(send);
    let mut got = [Vec::new(), Vec::new()];
    for item in block_on_stream(ShardedConsumer::new(consumers).into_stream()) {
        let (ring, message) = item?;
        got[ring].extend_from_slice(&message);
    }
    got.iter().try_for_each(|got| compare(got))
}
