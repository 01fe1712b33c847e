//! What tasks cost: rates, round trips and idle waits, beside the same with threads. The figures of `docs/async.md` come from here.
//!
//! `cargo run --release -p perdix-host --features futures --example task_costs`

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use futures_executor::block_on;
use futures_util::future::join;
use futures_util::{SinkExt, StreamExt, stream};
use perdix_host::poller::{self, PollerConfig};
use perdix_host::{Buffer, Consumer, Producer, WaitStrategy};

const MESSAGES: u64 = 3_000_000;
const ROUND_TRIPS: u32 = 20_000;
const MESSAGE: [u8; 32] = [7; 32];

fn main() -> Result<(), Box<dyn Error>> {
    println!("{MESSAGES} messages of 32 bytes, ring of 4096 slots, producer a thread that sends one by one:");
    rate("threads, in place (for_each)", |mut consumer| {
        let _ = consumer.for_each(|message| {
            std::hint::black_box(message);
        });
    })?;
    rate("threads, copies (messages)", |consumer| consumer.into_iter().for_each(drop))?;
    rate("task, in place (next_message)", |mut consumer| {
        block_on(async { while consumer.next_message().await.is_ok() {} });
    })?;
    rate("task, copies (into_stream)", |consumer| {
        block_on(consumer.into_stream().for_each(|message| {
            drop(std::hint::black_box(message));
            std::future::ready(())
        }));
    })?;
    sink_to_stream()?;

    println!("{ROUND_TRIPS} round trips over two rings:");
    let (mut ping, mut pong, mut echo) = two_rings()?;
    round_trips("threads, Backoff", || {
        let _ = ping.produce(&MESSAGE);
        let _ = pong.consume().map(drop);
    });
    drop(ping);
    let _ = echo.join();
    for wait in [WaitStrategy::Backoff, WaitStrategy::Spin] {
        poller::configure(PollerConfig { wait, ..PollerConfig::default() });
        (ping, pong, echo) = two_rings()?;
        round_trips(&format!("one task and an echoing thread, poller {wait:?}"), || {
            let _ = ping.produce(&MESSAGE);
            let _ = block_on(pong.next_message()).map(drop);
        });
        drop(ping);
        let _ = echo.join();
    }

    println!("a task that waits for 2 s while nothing comes:");
    for longest in [50, 200, 1000, 10_000] {
        let longest_sleep = Duration::from_micros(longest);
        poller::configure(PollerConfig { longest_sleep, ..PollerConfig::default() });
        idle(longest_sleep)?;
    }
    Ok(())
}

fn rate(what: &str, receive: impl FnOnce(Consumer<'static>)) -> Result<(), Box<dyn Error>> {
    let (mut producer, consumer) = Buffer::new(4096)?.split();
    let begun = Instant::now();
    let sending = thread::spawn(move || (0..MESSAGES).try_for_each(|_| producer.produce(&MESSAGE)));
    receive(consumer);
    report(what, begun);
    sending.join().map_err(|_| "the producer panicked")??;
    Ok(())
}

fn sink_to_stream() -> Result<(), Box<dyn Error>> {
    let (producer, consumer) = Buffer::new(4096)?.split();
    let begun = Instant::now();
    let sending = async {
        let mut messages = stream::iter((0..MESSAGES).map(|_| Ok(MESSAGE)));
        let mut sink = producer.into_sink();
        sink.send_all(&mut messages).await?;
        sink.close().await
    };
    let receiving = consumer.into_stream().for_each(|message| {
        drop(std::hint::black_box(message));
        std::future::ready(())
    });
    block_on(join(sending, receiving)).0?;
    report("two tasks on one thread, Sink to Stream", begun);
    Ok(())
}

fn report(what: &str, begun: Instant) {
    println!("  {what:48} {:6.2} million/s", MESSAGES as f64 / begun.elapsed().as_secs_f64() / 1e6);
}

/// A ring to a thread that sends everything back on another.
fn two_rings() -> Result<(Producer<'static>, Consumer<'static>, thread::JoinHandle<()>), Box<dyn Error>> {
    let (ping, mut there) = Buffer::new(64)?.split();
    let (mut back, pong) = Buffer::new(64)?.split();
    let echo = thread::spawn(move || {
        let _ = there.for_each(|message| drop(back.produce(&message)));
    });
    Ok((ping, pong, echo))
}

fn round_trips(what: &str, mut round_trip: impl FnMut()) {
    let mut times: Vec<Duration> = (0..ROUND_TRIPS)
        .map(|_| {
            let begun = Instant::now();
            round_trip();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 1000).copied().unwrap_or_default();
    println!("  {what:48} median {:?}, 99 % within {:?}", at(500), at(990));
}

fn idle(longest: Duration) -> Result<(), Box<dyn Error>> {
    let (mut producer, mut consumer) = Buffer::new(64)?.split();
    let waiting = thread::spawn(move || block_on(consumer.next_message()).map(|_| Instant::now()));
    thread::sleep(Duration::from_millis(100));
    let (begun, used) = (Instant::now(), cpu_time()?);
    thread::sleep(Duration::from_secs(2));
    let used = cpu_time()?.saturating_sub(used).as_secs_f64() / begun.elapsed().as_secs_f64();
    let sent = Instant::now();
    producer.produce(&MESSAGE)?;
    let seen = waiting.join().map_err(|_| "the task panicked")??;
    let late = seen.saturating_duration_since(sent);
    println!("  longest sleep {longest:?}: {:.2} % of a core, then woken after {late:?}", used * 100.0);
    Ok(())
}

/// What all threads of this process have used.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let mut all = Duration::ZERO;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        all += Duration::from_nanos(times.split(' ').next().unwrap_or_default().parse()?);
    }
    Ok(all)
}
