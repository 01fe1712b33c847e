//! Proves that no order of safe calls, with any arguments, harms anything: every public safe function of the
//! crate is called at random, and a function that nobody calls here fails the test. Run under the sanitizers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may fail
#![allow(clippy::forget_non_drop)] // whether a guard needs Drop is its own business

#[path = "common/mod.rs"]
mod common;
#[path = "safe_api/consuming.rs"]
mod consuming;
#[path = "safe_api/events.rs"]
mod events;
#[path = "safe_api/halves.rs"]
mod halves;
#[path = "safe_api/process.rs"]
#[cfg(target_os = "linux")]
mod process;
#[path = "safe_api/producing.rs"]
mod producing;
#[path = "../../perdix-core/tests/public_api/mod.rs"]
mod public_api;
#[path = "safe_api/rings.rs"]
mod rings;
#[cfg(feature = "futures")]
#[path = "safe_api/tasks.rs"]
mod tasks;

use std::collections::BTreeSet;
use std::mem::forget;
use std::path::Path;
use std::time::Duration;

use common::Random;
use halves::Halves;
use perdix_host::{Buffer, MemoryKind, Mode, WaitStrategy};

/// A call that needs no halves.
type Call = fn(&mut Random);

/// Of which safe code gets no value.
const UNREACHABLE_TYPES: [(&str, &str); 1] =
    [("CloseError", "only kernels on a GPU can still use the memory when a ring is closed")];

/// Safe functions of values that only unsafe code can make.
#[cfg(target_os = "linux")]
const UNREACHABLE: [&str; 2] = ["SharedRing::into_producer", "SharedRing::into_consumer"];
#[cfg(not(target_os = "linux"))]
const UNREACHABLE: [&str; 0] = [];

fn calls() -> Vec<(&'static str, Call)> {
    let mut all = [rings::CALLS, events::CALLS].concat();
    #[cfg(target_os = "linux")]
    all.extend(process::CALLS);
    #[cfg(feature = "futures")]
    all.extend(tasks::CALLS);
    all
}

fn half_calls() -> Vec<(&'static str, halves::Call)> {
    #[cfg_attr(not(feature = "futures"), allow(unused_mut))] // tasks add to it
    let mut all = [producing::CALLS, consuming::CALLS, consuming::MESSAGES].concat();
    #[cfg(feature = "futures")]
    all.extend(tasks::HALVES);
    all
}

#[test]
fn every_safe_function_is_called() {
    let mut features = Vec::new();
    for (name, on) in [
        ("futures", cfg!(feature = "futures")),
        ("metrics", cfg!(feature = "metrics")),
        ("tracing", cfg!(feature = "tracing")),
    ] {
        features.extend(on.then_some(name));
    }
    let public = public_api::safe_functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &features);
    let names = calls().into_iter().map(|(name, _)| name);
    let names = names.chain(half_calls().into_iter().map(|(name, _)| name)).chain(UNREACHABLE);
    let called: BTreeSet<String> = names.map(String::from).collect();
    public_api::assert_all_called(&public, &called, &UNREACHABLE_TYPES);
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len() as u64) as usize]
}

/// A ring of any mode, size and place.
fn builder(random: &mut Random) -> perdix_host::Builder {
    let near_the_end = u64::MAX - random.below(20);
    Buffer::builder()
        .slots(pick(random, &[1, 2, 4, 8, 64, 256]))
        .mode(pick(random, &[Mode::Fenced, Mode::FenceFree]))
        .wait(pick(random, &[WaitStrategy::Spin, WaitStrategy::Yield, WaitStrategy::Backoff]))
        .release_every(pick(random, &[1, 2, 100, usize::MAX]))
        .first_message(pick(random, &[0, 1, near_the_end]))
}

/// The same in memory that needs no GPU.
fn heap(random: &mut Random) -> perdix_host::Builder {
    builder(random).memory(MemoryKind::Heap)
}

/// That it was called is all that matters.
fn done<T>(_: T) {}

fn seeds() -> u64 {
    if cfg!(debug_assertions) { 200 } else { 1000 }
}

#[test]
fn calls_of_both_halves_in_random_order() {
    common::watch_process();
    let calls = half_calls();
    for seed in 0..seeds() {
        let mut random = Random(seed);
        let mut buffer = heap(&mut random).build().unwrap();
        for _ in 0..3 {
            let (producer, consumer) = buffer.split_mut();
            let mut halves = Halves::new(random.next(), Some(producer), Some(consumer));
            for _ in 0..random.below(150) {
                let (_, call) = pick(&mut random, &calls);
                call(&mut halves);
            }
            if random.below(4) == 0 {
                forget(halves);
            }
        }
    }
}

#[test]
fn calls_of_a_half_in_each_thread() {
    common::watch_process();
    let calls = half_calls();
    for seed in 0..seeds() {
        let mut random = Random(seed);
        let (producer, consumer) = heap(&mut random).build().unwrap().split();
        let halves = [
            Halves::new(random.next(), Some(producer), None),
            Halves::new(random.next(), None, Some(consumer)),
        ];
        let threads = halves.map(|mut halves| {
            let (calls, mut random) = (calls.clone(), Random(random.next()));
            std::thread::spawn(move || {
                for _ in 0..random.below(1000) {
                    let (_, call) = pick(&mut random, &calls);
                    call(&mut halves);
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn all_other_calls_in_random_order() {
    common::watch_process();
    let calls = calls();
    let mut random = Random(1);
    for _ in 0..seeds() * 10 {
        let (_, call) = pick(&mut random, &calls);
        call(&mut random);
    }
    calls.iter().for_each(|(_, call)| call(&mut random));
}

/// A task that waits for an emulated kernel learns that it ended without ending the stream.
#[cfg(feature = "futures")]
#[test]
fn a_task_learns_that_an_emulated_kernel_ended() {
    use futures_util::StreamExt;
    common::watch_process();
    let (mut kernel, consumer) = Buffer::new(8).unwrap().into_emulated();
    kernel.run(|_| true).unwrap();
    let next = futures_executor::block_on(consumer.into_stream().next());
    assert!(matches!(next, Some(Err(perdix_host::ConsumeError::ProducerLost { .. }))), "{next:?}");
}

const SHORT: Duration = Duration::from_micros(20);
