//! How many messages per second get through: of rings and of baselines.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use perdix_host::Consumer;
use perdix_host::cuda::DeviceProducer;
use perdix_kernels::pattern::Pattern;

use super::baselines;
use super::rig::Rig;
use super::shards::shards;
use crate::consume::records::receive as receive_records;
use crate::consume::ring::{Identities, Meter, receive};
use crate::consume::{PATIENCE, Received};
use crate::error::Error;
use crate::results::{Config, Memory, Mode, Sender};
use crate::stats::Spread;

/// Messages of the first, short run that tells how many make a long one.
const FIRST: u64 = 20_000;

/// No run has more messages, however fast it is.
const MOST: u64 = 1 << 28;

/// How long consumers may take to get going.
const START: Duration = Duration::from_secs(1);

/// What one run moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran {
    /// Messages.
    pub(super) messages: u64,
    /// From the first one's arrival to the end.
    pub(super) rate: f64,
}

impl From<Received> for Ran {
    fn from(received: Received) -> Self {
        Self { messages: received.count, rate: received.rate() }
    }
}

/// Messages per second in each kind of memory, in turns, so that all have the same share of the machine's moods.
pub(super) fn rates(
    rig: &Rig,
    config: &Config,
    memories: &[Memory],
    repetitions: usize,
    time: Duration,
) -> Result<Vec<(Memory, Spread)>, Error> {
    let first = memories.first().copied().unwrap_or(Memory::Pinned);
    let count = enough(time, |count| run(rig, config, first, count))?;
    let mut found: Vec<(Memory, Vec<f64>)> = memories.iter().map(|memory| (*memory, Vec::new())).collect();
    for _ in 0..repetitions {
        for (memory, rates) in &mut found {
            rates.push(run(rig, config, *memory, count)?.rate);
        }
    }
    Ok(found.into_iter().map(|(memory, rates)| (memory, Spread::of(&rates))).collect())
}

/// How many messages take about that time. Short runs are dominated by how they begin: comes near step by step.
fn enough(time: Duration, run: impl Fn(u64) -> Result<Ran, Error>) -> Result<u64, Error> {
    let mut count = FIRST;
    loop {
        let Ran { messages, rate } = run(count)?;
        let took = messages as f64 / rate.max(1.0);
        let is_near = took * 8.0 >= time.as_secs_f64();
        let factor = time.as_secs_f64() / took.max(1e-6);
        count = ((count as f64 * factor.clamp(0.01, 20.0)) as u64).clamp(1000, MOST);
        if is_near || count == MOST {
            return Ok(count);
        }
    }
}

/// Sends about `count` messages.
fn run(rig: &Rig, config: &Config, memory: Memory, count: u64) -> Result<Ran, Error> {
    match config.sender {
        Sender::Thread | Sender::Warp | Sender::Block | Sender::Grid => rings(rig, config, memory, count),
        Sender::BaselineSlots => baselines::slots(rig, config, memory, count),
        Sender::FifoRelease | Sender::FifoRelaxed => baselines::fifo(rig, config, memory, count),
        Sender::ShardedBlocks | Sender::ShardedGrid => shards(rig, config, memory, count),
        Sender::MadeRecords | Sender::PackedRecords => records(rig, config, memory, count),
    }
}

/// Rings apart from each other, each with its own launch and consumer.
fn rings(rig: &Rig, config: &Config, memory: Memory, count: u64) -> Result<Ran, Error> {
    let senders = senders(config);
    let share = count.div_ceil(config.rings as u64 * senders);
    let mode = config.mode.unwrap_or(Mode::Fenced);
    let mut buffers = Vec::new();
    for _ in 0..config.rings {
        buffers.push(rig.ring(memory, mode, config.slots)?);
    }
    let (mut producers, mut consumers) = (Vec::new(), Vec::new());
    for buffer in &mut buffers {
        let (mut producer, consumer) = buffer.split_gpu()?;
        producer.set_limit(PATIENCE);
        producers.push(producer);
        consumers.push((consumer, Identities::of(senders)));
    }
    let launch = || producers.iter().try_for_each(|producer| start(rig, config, producer, share));
    let received = together(rig, consumers, receive, launch)?;
    check(&received, share * senders * config.rings as u64)
}

/// Producers of one ring that count their messages apart.
fn senders(config: &Config) -> u64 {
    match config.sender {
        Sender::Grid => u64::from(config.blocks * config.threads / 32),
        _ => 1,
    }
}

