//! Proves that a kernel that is killed anywhere leaves exactly what it published: all lanes stopped after each number of stores, lanes
//! stopped one by one, stores lost on the way. The consumer delivers every message that was published before the first that was not,
//! no other, and no wrong byte; then a new kernel takes over.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use perdix_core::{Consumer, DeviceState, Mode, Poll, Ring};
use perdix_gpu::emulation::{EmulatedRing, LaneStore, StoreOutcome, launch, launch_with};
use perdix_kernels::soak::{SoakEnd, SoakMessages, SoakSteps};
use perdix_kernels::{soak_block, soak_grid, soak_warp};

use crate::common::{MODES, Messages, View as _};
use crate::soak::{Kernel, check};

const SLOTS: u64 = 8;

/// A kernel, how it is launched, its senders, and how many messages each of them sends: together no more than the ring has slots.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    kernel: Kernel,
    launch: (u32, u32),
    senders: usize,
    count: u64,
}

const CASES: [Case; 4] = [
    Case { name: "warp", kernel: soak_warp, launch: (1, 32), senders: 1, count: 5 },
    Case { name: "block", kernel: soak_block, launch: (1, 64), senders: 1, count: 5 },
    Case { name: "grid", kernel: soak_grid, launch: (2, 32), senders: 2, count: 4 },
    Case { name: "grid of a block", kernel: soak_grid, launch: (1, 64), senders: 2, count: 4 },
];

/// How a launch is killed.
#[derive(Clone, Copy, Debug)]
enum Kill {
    Never,
    /// Everything stops once so many stores were made.
    After(u64),
    /// Some lanes stop, each after a few stores of its own; the others go on until they wait for them.
    Lanes,
    /// Some stores never arrive, and what would be published behind them is not.
    Losing,
}

/// The stores that were made.
type Log = Arc<Mutex<Vec<LaneStore>>>;

/// Decides by a seed, which also disturbs the order in which lanes come.
fn fate(kill: Kill, seed: u64, log: &Log) -> impl Fn(LaneStore) -> StoreOutcome + Send + Sync + use<> {
    let (made, lost, log) = (AtomicU64::new(0), AtomicBool::new(false), Arc::clone(log));
    move |store| {
        let lane = u64::from(store.block) << 32 | u64::from(store.thread);
        let chance = |purpose: u64| mix(seed ^ mix(lane ^ purpose << 48));
        if mix(seed ^ lane ^ store.nth << 20) % 8 == 0 {
            std::thread::yield_now();
        }
        let fate = match kill {
            Kill::Never => StoreOutcome::Arrives,
            Kill::After(most) if made.fetch_add(1, Ordering::Relaxed) >= most => StoreOutcome::Stopped,
            Kill::After(_) => StoreOutcome::Arrives,
            Kill::Lanes if chance(1) % 4 == 0 && store.nth >= chance(2) % 12 => StoreOutcome::Stopped,
            Kill::Lanes => StoreOutcome::Arrives,
            Kill::Losing if store.publishes && lost.load(Ordering::Relaxed) => StoreOutcome::Stopped,
            Kill::Losing if !store.publishes && chance(store.nth) % 64 == 0 => {
                lost.store(true, Ordering::Relaxed);
                StoreOutcome::Lost
            }
            Kill::Losing => StoreOutcome::Arrives,
        };
        if fate == StoreOutcome::Arrives {
            log.lock().unwrap().push(store);
        }
        fate
    }
}

