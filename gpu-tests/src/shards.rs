//! Sets of rings: a kernel's blocks spread over them, and one consumer or several drain them.

mod life;

use std::collections::HashMap;

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::{DeviceRings, DeviceShards, GpuError};
use perdix_host::{Buffer, ConsumeError, Consumer, MemoryKind, ShardedConsumer, Shards};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

use crate::setup::{Case, PATIENCE, check_some, kernels};

const MIXED: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 1 };
/// Its first word says who sent it.
const FULL: Pattern = Pattern { len: 240, sentinels: 0 };
const SHORT: Pattern = Pattern { len: 16, sentinels: 0 };

pub(crate) use life::{OURS, child};

/// Rings and blocks: as many, more, fewer, uneven.
const SHAPES: [(usize, u32); 6] = [(4, 4), (2, 5), (3, 7), (5, 2), (8, 1), (1, 6)];

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    let mut add = |name: &str, test: fn(Case) -> Result<(), Failed>| {
        trials.push(case.trial(&format!("shards/{name}"), test));
    };
    add("one_fair_consumer", one_consumer);
    add("a_thread_for_each_ring", threads);
    add("several_consumers_share_the_rings", parts);
    add("a_block_for_each_ring", blocks);
    add("blocks_share_rings", grids);
    life::add(case, trials);
}

