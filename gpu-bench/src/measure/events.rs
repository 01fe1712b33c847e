//! What logging costs a kernel, by the kernel's own clock, and how many events a reader takes.

use std::thread;
use std::time::{Duration, Instant};

use perdix_host::events::{EventError, EventReader, Sites, Value};
use perdix_host::{ConsumeError, Consumer};

use super::rig::Rig;
use crate::consume::PATIENCE;
use crate::error::Error;
use crate::plan::{Logging, Scene};
use crate::results::EventCost;
use crate::stats::Spread;

/// Kernels launched for one scene.
const REPETITIONS: usize = 5;
/// How long a reader stays away from a ring that is to be full: longer than the kernels log.
const AWAY: Duration = Duration::from_millis(150);

/// Measures one scene.
pub(super) fn events(rig: &Rig, scene: Scene) -> Result<EventCost, Error> {
    let sites = Sites::from_ptx(perdix_kernels::PTX).map_err(|error| Error::Wrong(error.to_string()))?;
    let [blocks, threads] = shape(rig, scene)?;
    let (mut nanoseconds, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        let ran = rig.on_consumer_core(|| run(rig, scene, [blocks, threads], &sites))?;
        nanoseconds.push(ran.nanoseconds);
        rates.extend(ran.rate);
    }
    Ok(EventCost {
        logging: scene.logging.name().to_owned(),
        mode: scene.mode,
        blocks,
        threads,
        nanoseconds: Spread::of(&nanoseconds),
        read_per_second: (!rates.is_empty()).then(|| Spread::of(&rates)),
    })
}

fn shape(rig: &Rig, scene: Scene) -> Result<[u32; 2], Error> {
    Ok(if scene.is_grid { [rig.multiprocessors()?, 256] } else { [1, scene.threads] })
}

/// One launch.
struct Ran {
    /// Nanoseconds of a thread for an event, the mean over all threads.
    nanoseconds: f64,
    /// Events that the reader took each second, where it was there all the time.
    rate: Option<f64>,
}

fn run(rig: &Rig, scene: Scene, [blocks, threads]: [u32; 2], sites: &Sites) -> Result<Ran, Error> {
    let all = u64::from(blocks) * u64::from(threads);
    let Scene { logging, mode, .. } = scene;
    let (slots, count) = match logging {
        // No event may find the ring full, nor the room for all threads at a time taken.
        Logging::Burst => (262_144, (200_000 / all).saturating_sub(3).clamp(1, 4000)),
        Logging::Full => (64, (2_000_000 / all).clamp(50, 2000)),
        Logging::Waiting | Logging::Lanes => (65_536, (1_000_000 / all).clamp(20, 20_000)),
        Logging::Off => (65_536, 100_000),
    };
    let mut buffer = rig.ring(rig.memory(), mode, slots)?;
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let kernel = if logging == Logging::Lanes { "flood_lane_events" } else { "flood_events" };
    let launch = rig.launch(kernel)?.grid(blocks).block(threads).arg(&producer).arg(count as u32);
    let launch = match logging {
        Logging::Lanes => launch,
        Logging::Burst | Logging::Full => launch.arg(0_u32),
        Logging::Waiting => launch.arg(1_u32),
        Logging::Off => launch.arg(2_u32),
    };
    // SAFETY: these are the kernels' parameters; nothing else is launched on the ring.
    unsafe { launch.start() }?;
    if logging == Logging::Full {
        thread::sleep(AWAY);
    }
    let finals = if logging == Logging::Lanes { all / 32 } else { all };
    let read = read(consumer, sites, finals);
    // The kernel ends by itself if its consumer is gone, so this returns.
    rig.synchronize()?;
    let read = read?;
    let expected = match logging {
        Logging::Full => None,
        Logging::Off => Some(0),
        Logging::Burst | Logging::Waiting | Logging::Lanes => Some(count * all),
    };
    if expected.is_some_and(|expected| read.sent != expected || (read.sent != read.came)) {
        let (sent, came) = (read.sent, read.came);
        return Err(Error::Wrong(format!("{sent} events sent and {came} read, not {expected:?}")));
    }
    let is_rate = matches!(logging, Logging::Waiting | Logging::Lanes);
    Ok(Ran {
        nanoseconds: read.took as f64 / finals as f64 / count as f64,
        rate: is_rate.then(|| read.came as f64 / read.time.as_secs_f64()),
    })
}

/// What a reader has taken.
#[derive(Debug, Default)]
struct Read {
    /// Events but the last ones.
    came: u64,
    /// Those that were sent, by the last events.
    sent: u64,
    /// Nanoseconds that the threads took, added up.
    took: u64,
    /// From the first to the last.
    time: Duration,
}

/// Takes events until `finals` threads or warps have said how many they sent.
fn read(mut consumer: Consumer<'_>, sites: &Sites, finals: u64) -> Result<Read, Error> {
    let (mut read, mut reader, mut left) = (Read::default(), EventReader::new(sites), finals);
    let mut begun = None;
    while left > 0 {
        let event = match reader.next(&mut consumer, PATIENCE) {
            Ok(event) => event,
            Err(EventError::Stream(ConsumeError::Gap { .. })) => continue,
            Err(EventError::Stream(error)) => return Err(error.into()),
            Err(error) => return Err(Error::Wrong(error.to_string())),
        };
        let begun = *begun.get_or_insert_with(Instant::now);
        if event.site().format().ends_with("ns") {
            left -= 1;
            let mut values = event.arguments().filter_map(Value::as_u64);
            read.sent += values.next().unwrap_or(0);
            read.took += values.next().unwrap_or(0);
        } else {
            read.came += 1;
            read.time = begun.elapsed();
        }
    }
    Ok(read)
}
