//! Proves that the events of every kind of sender arrive whole, once, in the order of each thread, from the right place; and that a full
//! ring drops them, counts them, and never stalls a kernel that has not asked for it.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use perdix_core::{Consumer, Poll};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::events::Level;
use perdix_gpu::{DeviceRing, Events, event};
use perdix_host::events::{EVENT_KIND, EventReader, Scope, Sites};
use perdix_kernels::{
    flood_events, flood_lane_events, log_and_go, log_block, log_grid, log_lanes, log_thread, log_threads,
    log_types, log_warp,
};

use crate::common::{MODES, line};

fn sites() -> &'static Sites {
    static SITES: OnceLock<Sites> = OnceLock::new();
    SITES.get_or_init(|| Sites::of_this_program().unwrap())
}

/// An event in words: block, thread, text.
type Told = (u32, u16, String);

/// What came: events, other messages, dropped ones.
#[derive(Debug, Default)]
struct Came {
    events: Vec<Told>,
    scopes: Vec<Scope>,
    others: u64,
    dropped: u64,
    ended: bool,
}

/// Runs a kernel beside a reader. Without `patience` the reader begins when the kernel has ended.
fn log(
    ring: &EmulatedRing,
    (blocks, threads): (u32, u32),
    is_steady: bool,
    kernel: impl Fn() + Sync,
) -> Came {
    let over = AtomicBool::new(false);
    // SAFETY: every ring of these tests is read by one call only.
    let mut consumer = unsafe { ring.consumer() };
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            while !is_steady && !over.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            read(&mut consumer, &over)
        });
        assert!(launch(blocks, threads, kernel));
        over.store(true, Ordering::Release);
        reading.join().unwrap()
    })
}

fn read(consumer: &mut Consumer, over: &AtomicBool) -> Came {
    let (mut came, mut reader, begun) = (Came::default(), EventReader::new(sites()), Instant::now());
    loop {
        assert!(begun.elapsed().as_secs() < 100, "the stream stands still");
        let was_over = over.load(Ordering::Acquire);
        match consumer.poll().unwrap() {
            Poll::Ready(message) => {
                let meta = message.meta();
                let mut bytes = vec![0; meta.len()];
                message.copy_to(&mut bytes);
                message.take();
                consumer.recycle();
                if meta.kind() != EVENT_KIND {
                    came.others += 1;
                    continue;
                }
                for event in reader.decode(meta.kind(), &bytes).unwrap() {
                    came.events.push((event.block(), event.thread(), event.to_string()));
                    came.scopes.push(event.scope());
                }
            }
            Poll::Gap(_) => came.dropped += consumer.take_gap().unwrap_or(0),
            Poll::Ended => {
                came.ended = true;
                return came;
            }
            Poll::Empty if was_over => return came,
            Poll::Empty => std::thread::yield_now(),
        }
    }
}

/// The texts of each (block, thread), in order.
fn by_thread(events: &[Told]) -> BTreeMap<(u32, u16), Vec<&str>> {
    let mut all = BTreeMap::<_, Vec<&str>>::new();
    for (block, thread, text) in events {
        all.entry((*block, *thread)).or_default().push(text);
    }
    all
}

fn steps_of(thread: u16, count: u32) -> Vec<String> {
    let mut texts = Vec::new();
    for step in 0..count {
        texts.push(format!("step {step} of {count}: {:.2}", step as f32 * 0.25));
        if thread % 2 == 1 && step % 4 == 0 {
            texts.push(format!("thread {thread} is odd at step {step}"));
        }
    }
    texts
}

#[test]
fn every_thread_logs_by_itself() {
    for mode in MODES {
        // A ring with room for all threads at a time, and one without.
        for slots in [1024, 4] {
            let ring = EmulatedRing::new(slots, mode);
            let kernel = || {
                // SAFETY: the ring is for this kernel's events, and outlives the launch.
                let mut events = unsafe { Events::new(ring.handle()) }.unwrap().waiting();
                let thread = perdix_gpu::intrinsics::thread_rank();
                for step in 0..9_u32 {
                    event!(events, INFO, "step {} of {}: {:.2}", step, 9_u32, step as f32 * 0.25);
                    if thread % 2 == 1 && step % 4 == 0 {
                        event!(events, WARN, "thread {} is odd at step {}", thread, step);
                    }
                }
                events.finish();
            };
            let came = log(&ring, (2, 40), true, kernel);
            let threads = by_thread(&came.events);
            assert_eq!((threads.len(), came.dropped, came.ended), (80, 0, true));
            for ((_, thread), texts) in threads {
                assert_eq!(texts, steps_of(thread, 9));
            }
            assert_eq!(line(&ring).messages, came.events.len() as u64);
        }
    }
}

#[test]
fn the_kernel_that_logs_from_every_thread() {
    for mode in MODES {
        let ring = EmulatedRing::new(512, mode);
        // SAFETY: nothing else is launched on the ring, which outlives the launch.
        let came = log(&ring, (2, 33), false, || unsafe { log_threads(ring.handle(), 3, 0) });
        let threads = by_thread(&came.events);
        assert_eq!((threads.len(), came.dropped, came.ended), (66, 0, true));
        assert!(threads.into_iter().all(|((_, thread), texts)| texts == steps_of(thread, 3)));
        assert!(came.scopes.iter().all(|scope| *scope == Scope::Thread));
    }
}

