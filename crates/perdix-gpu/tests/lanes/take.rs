//! Proves that the device consumers keep the protocol: a CPU sends, emulated lanes take and send back what they took.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use perdix_core::{DeviceInput, Fault, Mode, Poll, Producer, Refused};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};
use perdix_kernels::take::REASON_KIND;
use perdix_kernels::{relay_block, relay_thread, relay_warp};

use crate::common::{MODES, Messages, View as _, pattern};

/// One of the kernels that send back what they take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Relay {
    Thread,
    Warp,
    Block,
}

pub(crate) const RELAYS: [Relay; 3] = [Relay::Thread, Relay::Warp, Relay::Block];

impl Relay {
    pub(crate) fn start(self, input: DeviceInput, output: &EmulatedRing, count: u64) -> bool {
        let ring = output.handle();
        match self {
            // SAFETY: launched as it asks, alone on these rings.
            Self::Thread => launch(1, 1, || unsafe { relay_thread(input, ring, count) }),
            // SAFETY: as above.
            Self::Warp => launch(1, 32, || unsafe { relay_warp(input, ring, count) }),
            // SAFETY: as above.
            Self::Block => launch(1, 96, || unsafe { relay_block(input, ring, count) }),
        }
    }
}

/// Sends message `id` of a pattern, as the kernel's handle wants it; waits while the ring is full.
pub(crate) fn send(producer: &mut Producer, whole: bool, pattern: Pattern, id: u64) -> Result<(), Refused> {
    let bytes: Vec<u8> = (0..30).flat_map(|i| pattern.word(id, i).to_le_bytes()).collect();
    let bytes = &bytes[..pattern.len(id)];
    let begun = Instant::now();
    loop {
        // As a host's client does: what the handle says matters in fence-free mode only.
        let result = if whole {
            let make = |pair| [2 * pair as u64, 2 * pair as u64 + 1].map(|i| pattern.word(id, i));
            producer.push_chunks(pattern.kind(id), 0, bytes.len(), make)
        } else {
            producer.push(pattern.kind(id), 0, bytes)
        };
        match result {
            Err(Refused::Full) => {
                assert!(begun.elapsed() < Duration::from_secs(60), "the kernel takes nothing");
                std::thread::yield_now();
            }
            other => return other,
        }
    }
}

/// Takes what comes back until the stream ends, or the launch is over.
fn receive(output: &EmulatedRing, over: impl Fn() -> bool) -> Messages {
    // SAFETY: the only consumer of a ring that is used in one test only.
    let mut consumer = unsafe { output.consumer() };
    let mut messages = Messages::new();
    loop {
        let was_over = over();
        match consumer.poll().unwrap() {
            Poll::Ready(message) => {
                let meta = message.meta();
                let mut bytes = vec![0; meta.len()];
                message.copy_to(&mut bytes);
                message.take();
                consumer.recycle();
                messages.push((meta.kind(), bytes));
            }
            Poll::Ended => return messages,
            Poll::Empty if was_over => return messages,
            _ => std::thread::yield_now(),
        }
    }
}

/// The two words of a relay's last message.
fn last_reason(messages: &mut Messages) -> [u64; 2] {
    let (kind, bytes) = messages.pop().unwrap();
    assert_eq!((kind, bytes.len()), (REASON_KIND, 16));
    let (low, high) = bytes.split_at(8);
    [low, high].map(|word| u64::from_le_bytes(word.try_into().unwrap()))
}

fn check(pattern: Pattern, messages: &Messages) {
    for (id, (kind, bytes)) in (0..).zip(messages) {
        assert!(pattern.matches(id, *kind, bytes), "message {id} is {kind}, {bytes:?}");
    }
}

/// Sends `count` messages beside the kernel, ends the stream, and checks what comes back.
fn relayed(relay: Relay, ring: &EmulatedRing, input: DeviceInput, pattern: Pattern, count: u64) {
    let output = EmulatedRing::new(64, Mode::Fenced);
    std::thread::scope(|scope| {
        let kernel = scope.spawn(|| relay.start(input, &output, u64::MAX));
        scope.spawn(|| {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { Producer::new(ring.view()) };
            for id in 0..count {
                send(&mut producer, input.single_store_words != 0, pattern, id).unwrap();
            }
            producer.finish();
        });
        let mut messages = receive(&output, || false);
        assert_eq!(last_reason(&mut messages), [1, 0], "{relay:?}");
        assert_eq!(messages.len() as u64, count);
        check(pattern, &messages);
        assert!(kernel.join().unwrap());
    });
    let view = ring.view();
    let tail = view.tail();
    let start = ring.view().config().start;
    assert_eq!((tail.distance_from(start), tail.flag()), (count, true), "{relay:?}");
    assert_eq!(view.consumer_stats().messages, count);
}

