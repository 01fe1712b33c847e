//! Proves that what a thread stages is published in its place by whatever follows, on every way out.

use perdix_gpu::emulation::EmulatedRing;
use perdix_gpu::{Error, Fault, ThreadProducer};

use crate::common::{MODES, View as _, line};

type Step = fn(ThreadProducer) -> Option<ThreadProducer>;

/// What may follow staged messages, and the messages that it sends itself.
const STEPS: [(&str, Step, &[&[u8]]); 9] = [
    ("produce", |mut tx| tx.produce(0, b"x").map(|()| tx).ok(), &[b"x"]),
    ("try_produce", |mut tx| tx.try_produce(0, b"x").map(|()| tx).ok(), &[b"x"]),
    ("produce_or_drop", |mut tx| tx.produce_or_drop(0, b"x").map(|_| tx).ok(), &[b"x"]),
    ("produce_with", |mut tx| tx.produce_with(0, 1, |_| [u64::from(b'x'), 0]).map(|()| tx).ok(), &[b"x"]),
    (
        "produce_with_or_drop",
        |mut tx| tx.produce_with_or_drop(0, 1, |_| [u64::from(b'x'), 0]).map(|_| tx).ok(),
        &[b"x"],
    ),
    (
        "publish",
        |mut tx| {
            tx.publish();
            Some(tx)
        },
        &[],
    ),
    (
        "pause",
        |tx| {
            tx.pause();
            None
        },
        &[],
    ),
    (
        "finish",
        |tx| {
            tx.finish();
            None
        },
        &[],
    ),
    (
        "fail",
        |tx| {
            tx.fail(Error::TimedOut);
            None
        },
        &[],
    ),
];

#[test]
fn nothing_staged_is_lost() {
    for mode in MODES {
        for start in [0, u64::MAX - 2] {
            for (name, step, sends) in STEPS {
                let mut ring = EmulatedRing::starting_at(8, mode, start);
                // SAFETY: the ring's only producer.
                let mut tx = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
                tx.stage(0, b"1").unwrap();
                tx.stage(0, b"2").unwrap();
                if let Some(mut tx) = step(tx) {
                    // Again, from the middle of the stream.
                    tx.stage(0, b"3").unwrap();
                    tx.finish();
                    let expected: Vec<&[u8]> = [b"1", b"2"]
                        .map(|one| one.as_slice())
                        .into_iter()
                        .chain(sends.iter().copied())
                        .chain([b"3".as_slice()])
                        .collect();
                    let received: Vec<_> = ring.received().into_iter().map(|(_, bytes)| bytes).collect();
                    assert_eq!(received, expected, "{name}, {mode:?}");
                } else {
                    let received: Vec<_> = ring.received().into_iter().map(|(_, bytes)| bytes).collect();
                    assert_eq!(received, [b"1", b"2"], "{name}, {mode:?}");
                }
                let is_open = name == "pause";
                let sent = line(&ring);
                assert_eq!(sent.end.is_none(), is_open, "{name}");
                assert_eq!(sent.lost, 0, "{name}");
                assert_eq!(sent.fault, (name == "fail").then_some(Fault::TimedOut));
            }
        }
    }
}

/// The next producer goes on behind what the last one had staged when it paused.
#[test]
fn a_pause_counts_what_was_staged() {
    for mode in MODES {
        let mut ring = EmulatedRing::new(8, mode);
        for text in [b"1", b"2"] {
            // SAFETY: the ring's only producer now.
            let mut tx = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
            tx.stage(0, text).unwrap();
            tx.pause();
        }
        let received: Vec<_> = ring.received().into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(received, [b"1", b"2"]);
    }
}

/// A full ring publishes what is staged too, and then says that it is full: what was staged is not waited for in vain.
#[test]
fn a_full_ring_gets_what_is_staged() {
    for mode in MODES {
        let mut ring = EmulatedRing::new(2, mode);
        // SAFETY: the ring's only producer.
        let mut tx = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
        tx.stage(0, b"1").unwrap();
        tx.stage(0, b"2").unwrap();
        assert_eq!(tx.stage(0, b"3"), Err(Error::Full));
        assert_eq!(tx.produce_or_drop(0, b"4"), Ok(false));
        assert_eq!(ring.received().len(), 2);
        assert_eq!(tx.try_produce(0, b"5"), Ok(()));
        tx.finish();
        assert_eq!(line(&ring).dropped, 1);
    }
}

/// A producer that is dropped, or forgotten, which is the same, is a kernel that broke off: the stream stays open, and nothing
/// that was not published is visible.
#[test]
fn a_producer_that_breaks_off_publishes_nothing() {
    for mode in MODES {
        let mut ring = EmulatedRing::new(8, mode);
        // SAFETY: the ring's only producer.
        let mut tx = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
        tx.produce(0, b"1").unwrap();
        tx.stage(0, b"2").unwrap();
        // On a fence-free ring staging sends at once.
        let sent = if ring.view().mode() == perdix_gpu::Mode::Fenced { 1 } else { 2 };
        assert_eq!(ring.received().len(), sent);
        assert_eq!(line(&ring).end, None);
    }
}
