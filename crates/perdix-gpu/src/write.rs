//! How a warp writes messages: half a warp per slot, 16 bytes per lane.

use core::sync::atomic::{Ordering, fence};

use perdix_core::policy::batch;
use perdix_core::{Meta, Mode, PAYLOAD_SIZE, Ring, sentinel};

use crate::intrinsics::{WARP_SIZE, Warp, lane_id};
use crate::link::{Link, Prefetch};
use crate::source::Source;
use crate::stores::{store_chunk, store_last};

/// Lanes that write one slot: one for the header, fifteen for the payload. Of every two messages,
/// lane `l` writes message `l / 16`: its header if `l % 16` is 0, else chunk `l % 16 - 1`. The
/// record packer brings the chunks there beforehand.
pub(crate) const LANES_PER_SLOT: u32 = WARP_SIZE / 2;

/// Writes and publishes messages `first` to `first + count` (at most 32), which are messages
/// `index` onwards of `source`. Their slots are free. Counts them, and renews the credit where that
/// costs little.
#[inline(always)]
pub(crate) fn publish<S: Source>(
    link: &mut Link,
    warp: &mut Warp,
    first: u64,
    count: u32,
    source: &S,
    index: u64,
) {
    if count == 0 {
        return;
    }
    let (ring, end) = (link.ring, first.wrapping_add(u64::from(count)));
    match ring.mode() {
        Mode::Fenced => {
            // Asked for ahead of the payload and taken behind the fence, a newer tail costs hardly
            // any time of its own.
            let found = link.prefetch(first, end);
            write_batch(&ring, first, count, source, index);
            publish_batch(&ring, warp, first, !matches!(found, Prefetch::None));
            link.take_prefetch(warp, found, first);
        }
        Mode::FenceFree => {
            publish_fence_free(&ring, warp, first, count, source, index);
            link.renew_ahead(warp, first, end);
        }
    }
    let lane = lane_id();
    if lane < count {
        link.count(1, length(source, index + u64::from(lane)) as u64, 0);
    }
}

/// How many of the `count` (at most 32) messages from `index` on fit their slots, up to the first
/// that does not.
#[inline(always)]
pub(crate) fn fitting<S: Source>(warp: &mut Warp, source: &S, index: u64, count: u32) -> u32 {
    let lane = lane_id();
    let is_too_long = lane < count && source.len(index + u64::from(lane)) > PAYLOAD_SIZE;
    let too_long = warp.ballot(is_too_long).trailing_zeros();
    if too_long < count { too_long } else { count }
}

/// Writes a batch: messages that one sequence word will publish. Whole slots, so that each is one
/// write of whole lines across the link: the followers' sequence words too, which nobody looks at
/// before the head's, while the head's keeps the value it has.
#[inline(always)]
fn write_batch<S: Source>(ring: &Ring, first: u64, count: u32, source: &S, index: u64) {
    let lane = lane_id();
    let (half, part) = (lane / LANES_PER_SLOT, lane % LANES_PER_SLOT);
    let mut i = half;
    while i < count {
        // Some chunks are made before the first of them is stored, so that loads from memory
        // overlap.
        let made = each(|ahead| {
            let i = i + 2 * ahead;
            let (number, item) = (first.wrapping_add(u64::from(i)), index + u64::from(i));
            if i >= count {
                return (false, [0; 2]);
            }
            let len = length(source, item);
            if part != 0 {
                let chunk = part as usize - 1;
                return (16 * chunk < len, source.chunk_within(item, chunk, len));
            }
            let meta = Meta::new(len, 0, source.kind(item));
            let header = if i == 0 {
                batch::head_header(ring.capacity(), number, meta, count)
            } else {
                batch::header(number, meta)
            };
            (true, header)
        });
        for (ahead, (is_needed, values)) in made.into_iter().enumerate() {
            if is_needed {
                let i = i + 2 * ahead as u32;
                // SAFETY: the slots of these messages are free, and each chunk is one lane's.
                let slot = unsafe { ring.slot(first.wrapping_add(u64::from(i))) };
                store_chunk(slot.chunk16(part), values);
            }
        }
        i += 2 * AHEAD;
    }
}

