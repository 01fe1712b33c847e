//! A producer that uses all the freedom that fence-free mode gives it.

use core::sync::atomic::{AtomicU64, Ordering};

use perdix_core::{Meta, PAYLOAD_WORDS, Ring, sentinel};
use perdix_gpu::DeviceRing;
use perdix_gpu::intrinsics::{now_ns, sleep_ns};

use crate::pattern::Pattern;

perdix_gpu::kernel! {
    /// One thread sends messages 0 to `count` of the pattern, of 240 bytes each, on a fence-free ring: every word by itself, in an
    /// order that changes from message to message, with pauses of up to `pause_ns` in between. A consumer that does not wait for
    /// each word sees torn messages.
    pub unsafe fn send_torn(ring: DeviceRing, pattern: Pattern, count: u64, pause_ns: u64) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(view) = (unsafe { ring.ring() }) else { return };
        let mut id = 0;
        while id < count {
            let number = ring.start.wrapping_add(id);
            if !wait_for_slot(&view, number, ring.limit_ns) {
                break;
            }
            send_scattered(&view, number, id, &pattern, pause_ns as u32);
            id += 1;
        }
        // SAFETY: this is the ring's producer.
        unsafe { view.close(ring.start.wrapping_add(id), None) };
    }
}

fn wait_for_slot(ring: &Ring, number: u64, limit_ns: u64) -> bool {
    let begun = now_ns();
    loop {
        let tail = ring.tail();
        if tail.distance_to(number) < ring.capacity() {
            return true;
        }
        if tail.flag() || now_ns().wrapping_sub(begun) > limit_ns {
            return false;
        }
        sleep_ns(200);
    }
}

/// Stores the header at one place in the order of the words, and each payload word at another.
fn send_scattered(ring: &Ring, number: u64, id: u64, pattern: &Pattern, pause_ns: u32) {
    // SAFETY: the slot is free, and this is the ring's producer.
    let slot = unsafe { ring.slot(number) };
    let mut mask = 0;
    for word in 0..PAYLOAD_WORDS as u64 {
        let (_, bits) = sentinel::escape_chunk([pattern.word(id, word), 0]);
        mask |= (bits & 1) << word;
    }
    let meta = Meta::new(240, 0, pattern.kind(id)).with_mask(mask);
    let turns = PAYLOAD_WORDS as u64 + 1;
    let mut turn = 0;
    while turn < turns {
        // 7 and 31 have no common factor, so every position comes once.
        let position = (turn * 7 + id) % turns;
        if position == PAYLOAD_WORDS as u64 {
            sentinel::publish_header(slot, number, meta);
        } else if let Some(word) = slot.payload.get(position as usize) {
            let ([value, _], _) = sentinel::escape_chunk([pattern.word(id, position), 0]);
            let word: &AtomicU64 = word;
            word.store(value, Ordering::Relaxed);
        }
        if turn % 8 == id % 8 {
            sleep_ns(pause_ns);
        }
        turn += 1;
    }
}
