//! What all tests here share: a launch with a consumer beside it, and checks of what came out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use perdix_core::{Consumer, DeviceRing, Fault, Mode, Poll, Ring};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_kernels::pattern::Pattern;
use perdix_kernels::{send_block, send_grid, send_thread, send_warp};

pub(crate) const MODES: [Mode; 2] = [Mode::Fenced, Mode::FenceFree];

/// Messages as (kind, payload).
pub(crate) type Messages = Vec<(u16, Vec<u8>)>;

/// A pattern of one length (or all), with or without sentinels.
pub(crate) fn pattern(len: u32, sentinels: bool) -> Pattern {
    Pattern { len, sentinels: u32::from(sentinels) }
}

/// What a consumer does before the stream ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reader {
    /// Reads all.
    Steady,
    /// Reads all, but sleeps after every so many messages.
    Sleepy(u64),
    /// Leaves after so many messages.
    Leaves(u64),
    /// Reads so many messages, and the rest when the launch has ended.
    Stalls(u64),
}

/// How a stream stood when its consumer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The producer had ended it.
    Ended,
    /// The launch was over, without an end.
    Open,
    /// The consumer left.
    Left,
}

/// What came of a launch.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) launched: bool,
    pub(crate) end: End,
    pub(crate) messages: Messages,
}

/// Launches a kernel beside a consumer from the ring's first message.
pub(crate) fn run(
    ring: &EmulatedRing,
    (blocks, threads): (u32, u32),
    reader: Reader,
    kernel: impl Fn() + Sync,
) -> Outcome {
    // SAFETY: every ring of these tests is given to one `run` only, or its consumer is carried from run to run.
    let mut consumer = unsafe { ring.consumer() };
    run_on(&mut consumer, (blocks, threads), reader, kernel)
}

/// The same with a consumer that goes on from where it is.
pub(crate) fn run_on(
    consumer: &mut Consumer,
    (blocks, threads): (u32, u32),
    reader: Reader,
    kernel: impl Fn() + Sync,
) -> Outcome {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| read(consumer, reader, &over));
        let launched = launch(blocks, threads, kernel);
        over.store(true, Ordering::Release);
        let (end, messages) = reading.join().unwrap();
        Outcome { launched, end, messages }
    })
}

/// Reads until the stream ends, the launch is over and nothing is left, or the reader leaves.
pub(crate) fn read(consumer: &mut Consumer, reader: Reader, over: &AtomicBool) -> (End, Messages) {
    let begun = Instant::now();
    let mut messages = Messages::new();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(100), "the stream stands still");
        let count = messages.len() as u64;
        match reader {
            Reader::Leaves(most) if count == most => {
                consumer.disconnect();
                return (End::Left, messages);
            }
            Reader::Stalls(most) if count == most => {
                consumer.publish_tail();
                while !over.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            _ => {}
        }
        let was_over = over.load(Ordering::Acquire);
        match consumer.poll().unwrap() {
            Poll::Ready(message) => {
                let meta = message.meta();
                let mut bytes = vec![0; meta.len()];
                message.copy_to(&mut bytes);
                message.take();
                consumer.recycle();
                messages.push((meta.kind(), bytes));
                if matches!(reader, Reader::Sleepy(every) if (count + 1) % every == 0) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Poll::Gap(dropped) => panic!("{dropped} messages dropped after {count}"),
            Poll::Ended => return (End::Ended, messages),
            Poll::Empty if was_over => return (End::Open, messages),
            Poll::Empty => std::thread::yield_now(),
        }
    }
}

/// The producer's line of the control block, once the launch is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Messages before the end of the stream, if it has one.
    pub(crate) end: Option<u64>,
    pub(crate) fault: Option<Fault>,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    /// Claimed, and not sent or behind such a one.
    pub(crate) lost: u64,
    pub(crate) dropped: u64,
}

pub(crate) fn line(ring: &EmulatedRing) -> Line {
    let view = ring.view();
    let end = view.end().map(|end| end.distance_from(view.config().start));
    let stats = view.producer_stats();
    Line {
        end,
        fault: view.fault(),
        messages: stats.messages,
        bytes: stats.bytes,
        lost: stats.lost,
        dropped: stats.dropped,
    }
}