#[test]
fn every_length_arrives_in_rings_of_every_size() {
    for mode in MODES {
        for relay in RELAYS {
            // A block's barriers are slow here.
            let lengths = if matches!(relay, Relay::Block) { 60 } else { 245 };
            for (capacity, count) in [(1, 20), (2, 20), (32, lengths)] {
                for sentinels in [false, true] {
                    let len = if matches!(relay, Relay::Block) && sentinels { 233 } else { ALL_LENGTHS };
                    let pattern = pattern(len, sentinels);
                    for at_once in [false, true] {
                        let ring = EmulatedRing::new(capacity, mode);
                        let input = DeviceInput { single_store_words: u64::from(at_once), ..ring.input() };
                        relayed(relay, &ring, input, pattern, count);
                    }
                }
            }
        }
    }
}

#[test]
fn numbers_wrap() {
    for mode in MODES {
        for relay in RELAYS {
            for first in [u64::MAX - 40, u64::MAX / 2 - 40, (1 << 32) - 40] {
                let ring = EmulatedRing::starting_at(8, mode, first);
                relayed(relay, &ring, ring.input(), pattern(100, true), 100);
            }
        }
    }
}

/// Kernels one after the other, each of which takes a part and pauses.
#[test]
fn the_next_kernel_goes_on() {
    for mode in MODES {
        for relay in RELAYS {
            let (ring, output) = (EmulatedRing::new(16, mode), EmulatedRing::new(64, Mode::Fenced));
            let pattern = pattern(ALL_LENGTHS, true);
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { Producer::new(ring.view()) };
            for round in 0..5 {
                for id in 10 * round..10 * round + 10 {
                    send(&mut producer, false, pattern, id).unwrap();
                }
                assert!(relay.start(ring.input(), &output, 10));
                assert_eq!(ring.state().paused.load(Ordering::Relaxed), 1);
                assert_eq!(ring.state().head.load(Ordering::Relaxed), 10 * round + 10);
            }
            let messages = receive(&output, || true);
            assert_eq!(messages.len(), 50);
            check(pattern, &messages);
            // Nothing was left behind that a later message could be taken for.
            assert!(producer.ensure(16).is_ok());
            assert!(!producer.consumer_disconnected());
        }
    }
}

#[test]
fn a_producer_that_fails_or_drops_is_heard() {
    for mode in MODES {
        for relay in RELAYS {
            let (ring, output) = (EmulatedRing::new(4, mode), EmulatedRing::new(64, Mode::Fenced));
            let pattern = pattern(24, true);
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { Producer::new(ring.view()) };
            for id in 0..4 {
                send(&mut producer, false, pattern, id).unwrap();
            }
            for _ in 0..3 {
                assert!(!producer.push_or_drop(0, 0, &[]).unwrap());
            }
            producer.fail(Fault::Panicked);
            assert!(relay.start(ring.input(), &output, u64::MAX));
            let mut messages = receive(&output, || true);
            assert_eq!(last_reason(&mut messages), [2, Fault::Panicked as u64], "{relay:?}");
            assert_eq!(last_reason(&mut messages), [3, 3], "{relay:?}");
            assert_eq!(messages.len(), 4);
            check(pattern, &messages);
            assert!(producer.consumer_disconnected());
        }
    }
}

/// Gaps in the middle, told by notices.
#[test]
fn gaps_are_told_in_their_place() {
    for mode in MODES {
        for relay in RELAYS {
            let (ring, output) = (EmulatedRing::new(4, mode), EmulatedRing::new(64, Mode::Fenced));
            let pattern = pattern(40, false);
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { Producer::new(ring.view()) };
            for id in 0..4 {
                send(&mut producer, false, pattern, id).unwrap();
            }
            assert!(!producer.push_or_drop(0, 0, &[]).unwrap());
            assert!(relay.start(ring.input(), &output, 4));
            // The notice goes first.
            for id in 4..6 {
                send(&mut producer, false, pattern, id).unwrap();
            }
            assert!(relay.start(ring.input(), &output, 2));
            producer.finish();
            assert!(relay.start(ring.input(), &output, u64::MAX));
            let mut messages = receive(&output, || true);
            assert_eq!(last_reason(&mut messages), [1, 0]);
            let mut gap = messages.drain(4..5).collect();
            assert_eq!(last_reason(&mut gap), [3, 1], "{relay:?}");
            assert_eq!(messages.len(), 6);
            check(pattern, &messages);
            let view = ring.view();
            // SAFETY: the word is only loaded.
            let [told, _] = unsafe { &view.control().consumer.reported };
            assert_eq!(told.dropped.load(Ordering::Relaxed), 1);
        }
    }
}

