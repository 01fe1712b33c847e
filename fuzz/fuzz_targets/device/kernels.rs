//! Kernels that send the messages of a table.

use std::ops::Range;

use perdix_core::DeviceRing;
use perdix_core::sentinel::SENTINEL;
use perdix_fuzz::input::Input;
use perdix_gpu::intrinsics::{block_rank, warp_id, warps_per_block};
use perdix_gpu::{BlockProducer, Error, GridProducer, PAYLOAD_SIZE, Source, ThreadProducer, WarpProducer};

/// Messages of a table at most: a launch of a few dozen threads is slow enough.
const MESSAGES: usize = 150;

/// One message: its payload is two words in turn, one of which may be the sentinel.
#[derive(Clone, Copy, Debug)]
struct Row {
    kind: u16,
    len: usize,
    words: [u64; 2],
}

/// What the senders send.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
    /// The kind that takes the place of the rows' own, where several senders share a ring.
    kind: Option<u16>,
}

impl Table {
    /// The messages that the rest of the bytes say.
    pub(crate) fn draw(input: &mut Input<'_>) -> Self {
        let row = |input: &mut Input<'_>| {
            let len = match input.byte() {
                len @ ..=240 => len.into(),
                241 => 241, // too long
                other => usize::from(other) % 32,
            };
            let words = [input.pick([SENTINEL, !SENTINEL, 0, 1]), input.short().into()];
            Row { kind: input.byte().into(), len, words }
        };
        let rows = std::iter::from_fn(|| (!input.is_over()).then(|| row(input)));
        Self { rows: rows.take(MESSAGES).collect(), kind: None }
    }

    /// Some of the messages.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let range = range.start.min(self.rows.len())..range.end.min(self.rows.len());
        Self { rows: self.rows[range].to_vec(), kind: self.kind }
    }

    /// Whether a message is longer than a slot, which ends the stream.
    pub(crate) fn has_too_long(&self) -> bool {
        self.rows.iter().any(|row| row.len > PAYLOAD_SIZE)
    }

    /// The messages that one of so many senders can send, as (kind, payload).
    pub(crate) fn sendable(&self, sender: u16, senders: u16) -> Vec<(u16, Vec<u8>)> {
        let table = self.of(sender, senders);
        let rows = self.rows.iter().take_while(|row| row.len <= PAYLOAD_SIZE).enumerate();
        rows.map(|(index, row)| (table.kind(index as u64), payload(row))).collect()
    }

    fn of(&self, sender: u16, senders: u16) -> Self {
        Self { rows: self.rows.clone(), kind: (senders > 1).then_some(sender) }
    }

    fn count(&self) -> u64 {
        self.rows.len() as u64
    }
}

fn payload(row: &Row) -> Vec<u8> {
    row.words.into_iter().flat_map(u64::to_le_bytes).cycle().take(row.len).collect()
}

impl Source for Table {
    fn len(&self, index: u64) -> usize {
        self.rows.get(index as usize).map_or(0, |row| row.len)
    }

    fn kind(&self, index: u64) -> u16 {
        self.kind.unwrap_or_else(|| self.rows.get(index as usize).map_or(0, |row| row.kind))
    }

    fn chunk(&self, index: u64, _chunk: usize) -> [u64; 2] {
        self.rows.get(index as usize).map_or([0; 2], |row| row.words)
    }
}

/// How a kernel leaves the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Pauses,
    Finishes,
}

/// Who sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Thread,
    Warp,
    Block { warps: u32 },
    Grid { blocks: u32, warps: u32 },
}

impl Shape {
    /// One of them; threads most often, because they are fastest.
    pub(crate) fn draw(input: &mut Input<'_>) -> Self {
        match input.below(8) {
            0..=3 => Self::Thread,
            4 | 5 => Self::Warp,
            6 => Self::Block { warps: u32::from(input.below(3)) + 1 },
            _ => Self::Grid { blocks: u32::from(input.below(2)) + 1, warps: u32::from(input.below(2)) + 1 },
        }
    }