/// How many times producers found the ring full.
pub(crate) fn full(ring: &EmulatedRing) -> u64 {
    ring.view().producer_stats().full
}

/// Checks that messages are `first`, `first + 1`, ... of the pattern.
#[track_caller]
pub(crate) fn check(pattern: Pattern, first: u64, messages: &[(u16, Vec<u8>)]) {
    for (id, (kind, bytes)) in (first..).zip(messages) {
        assert!(pattern.matches(id, *kind, bytes), "message {id}: kind {kind}, {bytes:02x?}");
    }
}

/// Checks a stream that ran to its end: payload, count, end and statistics.
#[track_caller]
pub(crate) fn check_whole(ring: &EmulatedRing, pattern: Pattern, count: u64, outcome: &Outcome) {
    assert!(outcome.launched);
    assert_eq!((outcome.end, outcome.messages.len() as u64), (End::Ended, count));
    check(pattern, 0, &outcome.messages);
    check_counts(ring, &outcome.messages);
}

/// Checks the statistics of a stream of these messages that ran to its end.
#[track_caller]
pub(crate) fn check_counts(ring: &EmulatedRing, messages: &[(u16, Vec<u8>)]) {
    let (count, bytes) = (messages.len() as u64, messages.iter().map(|(_, bytes)| bytes.len() as u64).sum());
    let whole = Line { end: Some(count), fault: None, messages: count, bytes, lost: 0, dropped: 0 };
    assert_eq!(line(ring), whole);
}

/// One of each granularity.
pub(crate) const SENDERS: [Sender; 6] = [
    Sender::Thread { batch: 1 },
    Sender::Thread { batch: 9 },
    Sender::Warp { batch: 1 },
    Sender::Warp { batch: 32 },
    Sender::Block { warps: 3, batch: 50 },
    Sender::Grid { blocks: 2, warps: 2, batch: 5 },
];

/// The granularities, each with its batch: a kernel and the launch it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Thread { batch: u64 },
    Warp { batch: u64 },
    Block { warps: u32, batch: u64 },
    Grid { blocks: u32, warps: u32, batch: u64 },
}

impl Sender {
    pub(crate) fn launch(self) -> (u32, u32) {
        match self {
            Self::Thread { .. } => (1, 1),
            Self::Warp { .. } => (1, 32),
            Self::Block { warps, .. } => (1, 32 * warps),
            Self::Grid { blocks, warps, .. } => (blocks, 32 * warps),
        }
    }

    /// How many times the kernel sends its messages: once, or once for each warp of a grid.
    pub(crate) fn streams(self) -> u64 {
        if let Self::Grid { blocks, warps, .. } = self { u64::from(blocks * warps) } else { 1 }
    }

    /// The kernel, which sends messages 0 to `count` (each warp of a grid: from its own first identity).
    pub(crate) fn send(self, ring: DeviceRing, pattern: Pattern, count: u64) {
        match self {
            // SAFETY: launched as `launch` says, on a ring that lives on.
            Self::Thread { batch } => unsafe { send_thread(ring, pattern, count, batch) },
            // SAFETY: as above.
            Self::Warp { batch } => unsafe { send_warp(ring, pattern, count, batch) },
            // SAFETY: as above.
            Self::Block { batch, .. } => unsafe { send_block(ring, pattern, count, batch) },
            // SAFETY: as above.
            Self::Grid { batch, .. } => unsafe { send_grid(ring, pattern, count, batch) },
        }
    }

    /// Runs the kernel beside a consumer.
    pub(crate) fn run(self, ring: &EmulatedRing, reader: Reader, pattern: Pattern, count: u64) -> Outcome {
        run(ring, self.launch(), reader, || self.send(ring.handle(), pattern, count))
    }
}

/// A look at the bare ring of an emulated one.
pub(crate) trait View {
    /// The test that asks keeps the emulated ring as long as it looks, and changes nothing that a half is using.
    fn view(&self) -> Ring;
}

impl View for EmulatedRing {
    fn view(&self) -> Ring {
        // SAFETY: as said above.
        unsafe { self.ring() }
    }
}
