//! Kernels that stop inside a message: those before it are delivered, and nothing of it.

use libtest_mimic::Failed;
use perdix_host::Mode;
use perdix_kernels::Ending;

use super::child::{Fault, run};
use super::{Part, WORDS, break_off, expect_lost};
use crate::setup::{Case, PATIENCE, check_some};

/// Payload words of a slot.
const ALL: u64 = 30;

/// The kernel ends without `finish`, each time with another part of the message stored; then the CPU goes on in the same ring.
pub(super) fn exits(case: Case) -> Result<u64, Failed> {
    let mut injected = 0;
    for words in 0..=ALL {
        for header in [false, true] {
            if header && case.mode == Mode::Fenced {
                continue;
            }
            let count = [0, 1, 31, 32, 63][words as usize % 5];
            exit(case, count, Part { words, header })?;
            injected += 1;
        }
    }
    Ok(injected)
}

fn exit(case: Case, count: u64, part: Part) -> Result<(), Failed> {
    // Header and all words are a whole message.
    let sent = count + u64::from(part.header && part.words == ALL);
    let mut buffer = case.buffer(64);
    {
        let (producer, mut consumer) = buffer.split_gpu()?;
        break_off(&producer, count, part, Ending::Forgets);
        check_some(&mut consumer, WORDS, 0, sent)?;
        expect_lost(consumer.next(PATIENCE), sent, "ended without finish")
            .map_err(|failed| format!("{part:?}: {}", failed.message().unwrap_or("")))?;
    }
    let (mut producer, mut consumer) = buffer.split_mut();
    for number in 0..130_u8 {
        producer.try_produce(&[number; 9])?;
        match consumer.try_consume() {
            Some(message) if *message == [number; 9] && message.number() == sent + u64::from(number) => {}
            other => return Err(format!("{part:?}, then message {number} of the CPU: {other:?}").into()),
        }
    }
    Ok(())
}

pub(super) fn traps(case: Case) -> Result<u64, Failed> {
    in_children(case, Fault::Trap)
}

pub(super) fn bad_addresses(case: Case) -> Result<u64, Failed> {
    in_children(case, Fault::BadAddress)
}

fn in_children(case: Case, fault: Fault) -> Result<u64, Failed> {
    let header = case.mode == Mode::FenceFree;
    let parts = [Part { words: 7, header: false }, Part { words: 29, header }];
    for part in parts {
        run(case, fault, part)?;
    }
    Ok(parts.len() as u64)
}
