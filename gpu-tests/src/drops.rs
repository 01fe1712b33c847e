//! Kernels that drop messages rather than wait: every message is received, or told to be missing in its place.

use std::collections::HashMap;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use perdix_host::{ConsumeError, Consumer};
use perdix_kernels::pattern::Pattern;

use crate::setup::{Case, PATIENCE, kernels};

/// Word 0 of each message is its identity.
const PATTERN: Pattern = Pattern { len: 48, sentinels: 0 };

/// The kernels, each with its grid, block and burst.
const KERNELS: [(&str, u32, u32, u64); 4] = [
    ("drop_thread", 1, 1, 64),
    ("drop_warp", 1, 32, 64),
    ("drop_block", 1, 256, 24),
    ("drop_grid", 4, 128, 64),
];

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    for kernel in KERNELS {
        trials.push(case.trial(&format!("drops/{}", kernel.0), move |case| all_accounted_for(case, kernel)));
    }
}

fn all_accounted_for(case: Case, (name, grid, block, burst): (&str, u32, u32, u64)) -> Result<(), Failed> {
    for (slots, nap) in
        [(2, None), (32, Some(Duration::from_micros(50))), (1024, Some(Duration::from_millis(2)))]
    {
        if name == "drop_block" && burst > slots as u64 {
            continue;
        }
        let mut buffer = case.builder(slots).first_message(u64::MAX - 100).build().unwrap();
        let (producer, mut consumer) = buffer.split_gpu().unwrap();
        let count = 20_000_u64;
        let launch = kernels().launch(name).unwrap().grid(grid).block(block);
        let launch = launch.arg(&producer).arg(PATTERN).arg(count).arg(burst).arg(2_000_u64);
        // SAFETY: the kernel's parameters; it is alone on the ring.
        unsafe { launch.start() }.unwrap();
        let senders = if name == "drop_grid" { u64::from(grid * block / 32) } else { 1 };
        let (received, missing) = receive(&mut consumer, senders, nap)?;
        producer.wait(PATIENCE)?;
        let counters = producer.counters().read();
        if (received + missing, counters.sent, counters.dropped, counters.lost)
            != (senders * count, received, missing, 0)
        {
            return Err(format!(
                "{received} received and {missing} missing of {} in {slots} slots: {counters:?}",
                senders * count
            )
            .into());
        }
        if missing == 0 && slots == 32 {
            return Err("nothing was dropped".into());
        }
    }
    Ok(())
}

/// Reads to the end of the stream and says how many messages came and how many are missing. Of a single sender each message and gap
/// must be where it belongs, of several each sender's messages in order.
fn receive(consumer: &mut Consumer<'_>, senders: u64, nap: Option<Duration>) -> Result<(u64, u64), Failed> {
    let mut next: HashMap<u64, u64> = (0..senders).map(|sender| (sender, sender << 40)).collect();
    let (mut received, mut missing) = (0, 0);
    loop {
        match consumer.next(PATIENCE) {
            Ok(message) => {
                let word = message.get(..8).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
                let id = word.ok_or("a message without an identity")?;
                let expected =
                    next.get_mut(&(id >> 40)).ok_or_else(|| format!("a message of nobody: {id:#x}"))?;
                if !PATTERN.matches(id, message.kind(), &message)
                    || id < *expected
                    || senders == 1 && id != *expected
                {
                    return Err(format!("{message:?}, {expected} was next").into());
                }
                *expected = id + 1;
                received += 1;
            }
            Err(ConsumeError::Gap { dropped, .. }) => {
                missing += dropped;
                if senders == 1 {
                    next.values_mut().for_each(|id| *id += dropped);
                }
            }
            Err(ConsumeError::EndOfStream) => return Ok((received, missing)),
            Err(error) => return Err(format!("after {received} messages: {error}").into()),
        }
        if let Some(nap) = nap.filter(|_| received % 512 == 0) {
            std::thread::sleep(nap);
        }
    }
}