#[test]
fn a_full_ring_drops_and_counts_and_stalls_nobody() {
    for mode in MODES {
        for slots in [1, 2, 16, 128] {
            // Nobody reads while the kernel runs, so whatever waited would wait for ever.
            let ring = EmulatedRing::new(slots, mode);
            // SAFETY: nothing else is launched on the ring, which outlives the launch.
            let came = log(&ring, (1, 40), false, || unsafe { log_threads(ring.handle(), 20, 0) });
            let sent: usize = (0..40).map(|thread| steps_of(thread, 20).len()).sum();
            assert_eq!(came.events.len() as u64 + came.dropped, sent as u64, "{slots} slots");
            assert!(came.ended && came.dropped > 0 && came.events.len() as u64 <= slots);
            // What is there is in the order of each thread.
            for ((_, thread), texts) in by_thread(&came.events) {
                let mut expected = steps_of(thread, 20).into_iter();
                assert!(texts.iter().all(|text| expected.any(|expected| expected == *text)), "{texts:?}");
            }
        }
    }
}

#[test]
fn dropped_events_are_told_of_while_the_kernel_goes_on() {
    for mode in MODES {
        for slots in [2, 8, 128] {
            let ring = EmulatedRing::new(slots, mode);
            // SAFETY: nothing else is launched on the ring, which outlives the launch.
            let came = log(&ring, (1, 40), true, || unsafe { log_threads(ring.handle(), 60, 0) });
            let sent: usize = (0..40).map(|thread| steps_of(thread, 60).len()).sum();
            assert_eq!(came.events.len() as u64 + came.dropped, sent as u64, "{slots} slots");
            assert_eq!(line(&ring).dropped, came.dropped);
        }
    }
}

