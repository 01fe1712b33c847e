//! Any bytes as a ring: an error, or a view on which both halves work for a while without harm.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perdix_core::{MAGIC, Mode, Ring, SLOT_SIZE, VERSION};
use perdix_fuzz::input::Input;
use perdix_fuzz::protocol::Halves;
use perdix_fuzz::region::{Region, offset};

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    // Misaligned by a few bytes now and then: never a ring, and nothing is read.
    let shift = if input.below(8) == 0 { usize::from(input.byte()) } else { 0 };
    let region = memory(&mut input);
    let bytes = region.bytes().saturating_sub(shift);
    // SAFETY: the memory is that long, and is kept until after the last use of the ring.
    let attached = unsafe { Ring::attach(region.at(shift), bytes) };
    match attached {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(ring) => {
            let config = ring.config();
            assert!(config.bytes().is_ok_and(|needed| needed <= bytes) && shift % 256 == 0);
            // SAFETY: the ring's only halves; the region outlives them.
            let mut halves = unsafe { Halves::new(ring, &mut input) };
            while !input.is_over() {
                halves.step(&mut input);
            }
        }
    }
});

/// Memory that holds what the bytes say: the beginning, an identity of which each word may be right, and words here and there.
fn memory(input: &mut Input<'_>) -> Region {
    let slots = u64::from(input.below(10));
    let len = match input.below(4) {
        0 => input.short().into(),
        _ => offset::SLOTS + SLOT_SIZE * slots as usize,
    };
    let region = Region::new(len);
    let beginning = input.byte().into();
    let bytes = input.bytes(usize::min(len, beginning));
    // SAFETY: the region is at least that long.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), region.at(0), bytes.len()) };
    let set = |offset: usize, value| {
        if offset + 8 <= region.bytes() {
            region.set(offset, value);
        }
    };
    let honest = input.byte();
    let words = [
        (offset::MAGIC, MAGIC),
        (offset::FORMAT, (SLOT_SIZE as u64) << 32 | u64::from(VERSION)),
        (offset::CAPACITY, input.pick([1 << slots.max(1).ilog2(), slots, 1 << 30, 1 << 63])),
        (offset::MODE, input.pick([Mode::Fenced, Mode::FenceFree]) as u64),
    ];
    for (bit, (offset, value)) in words.into_iter().enumerate() {
        // Mostly right.
        if honest >> bit & 1 == 0 || honest >> 4 & 7 != 0 {
            set(offset, value);
        }
    }
    for _ in 0..input.below(16) {
        set(8 * usize::from(input.short()) % len.max(8) / 8 * 8, input.word());
    }
    region
}
