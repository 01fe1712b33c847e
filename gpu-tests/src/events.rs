//! Events of kernels: text, place, time and order, while the kernel runs; dropped ones are counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::DeviceProducer;
use perdix_host::events::{Event, EventError, EventReader, Level, Scope, Sites};
use perdix_host::{ConsumeError, Consumer};

use crate::setup::{Case, PATIENCE, kernels};

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    trials.push(case.trial("events/live", live));
    // Room for all threads at a time, and less.
    for slots in [16_384, 64] {
        trials.push(case.trial(&format!("events/threads_{slots}_slots"), move |case| threads(case, slots)));
    }
    trials.push(case.trial("events/dropped", dropped));
    trials.push(case.trial("events/left_open", left_open));
    for (kernel, grid, block) in
        [("log_thread", 1, 1), ("log_warp", 1, 32), ("log_block", 1, 256), ("log_grid", 4, 128)]
    {
        trials
            .push(case.trial(&format!("events/{kernel}"), move |case| producers(case, kernel, grid, block)));
    }
    trials.push(case.trial("events/lanes", lanes));
    trials.push(case.trial("events/types", types));
}

fn sites() -> &'static Sites {
    kernels().sites().expect("no two sites of one number")
}

fn start(producer: &DeviceProducer<'_>, kernel: &str, grid: u32, block: u32, arguments: &[u32]) {
    let mut launch = kernels().launch(kernel).unwrap().grid(grid).block(block).arg(producer);
    for argument in arguments {
        launch = launch.arg(*argument);
    }
    // SAFETY: the kernel's parameters: a ring and numbers.
    unsafe { launch.start() }.unwrap();
}

