//! What the tests share: the device, the cases, and a checking consumer.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::{Gpu, Kernels};
use perdix_host::{Buffer, Builder, ConsumeError, Consumer, MemoryKind, Mode, WaitStrategy};
use perdix_kernels::pattern::Pattern;

/// How long a test waits for one message before it calls that a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One combination of memory and mode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) memory: MemoryKind,
    pub(crate) mode: Mode,
}

impl Case {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let kinds = [MemoryKind::Managed, MemoryKind::Pinned];
        kinds.into_iter().flat_map(|memory| [Mode::Fenced, Mode::FenceFree].map(|mode| Self { memory, mode }))
    }

    /// The case of a name that [`name`](Self::name) made.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|case| case.name() == name)
    }

    pub(crate) fn name(&self) -> String {
        let mode = match self.mode {
            Mode::Fenced => "fenced",
            Mode::FenceFree => "fence-free",
        };
        format!("{}/{mode}", self.memory)
    }

    pub(crate) fn buffer(&self, slots: usize) -> Buffer {
        self.buffer_from(slots, 0)
    }

    pub(crate) fn buffer_from(&self, slots: usize, first: u64) -> Buffer {
        self.builder(slots).first_message(first).build().unwrap()
    }

    pub(crate) fn builder(&self, slots: usize) -> Builder {
        let builder = Buffer::builder().slots(slots).mode(self.mode).memory(self.memory).gpu(gpu());
        builder.wait(WaitStrategy::Spin)
    }

    /// A test of this case.
    pub(crate) fn trial(
        self,
        name: &str,
        run: impl FnOnce(Self) -> Result<(), Failed> + Send + 'static,
    ) -> Trial {
        Trial::test(format!("{}/{name}", self.name()), move || run(self))
    }
}

pub(crate) fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| Gpu::open(0).expect("a CUDA device"))
}

/// Whether there is a device to test: one that only pretends would make every test worthless.
pub(crate) fn real_device() -> Result<(), Failed> {
    let name = Gpu::open(0)?.name()?;
    if name.to_lowercase().contains("fake") {
        return Err(format!("no CUDA device: {name} is none").into());
    }
    Ok(())
}

pub(crate) fn kernels() -> &'static Kernels {
    static KERNELS: OnceLock<Kernels> = OnceLock::new();
    KERNELS.get_or_init(|| {
        let ptx =
            std::env::var("PERDIX_PTX").ok().map(|path| std::fs::read_to_string(path).expect("a PTX file"));
        gpu().load(ptx.as_deref().unwrap_or(perdix_kernels::PTX)).expect("PTX that the driver loads")
    })
}

/// The kernels written in CUDA C++.
pub(crate) fn cpp_kernels() -> &'static Kernels {
    static KERNELS: OnceLock<Kernels> = OnceLock::new();
    KERNELS.get_or_init(|| gpu().load(perdix_kernels::CPP_PTX).expect("PTX that the driver loads"))
}

/// One of the kernels that send messages of a pattern, and how it is launched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) kernel: &'static str,
    pub(crate) grid: u32,
    pub(crate) block: u32,
    pub(crate) batch: u64,
}

pub(crate) const THREAD: Sender = Sender { kernel: "send_thread", grid: 1, block: 1, batch: 1 };
pub(crate) const THREAD_BATCH: Sender = Sender { batch: 32, ..THREAD };
pub(crate) const WARP: Sender = Sender { kernel: "send_warp", grid: 1, block: 32, batch: 1 };
pub(crate) const WARP_BATCH: Sender = Sender { batch: 32, ..WARP };
pub(crate) const BLOCK: Sender = Sender { kernel: "send_block", grid: 1, block: 256, batch: 1 << 20 };
pub(crate) const GRID: Sender = Sender { kernel: "send_grid", grid: 4, block: 128, batch: 32 };

impl Sender {
    /// Warps that send `count` messages each.
    pub(crate) fn senders(&self) -> u64 {
        if self.kernel == "send_grid" { u64::from(self.grid * self.block / 32) } else { 1 }
    }

    /// Starts it on the producer's ring.
    pub(crate) fn start(
        &self,
        producer: &perdix_host::cuda::DeviceProducer<'_>,
        pattern: Pattern,
        count: u64,
    ) {
        let kernels = if self.kernel.starts_with("cpp_") { cpp_kernels() } else { kernels() };
        let launch = kernels.launch(self.kernel).unwrap().grid(self.grid).block(self.block);
        let launch = launch.arg(producer).arg(pattern).arg(count).arg(self.batch);
        // SAFETY: these are the parameters of all `send_*` kernels; each is launched as it asks, alone on the ring.
        unsafe { launch.start() }.unwrap();
    }
}

/// Takes all messages of `senders` senders of `count` messages each and checks payload, kind and each sender's order, then the end
/// of the stream.
pub(crate) fn check_all(
    consumer: &mut Consumer<'_>,
    pattern: Pattern,
    senders: u64,
    count: u64,
) -> Result<(), Failed> {
    if senders == 1 {
        check_some(consumer, pattern, 0, count)?;
    } else {
        check_senders(consumer, pattern, senders, count)?;
    }
    match consumer.next(PATIENCE) {
        Err(ConsumeError::EndOfStream) => Ok(()),
        other => Err(format!("after {count} messages: {other:?}, not the end of the stream").into()),
    }
}

/// Takes messages `first` to `first + count` of one sender.
pub(crate) fn check_some(
    consumer: &mut Consumer<'_>,
    pattern: Pattern,
    first: u64,
    count: u64,
) -> Result<(), Failed> {
    for id in first..first + count {
        let message = consumer.next(PATIENCE).map_err(|error| format!("message {id}: {error}"))?;
        if !pattern.matches(id, message.kind(), &message) {
            return Err(format!("message {id} is {message:?}").into());
        }
    }
    Ok(())
}

fn check_senders(
    consumer: &mut Consumer<'_>,
    pattern: Pattern,
    senders: u64,
    count: u64,
) -> Result<(), Failed> {
    let mut next: HashMap<u64, u64> = (0..senders).map(|sender| (sender, sender << 40)).collect();
    for turn in 0..senders * count {
        let message = consumer.next(PATIENCE).map_err(|error| format!("message {turn}: {error}"))?;
        // The payload says who sent it, unless its first word is a sentinel: then some sender's next message must match.
        let word = message.get(..8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        let sender = match word {
            Some(word) if next.get(&(word >> 40)) == Some(&word) => Some(word >> 40),
            _ => next
                .iter()
                .find(|(_, id)| pattern.matches(**id, message.kind(), &message))
                .map(|(sender, _)| *sender),
        };
        let id = sender
            .and_then(|sender| next.get_mut(&sender))
            .ok_or_else(|| format!("message {turn} is {message:?}"))?;
        if !pattern.matches(*id, message.kind(), &message) {
            return Err(format!("message {turn}, {id:#x}, is {message:?}").into());
        }
        *id += 1;
    }
    match next.iter().find(|(sender, id)| **id != (*sender << 40) + count) {
        None => Ok(()),
        Some((sender, id)) => Err(format!("sender {sender} stopped at {id:#x}").into()),
    }
}