#[test]
fn events_that_wait_are_never_dropped_and_levels_are_switched_off() {
    for mode in MODES {
        let ring = EmulatedRing::new(2, mode);
        // SAFETY: nothing else is launched on the ring, which outlives the launch.
        let came = log(&ring, (2, 33), true, || unsafe { log_and_go(ring.handle(), 10) });
        let threads = by_thread(&came.events);
        // The stream stays open: the kernel has not ended it.
        assert_eq!((threads.len(), came.dropped, came.ended), (66, 0, false));
        let expected: Vec<_> = (0..10).map(|step| format!("step {step}")).collect();
        assert!(threads.values().all(|texts| *texts == expected));
        assert_ne!(ring.state().paused.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn every_producer_logs() {
    type Kernel = unsafe fn(DeviceRing, u32);
    type Case = (Kernel, (u32, u32), Scope, &'static [(u32, u16)]);
    let all: [Case; 4] = [
        (log_thread, (1, 1), Scope::Thread, &[(0, 0)]),
        (log_warp, (1, 32), Scope::Warp, &[(0, 0)]),
        (log_block, (1, 96), Scope::Block, &[(0, 0)]),
        (log_grid, (2, 64), Scope::Warp, &[(0, 0), (0, 32), (1, 0), (1, 32)]),
    ];
    for mode in MODES {
        for (kernel, shape, scope, from) in all {
            let ring = EmulatedRing::new(4, mode);
            // SAFETY: launched as the kernel asks, on a ring that outlives the launch.
            let came = log(&ring, shape, true, || unsafe { kernel(ring.handle(), 20) });
            let threads = by_thread(&came.events);
            assert_eq!(threads.keys().copied().collect::<Vec<_>>(), from);
            let expected: Vec<_> = (0..20).map(|step| format!("step {step}")).collect();
            assert!(threads.values().all(|texts| *texts == expected), "{threads:?}");
            assert!(came.scopes.iter().all(|found| *found == scope));
            assert_eq!((came.dropped, came.ended), (0, true));
            assert_eq!(came.others, if scope == Scope::Thread { 20 } else { 0 });
        }
    }
}

#[test]
fn the_lanes_of_a_warp_share_messages() {
    for mode in MODES {
        let ring = EmulatedRing::new(8, mode);
        // SAFETY: nothing else is launched on the ring, which outlives the launch.
        let came = log(&ring, (2, 64), true, || unsafe { log_lanes(ring.handle(), 30) });
        let threads = by_thread(&came.events);
        assert_eq!(came.dropped, 0);
        let expected = |lane: u16| -> Vec<String> {
            let steps = (0..30_u32).filter(|step| (u32::from(lane) | step) % 3 != 0);
            steps.map(|step| format!("step {step} of lane {lane}")).collect()
        };
        assert_eq!(threads.len(), 128);
        for ((_, thread), texts) in threads {
            assert_eq!(texts, expected(thread % 32), "thread {thread}");
        }
        // Six of five words to a message.
        assert!(line(&ring).messages < came.events.len() as u64 / 5);
    }
}

#[test]
fn arguments_of_every_type() {
    let ring = EmulatedRing::new(8, perdix_gpu::Mode::Fenced);
    // SAFETY: one thread, on a ring that outlives the launch.
    let came = log(&ring, (1, 1), true, || unsafe { log_types(ring.handle(), 300) });
    let texts: Vec<_> = came.events.iter().map(|(_, _, text)| text.as_str()).collect();
    let expected = [
        "44 300 300 1288490188800 300",
        "-44 -300 -300 -300 -300",
        "37.5 18.75 true x 0x12c",
        "{   300} 100.00 0x0000012c -300 101100",
        "no arguments, and a line\nbreak",
    ];
    assert_eq!(texts, expected);
}

#[test]
fn floods_say_how_many_they_sent() {
    for mode in MODES {
        for (how, sent) in [(0, 0), (1, 64 * 20), (2, 0)] {
            let ring = EmulatedRing::new(16, mode);
            // SAFETY: nothing else is launched on the ring, which outlives the launch.
            let came = log(&ring, (2, 32), true, || unsafe { flood_events(ring.handle(), 20, how) });
            let (last, steps): (Vec<_>, Vec<_>) =
                came.events.iter().partition(|(_, _, text)| text.contains("sent in"));
            let count = |text: &str| text.split(' ').next().unwrap().parse::<usize>().unwrap();
            assert_eq!(last.len(), if how == 1 { 64 } else { last.len() });
            if how == 1 {
                assert_eq!(last.iter().map(|(_, _, text)| count(text)).sum::<usize>(), sent);
                assert_eq!(steps.len(), sent);
            }
            assert!(how != 2 || (steps.is_empty() && last.len() == 64), "{last:?}");
        }
        let ring = EmulatedRing::new(16, mode);
        // SAFETY: nothing else is launched on the ring, which outlives the launch.
        let came = log(&ring, (2, 32), true, || unsafe { flood_lane_events(ring.handle(), 20) });
        assert_eq!(came.events.len(), 64 * 20 + 2);
    }
}

#[test]
fn a_consumer_that_leaves_stops_no_kernel() {
    for mode in MODES {
        let ring = EmulatedRing::new(4, mode);
        // SAFETY: the ring's only consumer.
        unsafe { ring.consumer() }.disconnect();
        let begun = Instant::now();
        assert!(launch(1, 40, || {
            // SAFETY: nothing else is launched on the ring, which outlives the launch.
            unsafe { log_threads(ring.handle(), 50, 0) };
            // SAFETY: as above; the threads before have let it go.
            let events = unsafe { Events::new(ring.handle()) }.unwrap();
            let mut events = events.waiting().up_to(Level::Error);
            assert!(!event!(events, ERROR, "nobody reads"));
        }));
        assert!(begun.elapsed().as_secs() < 5);
    }
}

#[test]
fn room_for_all_threads_at_a_time_is_kept_free() {
    for mode in MODES {
        // Eight threads, of which one logs: as many slots stay free on a ring that has more than twice as many, none on a smaller one.
        for (slots, came) in [(32, 24), (16, 16), (8, 8)] {
            let ring = EmulatedRing::new(slots, mode);
            let outcome = log(&ring, (1, 8), false, || {
                // SAFETY: the ring is for this kernel's events, and outlives the launch.
                let mut events = unsafe { Events::new(ring.handle()) }.unwrap();
                if perdix_gpu::intrinsics::thread_rank() == 5 {
                    let sent = (0..40_u32).filter(|step| event!(events, INFO, "step {}", step)).count();
                    assert_eq!(sent as u64, came);
                }
                events.finish();
            });
            assert_eq!((outcome.events.len() as u64, outcome.dropped), (came, 40 - came), "{slots} slots");
        }
    }
}

#[test]
fn dropped_events_are_told_of_in_their_place() {
    for mode in MODES {
        for (slots, room) in [(4, 3), (2, 2)] {
            let ring = EmulatedRing::new(slots, mode);
            // SAFETY: the ring's only consumer.
            let mut consumer = unsafe { ring.consumer() };
            // SAFETY: the ring outlives this, and this thread is a launch of its own.
            let mut events = unsafe { Events::new(ring.handle()) }.unwrap();
            let sent = (0..room + 5).filter(|step: &u32| event!(events, INFO, "step {}", step)).count();
            assert_eq!(sent as u32, room);
            let read = |consumer: &mut Consumer| read(consumer, &AtomicBool::new(true));
            let before = read(&mut consumer);
            assert_eq!((before.events.len(), before.dropped), (sent, 0));
            consumer.publish_tail();
            assert!(event!(events, INFO, "step {}", 100_u32), "{slots} slots, {mode:?}");
            let told = read(&mut consumer);
            assert_eq!((told.events.len(), told.dropped), (1, 5), "{slots} slots, {mode:?}");
            events.finish();
            let rest = read(&mut consumer);
            assert_eq!((rest.ended, rest.events.len(), rest.dropped), (true, 0, 0));
        }
    }
}
