//! What is sent arrives: every granularity, length, ring size and place in the number space.

use libtest_mimic::{Failed, Trial};
use perdix_host::Mode;
use perdix_host::cuda::{DeviceBytes, Mapped};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

use crate::setup::{
    BLOCK, Case, GRID, PATIENCE, Sender, THREAD, THREAD_BATCH, WARP, WARP_BATCH, check_all, gpu, kernels,
};

const FULL: Pattern = Pattern { len: 240, sentinels: 0 };
const MIXED: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 0 };
const SENTINELS: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 1 };
const FULL_SENTINELS: Pattern = Pattern { len: 240, sentinels: 1 };

const GRANULARITIES: [(&str, Sender); 6] = [
    ("thread", THREAD),
    ("thread_batched", THREAD_BATCH),
    ("warp", WARP),
    ("warp_batched", WARP_BATCH),
    ("block", BLOCK),
    ("grid", GRID),
];

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    trials.push(case.trial("single_message", |case| send(case, WARP, FULL, 64, 0, 1)));
    for (name, sender) in GRANULARITIES {
        trials.push(
            case.trial(&format!("{name}/full_messages"), move |case| {
                send(case, sender, FULL, 1024, 0, 20_000)
            }),
        );
        trials.push(
            case.trial(&format!("{name}/every_length"), move |case| send(case, sender, MIXED, 64, 0, 2410)),
        );
        trials.push(
            case.trial(&format!("{name}/sentinels"), move |case| send(case, sender, SENTINELS, 64, 0, 2410)),
        );
        trials.push(case.trial(&format!("{name}/tiny_rings"), move |case| {
            [1, 2, 4].into_iter().try_for_each(|slots| send(case, sender, MIXED, slots, 0, 500))
        }));
        trials.push(case.trial(&format!("{name}/numbers_wrap"), move |case| {
            let starts = [u64::MAX - 5, u64::MAX / 2 - 5, (1 << 40) - 3, 63];
            starts.into_iter().try_for_each(|start| send(case, sender, MIXED, 8, start, 300))
        }));
    }
    trials.push(
        case.trial("warp/odd_batches", |case| send(case, Sender { batch: 7, ..WARP }, MIXED, 32, 0, 3000)),
    );
    trials.push(
        case.trial("block/small_batches", |case| {
            send(case, Sender { batch: 5, ..BLOCK }, MIXED, 64, 0, 3000)
        }),
    );
    trials.push(
        case.trial("block/one_warp", |case| send(case, Sender { block: 32, ..BLOCK }, MIXED, 64, 0, 3000)),
    );
    trials.push(case.trial("grid/many_warps", |case| {
        send(
            case,
            Sender { grid: 64, block: 256, batch: 3, ..GRID },
            Pattern { len: 16, sentinels: 0 },
            4096,
            0,
            500,
        )
    }));
    trials.push(case.trial("too_long_is_refused", too_long));
    trials.push(case.trial("bytes", bytes));
    trials.push(case.trial("sustained_1e8", |case| send(case, BLOCK, FULL, 16384, 0, 100_000_000)));
    if case.mode == Mode::FenceFree {
        // 30 words each: over 10^9 words, a third of them equal to the sentinel.
        trials.push(
            case.trial("torn_write_litmus", |case| send(case, BLOCK, FULL_SENTINELS, 1024, 0, 34_000_000)),
        );
        trials.push(case.trial("torn_on_purpose", torn));
        trials.push(
            case.trial("torn_write_litmus_grid", |case| send(case, GRID, FULL_SENTINELS, 64, 0, 500_000)),
        );
    }
}

/// Sends `count` messages (per sender) through a ring of `slots` slots from message number `start` on, and checks them all.
pub(crate) fn send(
    case: Case,
    sender: Sender,
    pattern: Pattern,
    slots: usize,
    start: u64,
    count: u64,
) -> Result<(), Failed> {
    let mut buffer = case.buffer_from(slots, start);
    let (producer, mut consumer) = buffer.split_gpu().map_err(|error| error.to_string())?;
    sender.start(&producer, pattern, count);
    check_all(&mut consumer, pattern, sender.senders(), count)?;
    producer.wait(PATIENCE).map_err(|error| error.to_string())?;
    let (counters, all) = (producer.counters().read(), sender.senders() * count);
    if (counters.sent, counters.received, counters.dropped) != (all, all, 0)
        || counters.sent_bytes != counters.received_bytes
    {
        return Err(format!("{all} messages, but {counters:?}").into());
    }
    Ok(())
}

/// Every word by itself, in a changing order, with pauses: the consumer must see each message whole all the same.
fn torn(case: Case) -> Result<(), Failed> {
    let (count, pause_ns) = (100_000_u64, 200_u64);
    let mut buffer = case.buffer(16);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let launch = kernels().launch("send_torn").unwrap().arg(&producer).arg(FULL_SENTINELS);
    // SAFETY: the kernel's parameters; one thread on a fence-free ring.
    unsafe { launch.arg(count).arg(pause_ns).start() }.unwrap();
    check_all(&mut consumer, FULL_SENTINELS, 1, count)
}

fn too_long(case: Case) -> Result<(), Failed> {
    let mut buffer = case.buffer(8);
    let (producer, mut consumer) = buffer.split_gpu().unwrap();
    let refused = Mapped::new(gpu(), case.memory, 8).unwrap();
    let launch =
        kernels().launch("send_too_long").unwrap().block(32).arg(&producer).arg(refused.device_ptr());
    // SAFETY: the kernel's parameters; the word lives until the kernel has ended, below.
    unsafe { launch.start() }.unwrap();
    let message = consumer.next(PATIENCE)?.to_owned();
    producer.wait(PATIENCE)?;
    // SAFETY: the kernel has ended; the word is aligned and initialised.
    let refused = unsafe { refused.as_ptr().cast::<u64>().read_volatile() };
    if (refused, message.kind(), message.len()) != (1, 1, 240) {
        return Err(format!("refused: {refused}, then {message:?}").into());
    }
    Ok(())
}

fn bytes(case: Case) -> Result<(), Failed> {
    let content: Vec<u8> = (0..1_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    let data = DeviceBytes::new(gpu(), &content).unwrap();
    for (offset, len) in [(0, 0), (0, 1), (3, 239), (0, 240), (5, 241), (16, 999_000), (7, 999_996)] {
        let mut buffer = case.buffer(256);
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        let launch = kernels().launch("send_bytes").unwrap().block(256).arg(&producer);
        let launch = launch.arg(data.device_ptr() + offset as u64).arg(len as u64);
        // SAFETY: the kernel's parameters; the bytes live until the stream has ended, below.
        unsafe { launch.start() }.unwrap();
        let mut received = Vec::new();
        consumer.for_each(|message| received.extend_from_slice(&message))?;
        if received != content[offset..offset + len] {
            return Err(format!("{len} bytes from {offset} came out as {} others", received.len()).into());
        }
    }
    Ok(())
}