/// Publishes a batch that the warp has written; with a fence that is an Acquire too if asked.
#[inline(always)]
fn publish_batch(ring: &Ring, warp: &mut Warp, first: u64, acquire: bool) {
    // All lanes' writes come before lane 0's Release, which is cumulative.
    warp.sync();
    if lane_id() == 0 {
        // SAFETY: the slot is free, and this lane publishes it.
        let (seq, value) = (unsafe { &ring.slot(first).seq }, batch::published(first));
        // pairs with the Acquire load of seq in Consumer::acquire_batch
        if acquire {
            fence(Ordering::AcqRel);
            store_last(seq, value, Ordering::Relaxed);
        } else {
            store_last(seq, value, Ordering::Release);
        }
    }
}

/// Chunks that a lane makes ahead of their stores.
const AHEAD: u32 = 4;

#[inline(always)]
fn each<T>(make: impl Fn(u32) -> T) -> [T; AHEAD as usize] {
    [make(0), make(1), make(2), make(3)]
}

#[inline(always)]
fn publish_fence_free<S: Source>(
    ring: &Ring,
    warp: &mut Warp,
    first: u64,
    count: u32,
    source: &S,
    index: u64,
) {
    let lane = lane_id();
    let (half, part) = (lane / LANES_PER_SLOT, lane % LANES_PER_SLOT);
    // The votes need both halves in every round, so the rounds are counted for the warp, not for
    // the half.
    for round in 0..count.div_ceil(2) {
        let i = 2 * round + half;
        let (number, item) = (first.wrapping_add(u64::from(i)), index + u64::from(i));
        let len = if i < count { length(source, item) } else { 0 };
        let is_mine = i < count && 16 * (part as usize) < 16 + len;
        let chunk = if part == 0 { [0; 2] } else { source.chunk_within(item, part as usize - 1, len) };
        let header = batch::header(number, Meta::new(len, 0, source.kind(item)));
        let mut values = if part == 0 { header } else { chunk };
        // Hardly any word equals the sentinel: one vote, on the lower halves of words, settles
        // that.
        let [low, high] = chunk.map(|word| word as u32 == sentinel::SENTINEL as u32);
        if warp.ballot(low | high) != 0 {
            // SAFETY: the ballot has the same result for all lanes, which call this together.
            let (low, high) = unsafe { escape(values[0], values[1], half, part) };
            values = [low, high];
        }
        // Header and payload in one store instruction, so that they make one write across the link.
        if is_mine {
            // SAFETY: the slots of these messages are free, and each chunk is one lane's.
            store_chunk(unsafe { ring.slot(number) }.chunk16(part), values);
        }
    }
}

/// A lane's words of a slot as they are sent: stand-ins for those that equal the sentinel, and in
/// the header the mask that names them.
///
/// # Safety
/// All lanes of the warp call it together. (Not inlined, it makes its own token, which costs
/// nothing to pass.)
#[cold]
#[inline(never)]
unsafe fn escape(low: u64, high: u64, half: u32, part: u32) -> (u64, u64) {
    // SAFETY: the caller's contract.
    let mut warp = unsafe { Warp::new() };
    let (sent, mine) = if part == 0 { ([low, high], 0) } else { sentinel::escape_chunk([low, high]) };
    let (low, high) = (warp.ballot(mine & 1 != 0), warp.ballot(mine & 2 != 0));
    let shift = LANES_PER_SLOT * half + 1;
    let mask = interleave(low >> shift & 0x7fff, high >> shift & 0x7fff);
    if part == 0 { (sent[0], sent[1] | u64::from(mask) << 32) } else { (sent[0], sent[1]) }
}

/// Bit `i` of `low` goes to bit `2 i`, bit `i` of `high` to bit `2 i + 1`: votes of 15 lanes to a
/// mask of 30 words.
#[inline(always)]
fn interleave(low: u32, high: u32) -> u32 {
    (0..15).fold(0, |mask, i| mask | (low >> i & 1) << (2 * i) | (high >> i & 1) << (2 * i + 1))
}

#[inline(always)]
fn length<S: Source>(source: &S, index: u64) -> usize {
    let len = source.len(index);
    if len > PAYLOAD_SIZE { PAYLOAD_SIZE } else { len }
}
