//! Faults, injected on purpose and counted: what was published before is delivered, the rest is told, and the next ring works.
//!
//! What ruins a process's context, or the process, happens in child processes. `docs/faults.md` has a row for each.

mod broken;
mod child;
mod halves;
mod handles;
mod memory;

use std::sync::atomic::{AtomicU64, Ordering};

use libtest_mimic::{Failed, Trial};
use perdix_host::ConsumeError;
use perdix_host::cuda::{DeviceProducer, sys};
use perdix_kernels::Ending;
use perdix_kernels::pattern::Pattern;

use crate::setup::{Case, Sender, WARP, check_all, kernels};

pub(crate) use child::{OURS, child};

/// Its first word says who sent it.
const FULL: Pattern = Pattern { len: 240, sentinels: 0 };
const SHORT: Pattern = Pattern { len: 16, sentinels: 0 };
/// Some words are the fence-free mode's sentinel.
const WORDS: Pattern = Pattern { len: 240, sentinels: 1 };

static INJECTED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn add(case: Case, trials: &mut Vec<Trial>) {
    let mut add = |name: &str, test: fn(Case) -> Result<u64, Failed>| {
        trials.push(case.trial(&format!("faults/{name}"), move |case| counted(&case.name(), || test(case))));
    };
    add("exit_inside_a_message", broken::exits);
    add("trap_inside_a_message", broken::traps);
    add("bad_address_inside_a_message", broken::bad_addresses);
    add("process_killed_under_a_kernel", child::killed);
    add("consumer_panics", halves::consumer_panics);
    add("ring_full_for_seconds", halves::full_for_seconds);
    add("kernel_spins_under_a_dropped_ring", halves::spins);
    add("stream_destroyed_after_attach", handles::foreign_stream);
    add("own_stream_dropped", handles::own_stream);
    add("context_popped", handles::popped);
    add("launch_refused_between_two_kernels", handles::refused);
    add("out_of_device_memory", memory::device);
}

pub(crate) fn add_general(trials: &mut Vec<Trial>) {
    let mut add = |name: &str, test: fn() -> Result<u64, Failed>| {
        trials.push(Trial::test(format!("faults/{name}"), move || counted("", test)));
    };
    add("unloadable_ptx", handles::unloadable);
    add("kernel_of_another_context", handles::other_context);
    add("out_of_host_memory", memory::host);
}

/// How many faults the tests have injected so far.
pub(crate) fn injected() -> u64 {
    INJECTED.load(Ordering::Relaxed)
}

/// Runs a test that says how many faults it has injected.
fn counted(case: &str, test: impl FnOnce() -> Result<u64, Failed>) -> Result<(), Failed> {
    let count = test()?;
    INJECTED.fetch_add(count, Ordering::Relaxed);
    println!("{case}: {count} faults injected");
    Ok(())
}

/// Has one warp send `count` messages of [`WORDS`], store a part of the next, and stop.
fn break_off(producer: &DeviceProducer<'_>, count: u64, part: Part, ending: Ending) {
    let launch = kernels().launch("break_off").unwrap().block(32).arg(producer).arg(WORDS).arg(count);
    let launch = launch.arg(part.words).arg(u64::from(part.header)).arg(ending as u64);
    // SAFETY: the kernel's parameters; the address is one of the first page's, where nothing is.
    unsafe { launch.arg(16_u64).start() }.unwrap();
}

/// What of a message was stored when its kernel stopped.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Words of payload, from the first on.
    words: u64,
    /// The header too; on a fence-free ring alone, where it publishes nothing by itself.
    header: bool,
}

fn expect_lost(
    result: Result<impl std::fmt::Debug, ConsumeError>,
    missing: u64,
    reason: &str,
) -> Result<(), Failed> {
    match result {
        Err(ConsumeError::ProducerLost { first_missing, why })
            if first_missing == missing && why.contains(reason) =>
        {
            Ok(())
        }
        other => Err(format!("{other:?} instead of the loss of message {missing}: {reason}").into()),
    }
}

/// A kernel's messages pass through a new ring: the device and its context still work.
fn works(case: Case, sender: Sender) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu()?;
    sender.start(&producer, FULL, 1000);
    check_all(&mut consumer, FULL, sender.senders(), 1000)
}

fn still_works(case: Case) -> Result<(), Failed> {
    works(case, WARP).map_err(|failed| format!("after the fault: {}", failed.message().unwrap_or("")).into())
}

/// A driver's result that a test needs to be good.
fn needed(call: &str, result: sys::CUresult) -> Result<(), Failed> {
    match result {
        sys::CUresult::CUDA_SUCCESS => Ok(()),
        other => Err(format!("{call}: {other:?}").into()),
    }
}
