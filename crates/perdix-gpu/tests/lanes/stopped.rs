//! Proves that once one producer has given up, the others of its launch neither claim nor wait any more.

use std::sync::atomic::Ordering;

use perdix_core::DeviceRing;
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::{BatchError, BlockProducer, Error, Fault, GridProducer};

use crate::common::{MODES, line, pattern};

#[test]
fn a_grid_claims_nothing_after_a_fault() {
    for mode in MODES {
        let mut ring = EmulatedRing::new(64, mode);
        ring.state().fault.store(Fault::TimedOut as u64, Ordering::Relaxed);
        assert!(launch(2, 32, || {
            // SAFETY: only grid producers of this launch.
            let mut producer = unsafe { GridProducer::new(ring.handle()) }.unwrap();
            assert_eq!(producer.produce(0, 8, |_| [0; 2]), Err(Error::Stopped));
            assert_eq!(producer.try_produce(0, 8, |_| [0; 2]), Err(Error::Stopped));
            let result = producer.produce_batch(5, &pattern(8, false).from(0));
            assert_eq!(result, Err(BatchError { sent: 0, error: Error::Stopped }));
            producer.finish();
        }));
        assert_eq!((ring.received().len(), ring.state().head.load(Ordering::Relaxed)), (0, 0));
        let line = line(&ring);
        assert_eq!((line.end, line.fault, line.lost), (Some(0), Some(Fault::TimedOut), 0));
    }
}

#[test]
fn a_wait_ends_when_another_gave_up() {
    for mode in MODES {
        let mut ring = EmulatedRing::new(4, mode);
        let handle = DeviceRing { limit_ns: 5_000_000_000, ..ring.handle() };
        ring.state().fault.store(Fault::TimedOut as u64, Ordering::Relaxed);
        assert!(launch(1, 32, || {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { BlockProducer::new(handle) }.unwrap();
            assert_eq!(producer.produce_batch(6, &pattern(8, false).from(0)), Err(Error::Stopped));
            producer.finish();
        }));
        assert_eq!(ring.received().len(), 4);
        assert_eq!((line(&ring).end, line(&ring).lost), (Some(4), 2));
    }
}