    /// Blocks, and threads of each.
    pub(crate) fn launch(self) -> (u32, u32) {
        match self {
            Self::Thread => (1, 1),
            Self::Warp => (1, 32),
            Self::Block { warps } => (1, 32 * warps),
            Self::Grid { blocks, warps } => (blocks, 32 * warps),
        }
    }

    /// How many times the messages are sent: by each warp of a grid.
    pub(crate) fn senders(self) -> u16 {
        if let Self::Grid { blocks, warps } = self { (blocks * warps) as u16 } else { 1 }
    }

    /// The kernel: sends the table, `batch` messages in each call.
    pub(crate) fn send(self, ring: DeviceRing, table: &Table, batch: u64, ending: Ending) {
        match self {
            Self::Thread => thread(ring, table, batch, ending),
            Self::Warp => warp(ring, table, batch, ending),
            Self::Block { .. } => block(ring, table, batch, ending),
            Self::Grid { .. } => grid(ring, table, self.senders(), batch, ending),
        }
    }
}

/// The table cut into batches.
fn batches(table: &Table, batch: u64) -> impl Iterator<Item = Table> {
    let batch = batch as usize;
    (0..table.rows.len()).step_by(batch).map(move |first| table.part(first..first + batch))
}

fn thread(ring: DeviceRing, table: &Table, batch: u64, ending: Ending) {
    // SAFETY: launched as one thread, on a ring that lives on.
    let mut producer = unsafe { ThreadProducer::new(ring) }.expect("a ring that a host made");
    for (index, row) in table.rows.iter().enumerate() {
        let bytes = payload(row);
        let result = match index as u64 % batch {
            0 if batch > 1 => producer.produce_with(row.kind, row.len, |_| row.words),
            1 if batch > 2 => match producer.stage(row.kind, &bytes) {
                Err(Error::Full) => producer.produce(row.kind, &bytes),
                other => {
                    producer.publish();
                    other
                }
            },
            _ => producer.produce(row.kind, &bytes),
        };
        if let Err(error) = result {
            return producer.fail(error);
        }
    }
    if ending == Ending::Pauses { producer.pause() } else { producer.finish() }
}

fn warp(ring: DeviceRing, table: &Table, batch: u64, ending: Ending) {
    // SAFETY: launched as one warp, on a ring that lives on.
    let mut producer = unsafe { WarpProducer::new(ring) }.expect("a ring that a host made");
    for some in batches(table, batch) {
        let result = match (&some.rows[..], batch) {
            ([row], 1) => producer.produce(row.kind, row.len, |_| row.words),
            _ => producer.produce_batch(some.count(), &some).map_err(|partial| partial.error),
        };
        if let Err(error) = result {
            return producer.fail(error);
        }
    }
    if ending == Ending::Pauses { producer.pause() } else { producer.finish() }
}

fn block(ring: DeviceRing, table: &Table, batch: u64, ending: Ending) {
    // SAFETY: launched as one block, on a ring that lives on.
    let mut producer = unsafe { BlockProducer::new(ring) }.expect("a ring that a host made");
    let mut whole = true;
    for some in batches(table, batch) {
        if producer.produce_batch(some.count(), &some).is_err() {
            whole = false;
            break;
        }
    }
    if ending == Ending::Pauses && whole && !table.has_too_long() {
        producer.pause()
    } else {
        producer.finish()
    }
}

fn grid(ring: DeviceRing, table: &Table, senders: u16, batch: u64, ending: Ending) {
    // SAFETY: launched alone, on a ring that lives on.
    let mut producer = unsafe { GridProducer::new(ring) }.expect("a ring that a host made");
    let sender = block_rank() as u16 * warps_per_block() as u16 + warp_id() as u16;
    let mut whole = true;
    for some in batches(&table.of(sender, senders), batch) {
        let result = match (&some.rows[..], batch) {
            ([row], 1) => producer.produce(some.kind(0), row.len, |_| row.words),
            _ => producer.produce_batch(some.count(), &some).map_err(|partial| partial.error),
        };
        if result.is_err() {
            whole = false;
            break;
        }
    }
    if ending == Ending::Pauses && whole && !table.has_too_long() {
        producer.pause()
    } else {
        producer.finish()
    }
}
