//! Proves that launches and handles that cannot work are refused, and that a corrupt tail is noticed.

use std::ptr::null_mut;
use std::sync::atomic::Ordering;

use perdix_core::{Cursor, DeviceRing, Mode};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::{BlockProducer, Error, Fault, GridProducer, ThreadProducer, WarpProducer};

use crate::common::{MODES, Sender, View as _, line, pattern};

/// What each producer says of a handle, as far as it can be launched so.
fn refusals(threads: u32, handle: DeviceRing) -> Vec<Error> {
    let errors = std::sync::Mutex::new(Vec::new());
    let ok = launch(1, threads, || {
        // SAFETY: nothing is sent, and handles to nothing are refused.
        let warp = unsafe { WarpProducer::new(handle) }.err();
        // SAFETY: as above.
        let block = unsafe { BlockProducer::new(handle) }.err();
        // SAFETY: as above.
        let grid = unsafe { GridProducer::new(handle) }.err();
        errors.lock().unwrap().extend([warp, block, grid].map(Option::unwrap));
    });
    assert!(ok);
    errors.into_inner().unwrap()
}

#[test]
fn blocks_need_whole_warps() {
    let ring = EmulatedRing::new(4, Mode::Fenced);
    for threads in [1, 31, 33, 63] {
        assert_eq!(refusals(threads, ring.handle()), vec![Error::Launch; 3 * threads as usize]);
    }
    // A thread needs none.
    // SAFETY: one of them at a time, and nothing is sent.
    assert!(launch(1, 33, || assert!(unsafe { ThreadProducer::new(ring.handle()) }.is_ok())));
}

#[test]
fn kernels_refused_leave_the_ring_alone() {
    let mut ring = EmulatedRing::new(4, Mode::Fenced);
    let handle = ring.handle();
    for sender in [Sender::Warp { batch: 1 }, Sender::Block { warps: 1, batch: 1 }] {
        assert!(launch(1, 33, || sender.send(handle, pattern(8, false), 3)));
    }
    assert_eq!((ring.received().len(), line(&ring).end), (0, None));
}

#[test]
fn handles_that_no_host_made() {
    let ring = EmulatedRing::new(4, Mode::Fenced);
    let good = ring.handle();
    let bad = [
        DeviceRing { state: null_mut(), ..good },
        DeviceRing { memory: null_mut(), ..good },
        DeviceRing { memory: good.memory.wrapping_add(8), ..good },
        DeviceRing { format: good.format + 2, ..good },
        DeviceRing { format: good.format | 1 << 31, ..good },
        DeviceRing { capacity: 0, ..good },
        DeviceRing { capacity: 3, ..good },
        DeviceRing { capacity: 1 << 31, ..good },
    ];
    for handle in bad {
        assert_eq!(refusals(32, handle), vec![Error::Corrupt; 96], "{handle:?}");
        // SAFETY: nothing is sent, and handles to nothing are refused.
        assert_eq!(unsafe { ThreadProducer::new(handle) }.err(), Some(Error::Corrupt));
    }
}

/// A handle of a host whose layout has another version, as old PTX or a new host would see it.
#[test]
fn another_version_is_refused_by_name_and_nothing_is_touched() {
    for mode in MODES {
        let mut ring = EmulatedRing::new(4, mode);
        let good = ring.handle();
        let words = || {
            let state = ring.state();
            [&state.head, &state.tail, &state.paused, &state.fault].map(|word| word.load(Ordering::Relaxed))
        };
        ring.state().paused.store(1, Ordering::Relaxed);
        let before = words();
        let version = |number: u64| DeviceRing { format: number << 32 | mode as u64, ..good };
        let own = u64::from(perdix_core::VERSION);
        // 0: handles had the mode alone before.
        for other in [0, own - 1, own + 1, u64::from(u32::MAX)] {
            let handle = version(other);
            assert_eq!(refusals(32, handle), vec![Error::Version; 96], "{other}");
            // SAFETY: nothing is sent, and the handle is refused.
            assert_eq!(unsafe { ThreadProducer::new(handle) }.err(), Some(Error::Version));
            // SAFETY: as above.
            assert_eq!(unsafe { perdix_gpu::Events::new(handle) }.err(), Some(Error::Version));
            let input = perdix_gpu::DeviceInput { ring: handle, single_store_words: 0 };
            // SAFETY: as above.
            let consumer = unsafe { perdix_gpu::ThreadConsumer::new(input) };
            assert_eq!(consumer.err(), Some(perdix_gpu::ConsumeError::Version));
        }
        assert_eq!(version(own).format, good.format);
        assert_eq!(words(), before);
        assert_eq!(ring.received().len(), 0);
    }
}

/// A tail ahead of everything sent, or further behind than the ring is long.
#[test]
fn a_corrupt_tail_is_noticed() {
    for mode in MODES {
        for start in [0, u64::MAX - 5, (1 << 63) - 5] {
            for wrong in [1000, 1 << 62, u64::MAX - 999] {
                for sender in [
                    Sender::Thread { batch: 1 },
                    Sender::Thread { batch: 3 },
                    Sender::Warp { batch: 2 },
                    Sender::Block { warps: 2, batch: 8 },
                    Sender::Grid { blocks: 2, warps: 1, batch: 4 },
                ] {
                    let ring = EmulatedRing::starting_at(4, mode, start);
                    let (view, tail) = (ring.view(), Cursor::new(start.wrapping_add(wrong), false));
                    // SAFETY: nobody uses the ring yet.
                    unsafe { view.control() }.consumer.tail.store(tail.word(), Ordering::Relaxed);
                    let (blocks, threads) = sender.launch();
                    assert!(launch(blocks, threads, || sender.send(ring.handle(), pattern(8, false), 100)));
                    assert_eq!(line(&ring).fault, Some(Fault::Corrupt), "{sender:?}, {wrong}");
                    assert!(line(&ring).end <= Some(4));
                }
            }
        }
    }
}

#[test]
fn errors_say_what_they_are() {
    let all = [
        Error::Full,
        Error::TimedOut,
        Error::ConsumerGone,
        Error::TooLong,
        Error::Corrupt,
        Error::Stopped,
        Error::Launch,
        Error::Version,
    ];
    let texts: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), all.len());
    let partial = perdix_gpu::BatchError { sent: 7, error: Error::Full };
    assert_eq!(partial.to_string(), "7 messages sent, then: the ring is full");
}
