//! Proves that a run of bytes arrives byte for byte, whatever its length and alignment.

use perdix_core::sentinel::SENTINEL;
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_kernels::send_bytes;

use crate::common::{End, MODES, Reader, View as _, check_counts, run};

fn sends(data: &[u8], capacity: u64, warps: u32) {
    for mode in MODES {
        let ring = EmulatedRing::new(capacity, mode);
        let outcome = run(&ring, (1, 32 * warps), Reader::Steady, || {
            // SAFETY: one block, and the bytes outlive the launch.
            unsafe { send_bytes(ring.handle(), data.as_ptr(), data.len() as u64) }
        });
        assert!(outcome.launched);
        assert_eq!(outcome.end, End::Ended);
        let (mut received, count) = (Vec::new(), outcome.messages.len());
        for (i, (kind, bytes)) in outcome.messages.iter().enumerate() {
            assert_eq!(*kind, 0);
            assert!(bytes.len() == 240 || i + 1 == count && !bytes.is_empty());
            received.extend_from_slice(bytes);
        }
        assert!(received == data, "{} bytes at {:p}", data.len(), data.as_ptr());
        check_counts(&ring, &outcome.messages);
    }
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[test]
fn every_short_length_and_alignment() {
    let data = noise(1000);
    for len in [0, 1, 7, 15, 16, 17, 239, 240, 241, 256, 479, 480, 481] {
        for offset in [0, 1, 8, 13] {
            sends(&data[offset..offset + len], 4, 1);
        }
    }
}

#[test]
fn a_long_run() {
    let data = noise(100_001);
    sends(&data[..100_000], 256, 4);
    sends(&data[1..], 64, 2);
}

#[test]
fn a_run_full_of_sentinels() {
    sends(&SENTINEL.to_le_bytes().repeat(1000), 16, 2);
}

#[test]
fn the_last_bytes_of_an_allocation() {
    // A sanitizer sees a read beyond the end; the exact box has none to spare.
    for len in [1, 9, 250] {
        let data = noise(len).into_boxed_slice();
        sends(&data, 4, 1);
    }
}

/// What lies behind the bytes does not leave the kernel's memory: the last 16-byte chunk is padded with zeros.
#[test]
fn nothing_beyond_the_bytes_is_sent() {
    use std::sync::atomic::Ordering::Relaxed;
    let data = [0xff_u8; 64];
    for (len, words) in [(1, [0xff, 0]), (8, [u64::MAX, 0]), (13, [u64::MAX, u64::MAX >> 24])] {
        for offset in 0..17 {
            let ring = EmulatedRing::new(4, MODES[0]);
            // SAFETY: one block, and the bytes outlive the launch.
            assert!(launch(1, 32, || unsafe { send_bytes(ring.handle(), data[offset..].as_ptr(), len) }));
            let view = ring.view();
            // SAFETY: words are only loaded.
            let slot = unsafe { view.slot(0) };
            assert_eq!([0, 1].map(|i: usize| slot.payload[i].load(Relaxed)), words);
        }
    }
}
