//! From the CPU to a kernel: through one ring with a bare word back, and requests with their responses, a ring each way.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use perdix_host::Producer;
use perdix_host::cuda::Service;
use perdix_kernels::take::ANSWER;

use super::link::shift_phase;
use super::rig::{Rig, Word};
use crate::error::Error;
use crate::results::{Memory, Mode};

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(2);

/// So many that slots going back do not show before the 99.9th percentile.
const SLOTS: usize = 4096;

/// Words of a message: 240 bytes.
const WORDS: usize = 30;

/// Sends messages one by one, each when the kernel has told that it took the one before, and returns how long the last `count` took, in
/// nanoseconds.
pub(super) fn to_gpu(
    rig: &Rig,
    memory: Memory,
    mode: Mode,
    warm_up: usize,
    count: usize,
) -> Result<Vec<u32>, Error> {
    let mut buffer = rig.ring(memory, mode, SLOTS)?;
    let reply = Word::new(rig, memory)?;
    let (producer, mut consumer) = buffer.split_gpu_consumer()?;
    consumer.set_limit(PATIENCE);
    let launch = rig.launch("take_and_tell")?.block(32).arg(&consumer).arg(reply.address());
    // SAFETY: these are the kernel's parameters; it is one warp, the ring's only consumer, and the word stays until it has ended.
    unsafe { launch.start() }?;
    let outcome = rig.on_consumer_core(|| tell(producer, &reply, warm_up, count));
    // The kernel ends with the stream, so this returns.
    rig.synchronize()?;
    outcome
}

/// Owns the producer, so that the kernel notices when this fails.
fn tell(mut producer: Producer<'_>, reply: &Word, warm_up: usize, count: usize) -> Result<Vec<u32>, Error> {
    const LOOKS_PER_CLOCK: u32 = 1 << 16;
    let mut times = Vec::with_capacity(count);
    for turn in 1..=(warm_up + count) as u64 {
        let message = [turn; WORDS].map(u64::to_le_bytes);
        let begun = Instant::now();
        producer.produce(message.as_flattened())?;
        let mut looks = 0_u32;
        while reply.get().load(Ordering::Acquire) != turn {
            looks = looks.wrapping_add(1);
            if looks % LOOKS_PER_CLOCK == 0 && begun.elapsed() > PATIENCE {
                return Err(Error::Stalled(PATIENCE));
            }
        }
        note(&mut times, begun, turn, warm_up);
    }
    Ok(times)
}

/// Calls a kernel, one request at a time, checks every byte of the responses, and returns how long the last `count` took, in nanoseconds.
pub(super) fn calls(
    rig: &Rig,
    memory: Memory,
    mode: Mode,
    warm_up: usize,
    count: usize,
) -> Result<Vec<u32>, Error> {
    let ring = rig.builder(memory, mode, SLOTS);
    let mut service = Service::with(ring.clone(), ring)?;
    service.set_device_limit(PATIENCE);
    service.client().set_limit(PATIENCE);
    let launch = rig.launch("serve")?.block(32).arg(&service).arg(u64::MAX);
    // SAFETY: these are the kernel's parameters; it is one warp.
    unsafe { launch.start() }?;
    let outcome = rig.on_consumer_core(|| ask(&mut service, warm_up, count));
    service.finish(2 * PATIENCE)?;
    outcome
}

fn ask(service: &mut Service, warm_up: usize, count: usize) -> Result<Vec<u32>, Error> {
    let mut times = Vec::with_capacity(count);
    let client = service.client();
    for turn in 1..=(warm_up + count) as u64 {
        let request = [turn; WORDS].map(u64::to_le_bytes);
        let begun = Instant::now();
        let response = client.call(request.as_flattened())?;
        note(&mut times, begun, turn, warm_up);
        let answer = turn.wrapping_add(ANSWER).to_le_bytes();
        if response.len() != 8 * WORDS || response.chunks(8).any(|word| word != answer) {
            return Err(Error::Wrong(format!("the response to {turn} is {response:?}")));
        }
    }
    Ok(times)
}

/// Notes how long a trip took, and waits a moment.
fn note(times: &mut Vec<u32>, begun: Instant, turn: u64, warm_up: usize) {
    let time = begun.elapsed();
    if turn > warm_up as u64 {
        times.push(u32::try_from(time.as_nanos()).unwrap_or(u32::MAX));
    }
    shift_phase(turn);
}