fn mix(seed: u64) -> u64 {
    let x = (seed ^ seed >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ x >> 32
}

/// Kills a launch on a ring that was used before, and another one behind it, and looks at what they leave; how many stores one made.
fn kill(case: Case, mode: Mode, kill: Kill, seed: u64) -> u64 {
    let context = format!("{}, {mode:?}, {kill:?}, seed {seed}", case.name);
    let messages = |seed| SoakMessages { seed, most: 40, sentinels: 1 };
    let ring = EmulatedRing::new(SLOTS, mode);
    // SAFETY: the ring's only consumer.
    let mut consumer = unsafe { ring.consumer() };
    let run = |messages: SoakMessages, end: SoakEnd| {
        // SAFETY: launched as the kernel asks, on a ring that lives on.
        unsafe {
            (case.kernel)(
                ring.handle(),
                messages,
                SoakSteps { first: 0, count: case.count, batch: 3, pause_ns: 0, end: end as u64 },
            );
        }
    };
    let (blocks, threads) = case.launch;
    assert!(launch(blocks, threads, || run(messages(1), SoakEnd::Pauses)));
    assert_eq!(whole(messages(1), &drain(&mut consumer).0, case), Ok(()));

    let mut stores = 0;
    // Killed a second time, in slots that the first time left half-written.
    for (kill, seed) in [(kill, seed), (Kill::Losing, seed + 1000)] {
        let (first, log) = (consumer.next(), Log::default());
        let messages = messages(2 + seed);
        let killed =
            !launch_with(blocks, threads, fate(kill, seed, &log), || run(messages, SoakEnd::Finishes));
        let log = std::mem::take(&mut *log.lock().unwrap());
        let view = ring.view();
        let published = published(&view, first, &log);
        // SAFETY: only its address is asked for.
        let end = unsafe { &view.control().producer.end };
        let has_ended = log.iter().any(|store| store.address == end.as_ptr().addr());
        let (came, ended) = drain(&mut consumer);
        assert_eq!((came.len() as u64, ended), (published, has_ended), "{context}");
        // In each sender's order, and every byte.
        check(messages, &came, case.senders);
        if !killed {
            assert_eq!((whole(messages, &came, case), ended), (Ok(()), true), "{context}");
        }
        take_over(&ring, &mut consumer);
        stores = stores.max(log.len() as u64);
    }
    assert!(launch(blocks, threads, || run(messages(0), SoakEnd::Finishes)), "{context}");
    let (came, ended) = drain(&mut consumer);
    assert_eq!((whole(messages(0), &came, case), ended), (Ok(()), true), "{context}: after the take-over");
    stores
}

/// Whether all messages of all senders came.
fn whole(messages: SoakMessages, came: &Messages, case: Case) -> Result<(), Vec<u64>> {
    let counts = check(messages, came, case.senders);
    if counts.iter().all(|count| *count == case.count) { Ok(()) } else { Err(counts) }
}

/// Takes all that is there; and whether the stream has ended.
fn drain(consumer: &mut Consumer) -> (Messages, bool) {
    let mut all = Messages::new();
    loop {
        match consumer.poll().unwrap() {
            Poll::Ready(message) => {
                let meta = message.meta();
                let mut bytes = vec![0; meta.len()];
                message.copy_to(&mut bytes);
                message.take();
                consumer.recycle();
                all.push((meta.kind(), bytes));
            }
            Poll::Ended => return (all, true),
            Poll::Empty => return (all, false),
            Poll::Gap(dropped) => panic!("{dropped} messages dropped"),
        }
    }
}

/// How many messages from `first` on were published, by the stores that were made: the rule of the specification, written down a
/// second time.
fn published(ring: &Ring, first: u64, log: &[LaneStore]) -> u64 {
    let mut count = 0;
    while count < SLOTS {
        let number = first.wrapping_add(count);
        // SAFETY: only addresses are asked for.
        let slot = unsafe { ring.slot(number) };
        let (seq, meta) = (slot.seq.as_ptr().addr(), slot.meta.as_ptr().addr());
        let meta = log.iter().find(|store| store.address == meta).map(|store| store.value);
        let is_seq = |store: &&LaneStore| store.address == seq && store.value == number.wrapping_add(1);
        let Some(meta) = meta else { break };
        match ring.mode() {
            Mode::Fenced => {
                // The head's sequence word speaks for its followers.
                if !log.iter().filter(|store| store.publishes).any(|store| is_seq(&store)) {
                    break;
                }
                count += 1 + (meta >> 32 & 0x3fff_ffff);
            }
            Mode::FenceFree => {
                let words: HashSet<usize> = log
                    .iter()
                    .filter(|store| (seq..seq + 256).contains(&store.address))
                    .map(|store| store.address)
                    .collect();
                let needed = 2 + 2 * (meta as usize & 0xff).div_ceil(16);
                if !log.iter().any(|store| is_seq(&store)) || words.len() < needed {
                    break;
                }
                count += 1;
            }
        }
    }
    count
}

/// What a host does before it launches another kernel.
fn take_over(ring: &EmulatedRing, consumer: &mut Consumer) {
    consumer.recycle();
    let head = consumer.next().wrapping_add(consumer.published().0);
    // SAFETY: neither half is in use.
    unsafe { ring.view().clear_free(consumer.next(), head) };
    consumer.forget_acquired();
    let (state, fresh) = (ring.state(), DeviceState::new(head, consumer.next()));
    for (to, from) in words(state).into_iter().zip(words(&fresh)) {
        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    // SAFETY: the producer before is no more.
    unsafe { perdix_core::Producer::resume_at(ring.view(), head) }.reopen();
}

/// What device producers go by.
fn words(state: &DeviceState) -> [&AtomicU64; 9] {
    let DeviceState { head, tail, unsent, fault, finished, paused, refreshing, unreported, dropped, .. } =
        state;
    [head, tail, unsent, fault, finished, paused, refreshing, unreported, dropped]
}

#[test]
fn all_lanes_stop_after_each_store() {
    let mut points = 0;
    for case in CASES {
        for mode in MODES {
            let stores = kill(case, mode, Kill::Never, 0);
            for most in 0..=stores {
                kill(case, mode, Kill::After(most), most);
            }
            points += stores + 1;
        }
    }
    println!("{points} crash points of kernels");
    assert!(points > 200, "{points}");
}

#[test]
fn some_lanes_stop() {
    for case in CASES {
        for mode in MODES {
            for seed in 0..12 {
                kill(case, mode, Kill::Lanes, seed);
            }
        }
    }
}

#[test]
fn stores_are_lost() {
    for case in CASES {
        for mode in MODES {
            for seed in 0..25 {
                kill(case, mode, Kill::Losing, seed);
            }
        }
    }
}