/// Starts the kernel that sends as the configuration says, `share` messages from each sender.
pub(super) fn start(
    rig: &Rig,
    config: &Config,
    producer: &DeviceProducer<'_>,
    share: u64,
) -> Result<(), Error> {
    let kernel = match (config.sender, config.batch) {
        (Sender::Thread, 1) => "flood_thread",
        (Sender::Thread, _) => "send_thread",
        (Sender::Warp, 1) => "flood_warp",
        (Sender::Warp, _) => "flood_warp_batches",
        (Sender::Grid, _) => "flood_grid",
        _ => "flood_block",
    };
    let launch = rig.launch(kernel)?.grid(config.blocks).block(config.threads).arg(producer);
    let launch = match kernel {
        "send_thread" => launch.arg(Pattern { len: config.bytes, sentinels: 0 }).arg(share).arg(config.batch),
        "flood_warp_batches" => launch.arg(u64::from(config.bytes)).arg(share).arg(config.batch),
        _ => launch.arg(u64::from(config.bytes)).arg(share),
    };
    // SAFETY: these are each kernel's parameters, and the launch is as it says.
    Ok(unsafe { launch.start() }?)
}

/// Records of 16 bytes, as many to a slot as fit.
fn records(rig: &Rig, config: &Config, memory: Memory, count: u64) -> Result<Ran, Error> {
    const LANES: u64 = 32;
    let mut buffer = rig.ring(memory, config.mode.unwrap_or(Mode::Fenced), config.slots)?;
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let warps = u64::from(config.blocks * config.threads / 32);
    // The one kernel counts a warp's records, the other rounds in which each lane has one.
    let (kernel, share, each) = match config.sender {
        Sender::PackedRecords => ("pack_records", count.div_ceil(warps * LANES), LANES),
        _ => ("send_records", count.div_ceil(warps), 1),
    };
    let received = together(rig, vec![(consumer, Identities::of(warps))], receive_records, || {
        let launch = rig.launch(kernel)?.grid(config.blocks).block(config.threads);
        let launch = launch.arg(&producer).arg(share);
        // SAFETY: these are the kernels' parameters, and nothing else is launched on this ring.
        Ok(unsafe { launch.start() }?)
    })?;
    check(&received, share * each * warps)
}

/// How a consumer receives.
pub(super) type Receive = fn(Consumer<'_>, Identities, &Meter) -> Result<Received, Error>;

/// Lets each consumer receive on a thread of its own, pinned, and launches once all are ready.
pub(super) fn together(
    rig: &Rig,
    consumers: Vec<(Consumer<'_>, Identities)>,
    receive: Receive,
    launch: impl FnOnce() -> Result<(), Error>,
) -> Result<Vec<Received>, Error> {
    let (ready, count) = (AtomicUsize::new(0), consumers.len());
    thread::scope(|scope| {
        let ready = &ready;
        let mut threads = Vec::new();
        for (index, (consumer, identities)) in consumers.into_iter().enumerate() {
            threads.push(scope.spawn(move || {
                let pinned = rig.cores.pin_consumer(index).map_err(Error::Cores);
                ready.fetch_add(1, Ordering::Relaxed);
                pinned?;
                receive(consumer, identities, &Meter::default())
            }));
        }
        let begun = Instant::now();
        while ready.load(Ordering::Relaxed) < count && begun.elapsed() < START {
            thread::yield_now();
        }
        let launched = launch();
        let received: Vec<_> =
            threads.into_iter().map(|thread| thread.join().map_err(|_| Error::Panicked)).collect();
        launched?;
        received.into_iter().map(|received| received?).collect()
    })
}

/// The rate of what was received, if it is all that was sent.
pub(super) fn check(received: &[Received], sent: u64) -> Result<Ran, Error> {
    let messages = received.iter().map(|one| one.count).sum();
    if messages == sent {
        return Ok(Ran { messages, rate: Received::rate_of(received) });
    }
    Err(Error::Wrong(format!("{messages} of {sent} messages arrived")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_messages_as_take_the_time() {
        let rate = 1e6;
        let run = |messages| Ok(Ran { messages, rate });
        for milliseconds in [10, 100, 1000] {
            let count = enough(Duration::from_millis(milliseconds), run).unwrap();
            assert!((count as f64 / (milliseconds as f64 * 1e3) - 1.0).abs() < 0.01, "{count}");
        }
        let at_once = |messages| Ok(Ran { messages, rate: f64::INFINITY });
        assert_eq!(enough(Duration::from_millis(100), at_once).unwrap(), MOST);
        let never = |messages| Ok(Ran { messages, rate: 0.0 });
        assert_eq!(enough(Duration::from_millis(100), never).unwrap(), 1000);
    }

    #[test]
    fn a_missing_message_fails() {
        let now = Instant::now();
        let received = [Received { count: 5, first: now, last: now + Duration::from_secs(1) }];
        assert_eq!(check(&received, 5).unwrap().rate, 5.0);
        assert!(check(&received, 6).is_err() && check(&[], 1).is_err());
    }
}