/// Takes all events up to the end of the stream; how many others were dropped.
fn all(
    consumer: &mut Consumer<'_>,
    mut each: impl FnMut(&Event<'_>) -> Result<(), Failed>,
) -> Result<u64, Failed> {
    let (mut reader, mut dropped) = (EventReader::new(sites()), 0);
    loop {
        match reader.next(consumer, PATIENCE) {
            Ok(event) => each(&event)?,
            Err(EventError::Stream(ConsumeError::Gap { dropped: some, .. })) => dropped += some,
            Err(EventError::Stream(ConsumeError::EndOfStream)) => return Ok(dropped),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a thread of `log_threads` logs, in order.
fn texts(thread: u16, count: u32) -> Vec<(Level, String)> {
    let mut texts = Vec::new();
    for step in 0..count {
        texts.push((Level::Info, format!("step {step} of {count}: {:.2}", step as f32 * 0.25)));
        if thread % 2 == 1 && step % 4 == 0 {
            texts.push((Level::Warn, format!("thread {thread} is odd at step {step}")));
        }
    }
    texts
}

/// Events are here before the kernel has ended, with times of this clock in their order.
fn live(case: Case) -> Result<(), Failed> {
    const COUNT: u32 = 2000;
    let mut buffer = case.buffer(4096);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let begun = Instant::now();
    // One thread sleeps for 0.2 ms after each event: 0.4 s in all.
    start(&producer, "log_threads", 1, 1, &[COUNT, 200_000]);
    let mut expected = texts(0, COUNT).into_iter();
    let (mut early, mut last, mut last_gpu) = (0, begun, 0);
    let dropped = all(&mut consumer, |event| {
        early += u32::from(producer.is_running()?);
        let (level, text) = expected.next().ok_or("more events than were logged")?;
        if event.to_string() != text || event.level() != level || (event.block(), event.thread()) != (0, 0) {
            return Err(format!("{event:?} came, and not {text:?}").into());
        }
        let (time, now) = (event.time(), Instant::now());
        if time < last || time > now || event.gpu_ns() < last_gpu {
            return Err(format!(
                "{text}: {:?} after the launch, the one before {:?}",
                time - begun,
                last - begun
            )
            .into());
        }
        (last, last_gpu) = (time, event.gpu_ns());
        Ok(())
    })?;
    let took = last - begun;
    if dropped != 0 || expected.next().is_some() {
        return Err(format!("{dropped} events were dropped").into());
    }
    // The last event is logged before the last sleep; all the others have come by then.
    if early < COUNT - 10 {
        return Err(format!("only {early} of {COUNT} events came while the kernel ran").into());
    }
    if took < Duration::from_millis(200) {
        return Err(format!("the events' times span {took:?}, and the kernel sleeps for 0.4 s").into());
    }
    Ok(())
}

/// Every thread of a grid logs by itself, with divergent control flow: all that came is each thread's own, in order.
fn threads(case: Case, slots: usize) -> Result<(), Failed> {
    const COUNT: u32 = 20;
    let mut buffer = case.buffer(slots);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    start(&producer, "log_threads", 16, 96, &[COUNT, 0]);
    let mut left: BTreeMap<(u32, u16), _> = (0..16)
        .flat_map(|block| (0..96).map(move |thread| ((block, thread), texts(thread, COUNT).into_iter())))
        .collect();
    let logged: usize = left.values().map(ExactSizeIterator::len).sum();
    let mut came = 0;
    let dropped = all(&mut consumer, |event| {
        came += 1;
        let expected = left.get_mut(&(event.block(), event.thread())).ok_or("an event from nowhere")?;
        let (level, text) = (event.level(), event.to_string());
        // Those before it were dropped.
        if expected.any(|expected| expected == (level, text.clone())) && event.scope() == Scope::Thread {
            Ok(())
        } else {
            Err(format!("{event:?} ({text}) is out of order").into())
        }
    })?;
    if came + dropped != logged as u64 {
        return Err(format!("{came} events came and {dropped} were dropped, of {logged}").into());
    }
    println!("{}: {came} events came, {dropped} were dropped", case.name());
    Ok(())
}

/// Nobody reads while the kernel runs: it ends all the same, and at once.
fn dropped(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    start(&producer, "log_threads", 16, 96, &[100, 0]);
    producer.wait(Duration::from_secs(5)).map_err(|error| format!("the kernel is stalled: {error}"))?;
    let logged: usize = 16 * (0..96).map(|thread| texts(thread, 100).len()).sum::<usize>();
    let mut came = 0;
    let dropped = all(&mut consumer, |_| {
        came += 1;
        Ok(())
    })?;
    if came + dropped == logged as u64 && came <= 64 {
        Ok(())
    } else {
        Err(format!("{came} events came and {dropped} were dropped, of {logged}").into())
    }
}

/// Kernels one behind the other log into one ring, and wait for room.
fn left_open(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let mut reader = EventReader::new(sites());
    for _ in 0..3 {
        start(&producer, "log_and_go", 4, 64, &[50]);
        let mut next = BTreeMap::<(u32, u16), u32>::new();
        for _ in 0..4 * 64 * 50 {
            let event = reader.next(&mut consumer, PATIENCE)?;
            let step = next.entry((event.block(), event.thread())).or_default();
            if event.to_string() != format!("step {step}") {
                return Err(format!("{event:?} came as step {step} of its thread").into());
            }
            *step += 1;
        }
    }
    match reader.next(&mut consumer, Duration::from_millis(100)) {
        Err(EventError::Stream(ConsumeError::TimedOut { .. })) => Ok(()),
        other => Err(format!("the stream is to be open and empty: {other:?}").into()),
    }
}

/// Events through the producers of each granularity, between other messages.
fn producers(case: Case, kernel: &str, grid: u32, block: u32) -> Result<(), Failed> {
    const COUNT: u32 = 2000;
    let mut buffer = case.buffer(256);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    start(&producer, kernel, grid, block, &[COUNT]);
    let senders = if kernel == "log_grid" { grid * block / 32 } else { 1 };
    let (mut reader, mut others) = (EventReader::new(sites()), 0);
    let mut next = BTreeMap::<(u32, u16), u32>::new();
    loop {
        let message = match consumer.next(PATIENCE) {
            Ok(message) => message,
            Err(ConsumeError::EndOfStream) => break,
            Err(error) => return Err(error.into()),
        };
        if message.kind() == 1 {
            others += 1;
            continue;
        }
        for event in reader.decode(message.kind(), &message)? {
            let step = next.entry((event.block(), event.warp())).or_default();
            if event.to_string() != format!("step {step}") || event.level() != Level::Debug {
                return Err(format!("{event:?} came as step {step} of its sender").into());
            }
            *step += 1;
        }
    }
    let complete = next.len() == senders as usize && next.values().all(|steps| *steps == COUNT);
    if complete && others == if kernel == "log_thread" { COUNT } else { 0 } {
        Ok(())
    } else {
        Err(format!("{next:?} steps and {others} other messages came").into())
    }
}

/// Events of single lanes, many to a message.
fn lanes(case: Case) -> Result<(), Failed> {
    const COUNT: u32 = 1000;
    let mut buffer = case.buffer(256);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    start(&producer, "log_lanes", 4, 64, &[COUNT]);
    let mut next = BTreeMap::<(u32, u16), u32>::new();
    let mut came = 0;
    let dropped = all(&mut consumer, |event| {
        let step = next.entry((event.block(), event.thread())).or_default();
        while (u32::from(event.lane()) | *step) % 3 == 0 {
            *step += 1;
        }
        if event.to_string() != format!("step {step} of lane {}", event.lane()) {
            return Err(format!("{event:?} ({event}) came at step {step}").into());
        }
        *step += 1;
        came += 1;
        Ok(())
    })?;
    let expected: usize = (0..32).map(|lane| (0..COUNT).filter(|step| (lane | step) % 3 != 0).count()).sum();
    if dropped == 0 && came == 8 * expected {
        Ok(())
    } else {
        Err(format!("{came} events came, {dropped} were dropped, of {}", 8 * expected).into())
    }
}

/// Arguments of every type.
fn types(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    start(&producer, "log_types", 1, 1, &[300]);
    let mut came = Vec::new();
    all(&mut consumer, |event| {
        came.push(event.to_string());
        Ok(())
    })?;
    let expected = [
        "44 300 300 1288490188800 300",
        "-44 -300 -300 -300 -300",
        "37.5 18.75 true x 0x12c",
        "{   300} 100.00 0x0000012c -300 101100",
        "no arguments, and a line\nbreak",
    ];
    if came == expected { Ok(()) } else { Err(format!("{came:#?}").into()) }
}
