//! How many messages per second kernels send, for each granularity.

use std::time::{Duration, Instant};

use perdix_host::cuda::{DeviceProducer, Launch};
use perdix_host::{Buffer, Builder, ConsumeError, Consumer, Mode, WaitStrategy};

use crate::bench::throughput::read;
use crate::error::Error;
use crate::gpu::{GpuPattern, Rig};
use crate::report::per_second;

/// Messages taken at once.
const BATCH: usize = 32;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);

/// Messages of the first, short run that tells how many make a long one.
const FIRST: u64 = 20_000;

/// No run has more messages, however fast it is.
const MOST: u64 = 1 << 30;

/// One way of producing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The name in tables.
    pub(super) name: &'static str,
    /// The name in JSON.
    pub(super) key: &'static str,
    kernel: &'static str,
    blocks: u32,
    threads: u32,
    /// Messages published together.
    batch: u64,
    pub(super) slots: usize,
}

/// All rows, from one thread to a grid.
pub(super) const ROWS: [Row; 7] = [
    Row::new("1 thread", "thread", "send_thread", [1, 1], 1, 4096),
    Row::new("1 thread, batches of 32", "thread_batches_of_32", "send_thread", [1, 1], 32, 4096),
    Row::new("1 warp", "warp", "send_warp", [1, 32], 1, 4096),
    Row::new("1 warp, batches of 32", "warp_batches_of_32", "send_warp", [1, 32], 32, 4096),
    Row::new("1 block of 8 warps", "block", "send_block", [1, 256], 65_536, 4096),
    Row::new("1 block of 8 warps", "block_large_ring", "send_block", [1, 256], 65_536, 65_536),
    Row::new("grid of 4 x 4 warps", "grid", "send_grid", [4, 128], 32, 16_384),
];

impl Row {
    const fn new(
        name: &'static str,
        key: &'static str,
        kernel: &'static str,
        [blocks, threads]: [u32; 2],
        batch: u64,
        slots: usize,
    ) -> Self {
        Self { name, key, kernel, blocks, threads, batch, slots }
    }

    /// The same with another ring.
    pub(super) fn with_slots(self, slots: usize) -> Self {
        Self { slots, ..self }
    }

    /// The row's ring, but for its memory.
    pub(super) fn ring(&self, mode: Mode, wait: WaitStrategy) -> Builder {
        Buffer::builder().slots(self.slots).mode(mode).wait(wait)
    }

    /// Producers that send the same number of messages each.
    fn shares(&self) -> u64 {
        if self.kernel == "send_grid" { u64::from(self.blocks * self.threads / 32) } else { 1 }
    }

    fn launch<'r>(
        &self,
        rig: &'r Rig,
        producer: &'r DeviceProducer<'_>,
        size: usize,
        share: u64,
    ) -> Result<Launch<'r>, Error> {
        let launch = rig.launch(self.kernel)?.grid(self.blocks).block(self.threads);
        Ok(launch.arg(producer).arg(GpuPattern::new(size).0).arg(share).arg(self.batch))
    }
}

/// Messages per second, as often as asked for; each run takes about `time`.
pub(super) fn rate(
    rig: &Rig,
    row: &Row,
    size: usize,
    repetitions: u32,
    time: Duration,
    ring: impl Fn() -> Result<Buffer, Error>,
) -> Result<Vec<f64>, Error> {
    let mut count = FIRST;
    // Short runs are dominated by how they begin: come near step by step.
    loop {
        let took = run(rig, row, size, count, ring()?)?;
        let enough = took * 10 >= time;
        let factor = time.as_secs_f64() / took.as_secs_f64().max(1e-6);
        count = ((count as f64 * factor.clamp(0.01, 30.0)) as u64).clamp(1000, MOST);
        if enough || count == MOST {
            break;
        }
    }
    let once = |_| {
        let count = count.div_ceil(row.shares()) * row.shares();
        Ok(per_second(count, run(rig, row, size, count, ring()?)?.as_secs_f64()))
    };
    (0..repetitions).map(once).collect()
}

/// Sends about `count` messages through the ring, and returns the time from the first one's arrival to the end.
fn run(rig: &Rig, row: &Row, size: usize, count: u64, mut buffer: Buffer) -> Result<Duration, Error> {
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let share = count.div_ceil(row.shares());
    let launch = row.launch(rig, &producer, size, share)?;
    // SAFETY: these are the parameters that the kernels of the rows have in common, and the launch is as each one says.
    unsafe { launch.start() }?;
    let (received, time) = receive(consumer)?;
    let sent = share * row.shares();
    if received != sent {
        return Err(Error::Check(format!("{received} of {sent} messages arrived")));
    }
    Ok(time)
}

/// Reads every byte of every message until the end of the stream. Owns the consumer, so that the kernel notices when this fails.
fn receive(mut consumer: Consumer<'_>) -> Result<(u64, Duration), Error> {
    let mut received = 0;
    let mut first = None;
    loop {
        match consumer.batch(BATCH, PATIENCE) {
            Ok(batch) => {
                first.get_or_insert_with(Instant::now);
                batch.iter().for_each(|message| read(message.bytes()));
                received += batch.len() as u64;
            }
            Err(ConsumeError::EndOfStream) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok((received, first.map_or(Duration::ZERO, |first| first.elapsed())))
}
