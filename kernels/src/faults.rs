//! Kernels that misbehave on purpose.

use core::sync::atomic::{AtomicU64, Ordering};

use perdix_core::{Meta, Mode, PAYLOAD_WORDS, Ring, sentinel};
use perdix_gpu::intrinsics::{lane_id, trap};
use perdix_gpu::{DeviceRing, Error, WarpProducer};

use crate::pattern::Pattern;

/// How [`stop_midway`] and [`break_off`] stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Ending {
    /// The kernel ends as if it had forgotten to finish.
    Forgets = 0,
    /// The kernel faults.
    Traps = 1,
    /// The kernel leaves the stream open for the next.
    Pauses = 2,
    /// The kernel reads an address at which nothing is ([`break_off`] alone).
    ReadsBadAddress = 3,
}

perdix_gpu::kernel! {
    /// One warp sends messages `first` to `first + count` of the pattern and stops as [`Ending`] says (`ending` is its number).
    pub unsafe fn stop_midway(ring: DeviceRing, pattern: Pattern, first: u64, count: u64, ending: u64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        if let Err(partial) = producer.produce_batch(count, &pattern.from(first)) {
            return producer.fail(partial.error);
        }
        if ending == Ending::Traps as u64 {
            // A fault must not overtake the other lanes' last words.
            producer.warp().sync();
            trap();
        }
        if ending == Ending::Pauses as u64 {
            producer.pause();
        }
    }

    /// One warp sends messages 0 to `count` (fewer than the ring has slots) of the pattern, whose messages have 240 bytes, stores the
    /// first `words` payload words of the next one, on a fence-free ring its header too if `header` is not 0, and stops as
    /// [`Ending`] says. `address` is what it reads as a bad one.
    pub unsafe fn break_off(
        ring: DeviceRing,
        pattern: Pattern,
        count: u64,
        words: u64,
        header: u64,
        ending: u64,
        address: *const u64,
    ) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        if let Err(partial) = producer.produce_batch(count, &pattern.from(0)) {
            return producer.fail(partial.error);
        }
        // SAFETY: the host keeps the ring until the kernel has ended.
        let Ok(view) = (unsafe { ring.ring() }) else { return };
        if lane_id() == 0 {
            store_part(&view, ring.start.wrapping_add(count), count, &pattern, words, header != 0);
        }
        // A fault must not overtake what the first lane stores.
        producer.warp().sync();
        if ending == Ending::Traps as u64 {
            trap();
        }
        if ending == Ending::ReadsBadAddress as u64 {
            // SAFETY: on purpose none: the device faults, and with it the context of the process that asked for it.
            let word = unsafe { address.read_volatile() };
            // SAFETY: as above.
            unsafe { address.cast_mut().write_volatile(word) };
        }
    }

    /// One warp tries a message of 241 bytes, which must be refused, and then sends one of 240 bytes. `refused` gets 1 if it was.
    pub unsafe fn send_too_long(ring: DeviceRing, refused: *const AtomicU64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let result = producer.produce(0, 241, |_| [0, 0]);
        if lane_id() == 0 {
            // SAFETY: the host keeps the word until the kernel ends.
            let refused = unsafe { &*refused };
            refused.store(u64::from(result == Err(Error::TooLong)), Ordering::Relaxed);
        }
        let _ = producer.produce(1, 240, |chunk| [chunk as u64, 0]);
        producer.finish();
    }

    /// One warp sends messages of the pattern without waiting until the ring is full; `accepted` gets how many it took. Leaves the
    /// stream open.
    pub unsafe fn try_until_full(ring: DeviceRing, pattern: Pattern, accepted: *const AtomicU64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let mut id = 0;
        while producer.produce_batch_within(1, &pattern.from(id), 0).is_ok() {
            id += 1;
        }
        if lane_id() == 0 {
            // SAFETY: the host keeps the word until the kernel ends.
            let accepted = unsafe { &*accepted };
            accepted.store(id, Ordering::Relaxed);
        }
        producer.pause();
    }
}

/// Stores a part of message `id`, which has the number `number` and 240 bytes, and does not publish it: only with all its words and,
/// on a fence-free ring, the header is it there.
fn store_part(ring: &Ring, number: u64, id: u64, pattern: &Pattern, words: u64, header: bool) {
    // SAFETY: the slot is free, and this is the ring's producer.
    let slot = unsafe { ring.slot(number) };
    let mut mask = 0;
    for word in 0..PAYLOAD_WORDS as u64 {
        let ([mut value, _], bits) = sentinel::escape_chunk([pattern.word(id, word), 0]);
        if ring.mode() == Mode::Fenced {
            value = pattern.word(id, word);
        }
        mask |= (bits & 1) << word;
        if let Some(place) = slot.payload.get(word as usize).filter(|_| word < words) {
            place.store(value, Ordering::Relaxed);
        }
    }
    if header && ring.mode() == Mode::FenceFree {
        sentinel::publish_header(slot, number, Meta::new(240, 0, pattern.kind(id)).with_mask(mask));
    }
}
