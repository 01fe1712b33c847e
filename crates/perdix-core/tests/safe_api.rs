//! No call of safe functions, in any order and with any arguments, is undefined behaviour: every
//! public one is called at random, on one thread and on two. Sanitizers see what goes wrong; so
//! would a crash.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)] // a test, and what it calls

#[path = "safe_api/driver.rs"]
mod driver;
mod public_api;
#[path = "safe_api/values.rs"]
mod values;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use driver::{CONSUMER, Call, PRODUCER, Source, VALUES};
use perdix_core::{Consumer, Mode, PAYLOAD_SIZE, Poll, Producer, StaticRing};

/// Calls of each half, on each kind of ring.
const CALLS: u64 = if cfg!(debug_assertions) { 20_000 } else { 200_000 };

/// First messages: 0, and where 2^63 and 2^64 lie.
const STARTS: [u64; 3] = [0, (1 << 63) - 5, u64::MAX - 5];

/// xorshift64*.
struct Random(u64);

impl Source for Random {
    fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Halves of a ring of `SLOTS` slots. The rings stay in reach to the end, so that they are not
/// called leaks.
fn halves<const SLOTS: usize>(mode: Mode, start: u64) -> (Producer, Consumer) {
    static KEPT: Mutex<Vec<&'static (dyn std::any::Any + Send + Sync)>> = Mutex::new(Vec::new());
    let ring: &'static StaticRing<SLOTS> = Box::leak(Box::default());
    KEPT.lock().unwrap().push(ring);
    ring.split_from(mode, start).unwrap()
}

/// Calls `with` for every kind of ring.
fn on_rings(mut with: impl FnMut(Producer, Consumer, u64)) {
    let mut seed = 1;
    for (mode, start) in [Mode::Fenced, Mode::FenceFree].into_iter().flat_map(|m| STARTS.map(|s| (m, s))) {
        for (producer, consumer) in
            [halves::<1>(mode, start), halves::<2>(mode, start), halves::<8>(mode, start)]
        {
            seed += 1;
            with(producer, consumer, seed);
        }
    }
}

fn call<H>(calls: &[Call<H>], half: H, source: &mut Random) -> H {
    let at = source.below(calls.len() as u64) as usize;
    calls[at].1(half, source)
}

#[test]
fn any_calls_on_one_thread() {
    on_rings(|mut producer, mut consumer, seed| {
        let mut source = Random(seed);
        for _ in 0..CALLS {
            if source.flag() {
                producer = call(PRODUCER, producer, &mut source);
            } else {
                consumer = call(CONSUMER, consumer, &mut source);
            }
        }
    });
}

#[test]
fn any_calls_on_two_threads() {
    on_rings(|mut producer, mut consumer, seed| {
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut source = Random(seed);
                for _ in 0..CALLS {
                    producer = call(PRODUCER, producer, &mut source);
                }
            });
            let mut source = Random(seed + 1000);
            for _ in 0..CALLS {
                consumer = call(CONSUMER, consumer, &mut source);
            }
        });
    });
}

#[test]
fn any_values() {
    let mut source = Random(7);
    for _ in 0..CALLS {
        call(VALUES, (), &mut source);
    }
}

/// Halves of different rings may change places.
#[test]
fn halves_are_swapped() {
    let (mut first, mut second) = (halves::<4>(Mode::Fenced, 0), halves::<2>(Mode::FenceFree, 9));
    let mut source = Random(3);
    for _ in 0..CALLS {
        match source.below(4) {
            0 => std::mem::swap(&mut first.0, &mut second.0),
            1 => std::mem::swap(&mut first.1, &mut second.1),
            2 => first.0 = call(PRODUCER, first.0, &mut source),
            _ => second.1 = call(CONSUMER, second.1, &mut source),
        }
    }
}

/// A reader that never looks first: there is nothing that it could read.
#[test]
fn a_message_is_read_with_its_token_alone() {
    let (mut producer, mut consumer) = halves::<4>(Mode::Fenced, 0);
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..CALLS {
                let _ = producer.push(0, 0, &[1; PAYLOAD_SIZE]);
            }
        });
        for _ in 0..CALLS {
            if let Ok(Poll::Ready(message)) = consumer.poll() {
                assert_eq!(message.payload(), [1; PAYLOAD_SIZE]);
                message.take();
            }
            consumer.recycle();
        }
    });
}

/// A payload full of sentinels on a fenced ring: its mask must not be taken for followers.
#[test]
fn sentinels_are_no_followers() {
    let sentinels = [perdix_core::sentinel::SENTINEL; 2];
    let (mut producer, mut consumer) = halves::<8>(Mode::Fenced, 0);
    producer.push_chunks(0, 0, PAYLOAD_SIZE, |_| sentinels).unwrap();
    assert_eq!(consumer.available(u64::MAX), 1);
}

#[test]
fn every_public_function_is_called() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let public = public_api::safe_functions(&source, &[]);
    let names = |calls: &[&'static str]| calls.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let called: BTreeSet<String> = [
        names(&PRODUCER.iter().map(|call| call.0).collect::<Vec<_>>()),
        names(&CONSUMER.iter().map(|call| call.0).collect::<Vec<_>>()),
        names(&VALUES.iter().map(|call| call.0).collect::<Vec<_>>()),
    ]
    .concat()
    .into_iter()
    .collect();
    public_api::assert_all_called(&public, &called, &[]);
}