#[test]
fn a_wait_ends_in_time() {
    for mode in MODES {
        for relay in RELAYS {
            let (ring, output) = (EmulatedRing::new(4, mode), EmulatedRing::new(64, Mode::Fenced));
            let mut input = ring.input();
            input.ring.limit_ns = 20_000_000;
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { Producer::new(ring.view()) };
            send(&mut producer, false, pattern(8, false), 0).unwrap();
            let begun = Instant::now();
            assert!(relay.start(input, &output, u64::MAX));
            assert!(begun.elapsed() >= Duration::from_millis(20));
            let mut messages = receive(&output, || true);
            assert_eq!(last_reason(&mut messages), [4, 0], "{relay:?}");
            assert_eq!(messages.len(), 1);
            assert_eq!(producer.push(0, 0, &[]), Ok(()));
            assert!(producer.consumer_disconnected());
        }
    }
}

/// Whatever the header says, there is an error in time, and no access beyond the ring (which sanitizers would see).
#[test]
fn hostile_memory_is_an_error() {
    for mode in MODES {
        for relay in RELAYS {
            for meta in [242_u64, 255, 254 | 7 << 32, u64::MAX] {
                let (ring, output) = (EmulatedRing::new(4, mode), EmulatedRing::new(64, Mode::Fenced));
                let slot = ring.view();
                // SAFETY: nobody uses the ring yet.
                let slot = unsafe { slot.slot(0) };
                slot.meta.store(meta, Ordering::Relaxed);
                slot.seq.store(1, Ordering::Release);
                assert!(relay.start(ring.input(), &output, u64::MAX));
                let mut messages = receive(&output, || true);
                assert_eq!(last_reason(&mut messages), [5, 0], "{relay:?} {meta:#x}");
            }
            // An end beyond the ring.
            let (ring, output) = (EmulatedRing::new(4, mode), EmulatedRing::new(64, Mode::Fenced));
            // SAFETY: the ring has no other producer.
            unsafe { ring.view().close(77, None) };
            assert!(relay.start(ring.input(), &output, u64::MAX));
            let mut messages = receive(&output, || true);
            assert_eq!(last_reason(&mut messages), [5, 0], "{relay:?}");
            // A run longer than the ring, a number far ahead, words that never come.
            let ring = EmulatedRing::new(4, mode);
            let mut input = ring.input();
            input.ring.limit_ns = 5_000_000;
            let view = ring.view();
            // SAFETY: nobody uses the ring yet.
            let [first, second] = [0, 1].map(|number| unsafe { view.slot(number) });
            second.seq.store(u64::MAX, Ordering::Release);
            first.meta.store(16 | 0x3fff_ffff << 32, Ordering::Relaxed);
            first.seq.store(1, Ordering::Release);
            let output = EmulatedRing::new(64, Mode::Fenced);
            assert!(relay.start(input, &output, u64::MAX));
            let mut messages = receive(&output, || true);
            assert_eq!(last_reason(&mut messages), [4, 0], "{relay:?}");
            assert!(messages.len() <= 4, "{}", messages.len());
        }
    }
}

/// A handle that no host made gives no consumer.
#[test]
fn a_false_handle_is_refused() {
    let ring = EmulatedRing::new(4, Mode::Fenced);
    let good = ring.input();
    let mut bad = [good; 4];
    bad[0].ring.capacity = 3;
    bad[1].ring.format += 9;
    bad[2].ring.state = std::ptr::null_mut();
    bad[3].ring.memory = good.ring.memory.wrapping_add(8);
    for handle in bad {
        assert!(launch(1, 32, || {
            // SAFETY: nothing is done with it unless the handle is good.
            let error = unsafe { perdix_gpu::WarpConsumer::new(handle) }.unwrap_err();
            assert_eq!(error, perdix_gpu::ConsumeError::Corrupt);
        }));
    }
    assert!(launch(1, 16, || {
        // SAFETY: as above.
        let error = unsafe { perdix_gpu::WarpConsumer::new(good) }.unwrap_err();
        assert_eq!(error, perdix_gpu::ConsumeError::Launch);
    }));
}

/// What a device producer sends, in runs or in any order, is taken as what a CPU sends.
#[test]
fn a_device_may_be_the_producer() {
    for mode in MODES {
        for relay in RELAYS {
            for single_store_words in [0, 1] {
                let (ring, output) = (EmulatedRing::new(16, mode), EmulatedRing::new(64, Mode::Fenced));
                let state = perdix_core::DeviceState::new(0, 0);
                let mut input = DeviceInput { single_store_words, ..ring.input() };
                input.ring.state = std::ptr::from_ref(&state).cast_mut();
                let pattern = pattern(ALL_LENGTHS, true);
                let send = ring.handle();
                std::thread::scope(|scope| {
                    let kernel = scope.spawn(|| relay.start(input, &output, u64::MAX));
                    // SAFETY: one warp, the ring's only producer.
                    let send = || unsafe { perdix_kernels::send_warp(send, pattern, 80, 11) };
                    scope.spawn(move || launch(1, 32, send));
                    let mut messages = receive(&output, || false);
                    assert_eq!(last_reason(&mut messages), [1, 0], "{relay:?}");
                    assert_eq!(messages.len(), 80);
                    check(pattern, &messages);
                    assert!(kernel.join().unwrap());
                });
            }
        }
    }
}
