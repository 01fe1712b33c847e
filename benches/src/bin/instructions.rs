//! One hot path, a given number of times, for `cargo xtask instructions` to count what it executes.
//!
//! Without arguments it names the paths; `instructions PATH MESSAGES` sends that many messages along one, on one thread.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;

use perdix_host::events::{EVENT_KIND, EventReader, Sites};
use perdix_host::{Buffer, Consumer, Mode, Producer, Typed, Wait};

type Outcome = Result<(), Box<dyn Error>>;

/// Sends so many messages.
type Path = fn(&mut Producer<'_>, &mut Consumer<'_>, u64) -> Outcome;

const PATHS: [(&str, Mode, Path); 10] = [
    ("produce and consume, 240 bytes, fenced", Mode::Fenced, copied::<240>),
    ("produce and consume, 240 bytes, fence-free", Mode::FenceFree, copied::<240>),
    ("produce and consume, 8 bytes, fenced", Mode::Fenced, copied::<8>),
    ("reserve and commit, 240 bytes, fenced", Mode::Fenced, in_place),
    ("batches of 32, 240 bytes, fenced", Mode::Fenced, batches),
    ("batches of 32, 240 bytes, fence-free", Mode::FenceFree, batches),
    ("records of 8 bytes, per record, fenced", Mode::Fenced, records),
    ("typed, 240 bytes, fenced", Mode::Fenced, typed),
    ("events of 2 arguments, decoded, fenced", Mode::Fenced, events::<false>),
    ("events of 2 arguments, formatted, fenced", Mode::Fenced, events::<true>),
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
        let mut grant = producer.reserve(240, Wait::No)?;
        grant.copy_from_slice(black_box(&message));
        grant.commit();
        black_box(consumer.try_consume().ok_or("nothing arrived")?);
    }
    Ok(())
}

fn batches(producer: &mut Producer<'_>, consumer: &mut Consumer<'_>, messages: u64) -> Outcome {
    let message = [1_u8; 240];
    for _ in 0..messages / BATCH {
        let mut batch = producer.batch(BATCH as usize, Wait::No)?;
        for _ in 0..BATCH {
            batch.push(black_box(&message))?;
        }
        batch.commit();
        let batch = consumer.batch(BATCH as usize, Wait::No)?;
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
        let batch = consumer.records::<u64>(0, Wait::Forever)?;
        batch.iter().for_each(|record| {
            black_box(record);
        });
        sent += now;
    }
    Ok(())
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Row([u64; 30]);

impl Typed for Row {
    const KIND: u16 = 1;
}

fn typed(producer: &mut Producer<'_>, consumer: &mut Consumer<'_>, messages: u64) -> Outcome {
    let row = Row([1; 30]);
    for _ in 0..messages {
        producer.value(black_box(&row)).wait(Wait::No).send()?;
        black_box(consumer.value::<Row>(Wait::No)?.0[0]);
    }
    Ok(())
}

/// As a kernel's, with a `u32` and an `f32`.
fn events<const FORMATTED: bool>(
    producer: &mut Producer<'_>,
    consumer: &mut Consumer<'_>,
    messages: u64,
) -> Outcome {
    let text =
        "\u{1}perdix-event 1\u{1f}INFO\u{1f}7\u{1f}src/lib.rs\u{1f}solver\u{1f}tile {} residual {:.3}\u{4}";
    let sites = Sites::from_bytes(text.as_bytes())?;
    let (id, _) = sites.iter().next().ok_or("no site")?;
    let (types, room) = (0x93_u64 << 16, 2 << 12);
    let mut reader = EventReader::new(&sites);
    let mut written = String::new();
    for i in 0..messages {
        let words = [i, u64::from(id), types | room, i & 0xffff, u64::from(0.25_f32.to_bits())];
        let mut grant = producer.reserve(40, Wait::No)?;
        grant.copy_from_slice(bytemuck::bytes_of(black_box(&words)));
        grant.set_kind(EVENT_KIND);
        grant.commit();
        let event = reader.try_next(consumer)?;
        if FORMATTED {
            written.clear();
            write!(written, "{event}")?;
            black_box(&written);
        }
        black_box(event);
    }
    Ok(())
}
