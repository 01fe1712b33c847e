//! Proves that messages over 240 bytes are refused, alone and inside batches, and that what came before them arrives.

use std::sync::atomic::{AtomicU64, Ordering};

use perdix_gpu::emulation::EmulatedRing;
use perdix_gpu::{
    BatchError, BlockProducer, Error, Fault, GridProducer, Source, ThreadProducer, WarpProducer,
};
use perdix_kernels::pattern::Pattern;
use perdix_kernels::send_too_long;

use crate::common::{End, Line, MODES, Reader, Sender, check, check_counts, line, pattern, run};

/// The pattern's messages, but message `at` is one byte too long.
struct TooLongAt(u64, Pattern);

impl Source for TooLongAt {
    fn len(&self, index: u64) -> usize {
        if index == self.0 { 241 } else { self.1.len(index) }
    }

    fn kind(&self, index: u64) -> u16 {
        self.1.kind(index)
    }

    fn chunk(&self, index: u64, chunk: usize) -> [u64; 2] {
        [0, 1].map(|half| self.1.word(index, 2 * chunk as u64 + half))
    }
}

#[test]
fn the_kernel_is_refused_and_goes_on() {
    for mode in MODES {
        let ring = EmulatedRing::new(4, mode);
        let refused = AtomicU64::new(9);
        let outcome = run(&ring, (1, 32), Reader::Steady, || {
            // SAFETY: one warp, and both outlive the launch.
            unsafe { send_too_long(ring.handle(), &refused) }
        });
        assert!(outcome.launched);
        assert_eq!(refused.load(Ordering::Relaxed), 1);
        let bytes: Vec<u8> = (0..15_u64).flat_map(|i| [i.to_le_bytes(), [0; 8]]).flatten().collect();
        assert_eq!((outcome.end, &outcome.messages), (End::Ended, &vec![(1, bytes)]));
        check_counts(&ring, &outcome.messages);
    }
}

#[test]
fn a_kernel_that_fails_so_tells_the_consumer() {
    for sender in [Sender::Thread { batch: 1 }, Sender::Thread { batch: 4 }, Sender::Warp { batch: 4 }] {
        let ring = EmulatedRing::new(4, MODES[0]);
        let outcome = run(&ring, sender.launch(), Reader::Steady, || match sender {
            Sender::Thread { batch } => {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
                for _ in 1..batch {
                    producer.stage(0, &[]).unwrap();
                }
                assert_eq!(producer.stage(0, &[0; 241]), Err(Error::TooLong));
                assert_eq!(producer.publish(), batch - 1);
                producer.fail(Error::TooLong);
            }
            _ => {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
                assert_eq!(producer.produce(0, 241, |_| [0; 2]), Err(Error::TooLong));
                assert_eq!(producer.try_produce(0, 241, |_| [0; 2]), Err(Error::TooLong));
                producer.fail(Error::TooLong);
            }
        });
        assert!(outcome.launched);
        assert_eq!(outcome.end, End::Ended);
        assert_eq!(line(&ring).fault, Some(Fault::TooLong));
        assert_eq!(line(&ring).end, Some(outcome.messages.len() as u64));
    }
}

#[test]
fn a_warps_batch_says_how_many_it_sent() {
    for mode in MODES {
        for at in [0, 1, 31, 32, 33, 70] {
            let (ring, pattern) = (EmulatedRing::new(64, mode), pattern(40, false));
            let outcome = run(&ring, (1, 32), Reader::Steady, || {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
                let result = producer.produce_batch(80, &TooLongAt(at, pattern));
                assert_eq!(result, Err(BatchError { sent: at, error: Error::TooLong }));
                // The stream goes on after it.
                producer.produce_batch(3, &pattern.from(at)).unwrap();
                producer.finish();
            });
            assert!(outcome.launched);
            assert_eq!((outcome.end, outcome.messages.len() as u64), (End::Ended, at + 3));
            check(pattern, 0, &outcome.messages);
            check_counts(&ring, &outcome.messages);
        }
    }
}

#[test]
fn a_grids_batch_says_how_many_it_sent() {
    for mode in MODES {
        for at in [0, 1, 31, 32, 33, 70] {
            let (ring, pattern) = (EmulatedRing::new(64, mode), pattern(40, false));
            let outcome = run(&ring, (2, 32), Reader::Steady, || {
                // SAFETY: only grid producers of this launch.
                let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
                let result = producer.produce_batch(80, &TooLongAt(at, pattern));
                assert_eq!(result, Err(BatchError { sent: at, error: Error::TooLong }));
                assert_eq!(producer.produce(0, 241, |_| [0; 2]), Err(Error::TooLong));
                assert_eq!(producer.try_produce(0, 241, |_| [0; 2]), Err(Error::TooLong));
                // Nothing was claimed for it, so the stream goes on.
                producer.produce_batch(3, &pattern.from(at)).unwrap();
                producer.finish();
            });
            assert!(outcome.launched);
            assert_eq!((outcome.end, outcome.messages.len() as u64), (End::Ended, 2 * (at + 3)));
            check_counts(&ring, &outcome.messages);
        }
    }
}

/// A block has dealt the batch out before it knows, so the stream ends before the message that is too long.
#[test]
fn a_blocks_stream_ends_there() {
    for mode in MODES {
        for at in [0, 1, 31, 32, 33, 70] {
            let (ring, pattern) = (EmulatedRing::new(128, mode), pattern(40, false));
            let outcome = run(&ring, (1, 64), Reader::Stalls(0), || {
                // SAFETY: the ring's only producer.
                let mut producer = unsafe { BlockProducer::new(ring.handle()) }.unwrap();
                let result = producer.produce_batch(80, &TooLongAt(at, pattern));
                let mine = at / 32 % 2 == u64::from(perdix_gpu::intrinsics::warp_id());
                assert_eq!(result, if mine { Err(Error::TooLong) } else { Ok(()) });
                producer.finish();
            });
            assert!(outcome.launched);
            assert_eq!((outcome.end, outcome.messages.len() as u64), (End::Ended, at));
            check(pattern, 0, &outcome.messages);
            let Line { end, fault, lost, .. } = line(&ring);
            assert_eq!((end, fault, lost), (Some(at), Some(Fault::TooLong), 80 - at));
        }
    }
}
