//! Proves that every granularity ends by itself when the consumer leaves, and says what it did not send.

use perdix_gpu::emulation::EmulatedRing;
use perdix_gpu::{BlockProducer, Error, Fault, GridProducer, ThreadProducer, WarpProducer};

use crate::common::{End, MODES, Reader, SENDERS, Sender, check, line, pattern, run};

#[test]
fn every_granularity_ends_by_itself() {
    for mode in MODES {
        for capacity in [1, 4, 64] {
            for sender in SENDERS {
                for after in [0, 1, 100] {
                    let (ring, pattern) = (EmulatedRing::new(capacity, mode), pattern(16, false));
                    let outcome = sender.run(&ring, Reader::Leaves(after), pattern, 1 << 39);
                    assert!(outcome.launched);
                    assert_eq!((outcome.end, outcome.messages.len() as u64), (End::Left, after));
                    if sender.streams() == 1 {
                        check(pattern, 0, &outcome.messages);
                    }
                    let line = line(&ring);
                    let end = line.end.unwrap();
                    assert_eq!(line.fault, Some(Fault::ConsumerGone), "{sender:?}");
                    assert!((after..=after + capacity).contains(&end), "{sender:?} sent {end}");
                    // What a thread or warp did not send, it never claimed; a block or grid claims first.
                    match sender {
                        Sender::Thread { .. } | Sender::Warp { .. } => {
                            assert_eq!((line.lost, line.messages), (0, end));
                        }
                        _ => assert!(line.lost > 0 && line.messages <= end + line.lost),
                    }
                }
            }
        }
    }
}

/// A stream whose consumer left early, seen by each producer's methods.
#[test]
fn every_method_says_so() {
    for mode in MODES {
        let gone = |threads: u32, kernel: &(dyn Fn(&EmulatedRing) + Sync)| {
            let ring = EmulatedRing::new(2, mode);
            // SAFETY: the ring's only consumer.
            unsafe { ring.consumer() }.disconnect();
            assert!(perdix_gpu::emulation::launch(1, threads, || kernel(&ring)));
        };
        let make = |_: usize| [0; 2];
        gone(1, &|ring| {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
            assert_eq!(producer.try_produce(0, &[]), Err(Error::ConsumerGone));
            assert_eq!(producer.produce(0, &[]), Err(Error::ConsumerGone));
            assert_eq!(producer.stage(0, &[]), Err(Error::ConsumerGone));
            producer.fail(Error::ConsumerGone);
        });
        gone(32, &|ring| {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
            producer.produce_batch(2, &pattern(1, false).from(0)).unwrap();
            assert_eq!(producer.try_produce(0, 1, make), Err(Error::ConsumerGone));
            assert_eq!(producer.produce(0, 1, make), Err(Error::ConsumerGone));
            producer.fail(Error::ConsumerGone);
        });
        gone(64, &|ring| {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { BlockProducer::new(ring.handle()) }.unwrap();
            producer.produce_batch(2, &pattern(1, false).from(0)).unwrap();
            assert_eq!(producer.try_produce_batch(1, &pattern(1, false).from(0)), Err(Error::ConsumerGone));
            // What was tried and not sent leaves no gap.
            producer.finish();
            if perdix_gpu::intrinsics::thread_rank() == 0 {
                assert_eq!((line(ring).end, line(ring).lost), (Some(2), 0));
            }
        });
        gone(64, &|ring| {
            // SAFETY: only grid producers of this launch.
            let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
            // SAFETY: all threads come to the same barriers.
            let mut block = unsafe { perdix_gpu::Block::new() };
            producer.produce(0, 1, make).unwrap();
            block.sync();
            assert_eq!(producer.try_produce(0, 1, make), Err(Error::ConsumerGone));
            block.sync();
            let error = producer.produce(0, 1, make).unwrap_err();
            assert!(matches!(error, Error::ConsumerGone | Error::Stopped), "{error}");
            producer.finish();
        });
    }
}

/// A kernel that only ever tries must learn that another warp has ended the stream, or it would try for ever.
#[test]
fn trying_ends_when_another_warp_gave_up() {
    let ring = EmulatedRing::new(2, MODES[0]);
    let mut handle = ring.handle();
    handle.limit_ns = 1_000_000;
    let outcome = run(&ring, (2, 32), Reader::Stalls(0), || {
        // SAFETY: only grid producers of this launch.
        let mut producer = unsafe { GridProducer::new(handle) }.unwrap();
        if perdix_gpu::intrinsics::block_rank() == 0 {
            while producer.produce(0, 8, |_| [0; 2]).is_ok() {}
        } else {
            while matches!(producer.try_produce(0, 8, |_| [0; 2]), Ok(()) | Err(Error::Full)) {}
        }
        producer.finish();
    });
    assert!(outcome.launched);
    assert_eq!((outcome.end, outcome.messages.len()), (End::Ended, 2));
    assert_eq!(line(&ring).fault, Some(Fault::TimedOut));
}
