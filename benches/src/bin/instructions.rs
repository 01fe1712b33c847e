//! One hot path, a given number of times, for `cargo xtask instructions` to count what it executes.
//!
//! Without arguments it names the paths; `instructions PATH MESSAGES` sends that many messages along one, on one thread.

use std::env;
use std::error::Error;
use std::hint::black_box;

use perdix_host::{Buffer, Consumer, Mode, Producer};

type Outcome = Result<(), Box<dyn Error>>;

/// Sends so many messages.
type Path = fn(&mut Producer<'_>, &mut Consumer<'_>, u64) -> Outcome;

const PATHS: [(&str, Mode, Path); 7] = [
    ("produce and consume, 240 bytes, fenced", Mode::Fenced, copied::<240>),
    ("produce and consume, 240 bytes, fence-free", Mode::FenceFree, copied::<240>),
    ("produce and consume, 8 bytes, fenced", Mode::Fenced, copied::<8>),
    ("reserve and commit, 240 bytes, fenced", Mode::Fenced, in_place),
    ("batches of 32, 240 bytes, fenced", Mode::Fenced, batches),
    ("batches of 32, 240 bytes, fence-free", Mode::FenceFree, batches),
    ("records of 8 bytes, per record, fenced", Mode::Fenced, records),
];

const BATCH: u64 = 32;

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, messages] = arguments.as_slice() else {
        PATHS.iter().for_each(|(name, ..)| println!("{name}"));
        return Ok(());
    };
    let (_, mode, path) = PATHS.iter().find(|(known, ..)| known == name).ok_or("no such path")?;
    let mut buffer = Buffer::builder().slots(256).mode(*mode).build()?;
    let (mut producer, mut consumer) = buffer.split_mut();
    path(&mut producer, &mut consumer, messages.parse()?)
}

fn copied<const SIZE: usize>(
    producer: &mut Producer<'_>,
    consumer: &mut Consumer<'_>,
    messages: u64,
) -> Outcome {
    let message = [1_u8; SIZE];
    for _ in 0..messages {
        producer.try_produce(black_box(&message))?;
        black_box(consumer.try_consume().ok_or("nothing arrived")?);
    }
    Ok(())
}

fn in_place(producer: &mut Producer<'_>, consumer: &mut Consumer<'_>, messages: u64) -> Outcome {
    let message = [1_u8; 240];
    for _ in 0..messages {
        let mut grant = producer.try_reserve(240)?;
        grant.copy_from_slice(black_box(&message));
        grant.commit();
        black_box(consumer.try_consume().ok_or("nothing arrived")?);
    }
    Ok(())
}

fn batches(producer: &mut Producer<'_>, consumer: &mut Consumer<'_>, messages: u64) -> Outcome {
    let message = [1_u8; 240];
    for _ in 0..messages / BATCH {
        let mut batch = producer.try_batch(BATCH as usize)?;
        for _ in 0..BATCH {
            batch.push(black_box(&message))?;
        }
        batch.commit();
        let batch = consumer.try_consume_batch(BATCH as usize).ok_or("nothing arrived")?;
        batch.iter().for_each(|message| {
            black_box(message);
        });
    }
    Ok(())
}

fn records(producer: &mut Producer<'_>, consumer: &mut Consumer<'_>, messages: u64) -> Outcome {
    // 32 slots full at a time, and what is left.
    let full = BATCH * 30;
    let mut sent = 0;
    while sent < messages {
        let now = full.min(messages - sent);
        producer.records::<u64>(0).push_all((0..now).map(black_box))?;
        let batch = consumer.records::<u64>(0)?;
        batch.iter().for_each(|record| {
            black_box(record);
        });
        sent += now;
    }
    Ok(())
}