pub(crate) fn add_general(trials: &mut Vec<Trial>) {
    trials.push(Trial::test("errors/shards_on_the_heap_are_not_reachable", || {
        let ring = Buffer::builder().slots(8).memory(MemoryKind::Heap);
        match Shards::builder(2).ring(ring).build()?.split_gpu() {
            Err(GpuError::NotReachable) => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }));
}

fn shards(case: Case, rings: usize, slots: usize) -> Shards {
    Shards::builder(rings).ring(case.builder(slots)).build().unwrap()
}

/// One of the kernels that spread over rings.
#[derive(Clone, Copy, Debug)]
struct Sender {
    kernel: &'static str,
    grid: u32,
    block: u32,
    batch: u64,
}

const BLOCKS: Sender = Sender { kernel: "send_shards_block", grid: 4, block: 256, batch: 1 << 20 };
const GRID: Sender = Sender { kernel: "send_shards_grid", grid: 4, block: 128, batch: 32 };

impl Sender {
    fn start(self, device: &DeviceShards<'_>, pattern: Pattern, count: u64) {
        self.start_with(device, device.rings(), pattern, count);
    }

    fn start_with(self, device: &DeviceShards<'_>, rings: DeviceRings, pattern: Pattern, count: u64) {
        let launch = kernels().launch(self.kernel).unwrap().grid(self.grid).block(self.block);
        let launch = launch.attach(device).arg_unattached(rings).arg(pattern).arg(count).arg(self.batch);
        // SAFETY: the parameters of both kernels, alone on rings that `device` keeps.
        unsafe { launch.start() }.unwrap();
    }

    /// The first identity of each sender on ring `ring` of `rings`.
    fn senders(self, ring: usize, rings: usize) -> Vec<u64> {
        let blocks = (0..u64::from(self.grid)).filter(|block| block % rings as u64 == ring as u64);
        if self.kernel == "send_shards_block" {
            return blocks.filter(|block| *block == ring as u64).map(|block| block << 40).collect();
        }
        let warps = u64::from(self.block / 32);
        blocks.flat_map(|block| (block * warps..(block + 1) * warps).map(|warp| warp << 40)).collect()
    }
}

/// What has come on each ring so far: each sender's next identity.
struct Seen {
    pattern: Pattern,
    next: Vec<HashMap<u64, u64>>,
    wrong: Option<String>,
}

impl Seen {
    fn new(sender: Sender, rings: usize, pattern: Pattern) -> Self {
        let next = |ring| sender.senders(ring, rings).into_iter().map(|first| (first >> 40, first)).collect();
        Self { pattern, next: (0..rings).map(next).collect(), wrong: None }
    }

    /// Checks a message as the next one of its sender on its ring.
    fn check(&mut self, ring: usize, kind: u16, bytes: &[u8]) {
        let next = &mut self.next[ring];
        let sender = match bytes.get(..8).map(|word| u64::from_le_bytes(word.try_into().unwrap()) >> 40) {
            // The payload does not say who sent it where there is but one.
            _ if next.len() == 1 => next.keys().next().copied(),
            other => other,
        };
        match sender.and_then(|sender| next.get_mut(&sender)) {
            Some(id) if self.pattern.matches(*id, kind, bytes) => *id += 1,
            _ => self.wrong = self.wrong.take().or(Some(format!("ring {ring}: kind {kind}, {bytes:02x?}"))),
        }
    }

    /// Whether each sender has sent `count` messages, and nothing else came.
    fn whole(self, count: u64) -> Result<(), Failed> {
        if let Some(wrong) = self.wrong {
            return Err(wrong.into());
        }
        for (ring, next) in self.next.iter().enumerate() {
            if let Some((sender, id)) = next.iter().find(|(sender, id)| **id != (**sender << 40) + count) {
                return Err(format!("ring {ring}: sender {sender} stopped at {id:#x}").into());
            }
        }
        Ok(())
    }
}

/// Launches a sender on a set of rings and checks all that comes on one consumer.
fn send(
    case: Case,
    sender: Sender,
    rings: usize,
    slots: usize,
    pattern: Pattern,
    count: u64,
) -> Result<(), Failed> {
    let mut shards = shards(case, rings, slots);
    let (device, consumers) = shards.split_gpu()?;
    sender.start(&device, pattern, count);
    let mut seen = Seen::new(sender, rings, pattern);
    let mut consumer = ShardedConsumer::new(consumers);
    let all = consumer.for_each(|ring, message| seen.check(ring, message.kind(), &message))?;
    device.wait(PATIENCE)?;
    let sum = device.counters().read();
    if (sum.sent, sum.received, sum.dropped) != (all, all, 0) || sum.sent_bytes != sum.received_bytes {
        return Err(format!("{all} messages, but {sum:?}").into());
    }
    seen.whole(count).map_err(|failed| format!("{sender:?} on {rings} rings: {failed:?}").into())
}

fn one_consumer(case: Case) -> Result<(), Failed> {
    send(case, BLOCKS, 4, 64, MIXED, 2410)?;
    send(case, BLOCKS, 4, 4096, FULL, 500_000)?;
    send(case, GRID, 4, 1024, FULL, 20_000)
}

fn blocks(case: Case) -> Result<(), Failed> {
    for (rings, grid) in SHAPES {
        for slots in [1, 256] {
            send(case, Sender { grid, ..BLOCKS }, rings, slots, MIXED, 1000)?;
        }
    }
    send(case, Sender { batch: 5, ..BLOCKS }, 4, 64, MIXED, 1000)
}

fn grids(case: Case) -> Result<(), Failed> {
    for (rings, grid) in SHAPES {
        for slots in [2, 256] {
            send(case, Sender { grid, batch: 7, ..GRID }, rings, slots, SHORT, 300)?;
        }
    }
    send(case, Sender { grid: 70, block: 64, batch: 3, ..GRID }, 8, 512, SHORT, 200)
}

fn threads(case: Case) -> Result<(), Failed> {
    let count = 300_000;
    let mut shards = shards(case, 4, 1024);
    let (device, consumers) = shards.split_gpu()?;
    BLOCKS.start(&device, FULL, count);
    let drain = |(ring, mut consumer): (usize, Consumer<'_>)| {
        check_some(&mut consumer, FULL, (ring as u64) << 40, count)?;
        match consumer.next(PATIENCE) {
            Err(ConsumeError::EndOfStream) => Ok(()),
            other => Err(Failed::from(format!("ring {ring}, at the end: {other:?}"))),
        }
    };
    std::thread::scope(|scope| {
        let drain = &drain;
        let threads: Vec<_> =
            consumers.into_iter().enumerate().map(|ring| scope.spawn(move || drain(ring))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })
}

fn parts(case: Case) -> Result<(), Failed> {
    let (rings, count) = (5, 50_000);
    let sender = Sender { grid: 5, ..BLOCKS };
    let mut shards = shards(case, rings, 256);
    let (device, consumers) = shards.split_gpu()?;
    sender.start(&device, MIXED, count);
    let parts = ShardedConsumer::new(consumers).into_parts(2.try_into()?);
    let drain = |mut part: ShardedConsumer<'_>| {
        let mut seen = Seen::new(sender, rings, MIXED);
        let all = part.for_each(|ring, message| seen.check(ring, message.kind(), &message))?;
        match seen.wrong {
            Some(wrong) => Err(Failed::from(wrong)),
            None if all == part.len() as u64 * count => Ok(()),
            None => Err(format!("{all} messages of {} rings", part.len()).into()),
        }
    };
    std::thread::scope(|scope| {
        let drain = &drain;
        let threads: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || drain(part))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })
}
