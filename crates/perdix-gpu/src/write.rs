//! How a warp writes messages: half a warp per slot, 16 bytes per lane.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use perdix_core::{Meta, Mode, PAYLOAD_SIZE, Ring, Slot, Word, sentinel};

use crate::intrinsics::{WARP_SIZE, ballot, lane_id, sync_warp};
use crate::source::Source;

/// Lanes that write one slot: one for the header, fifteen for the payload. Of every two messages, lane `l` writes message
/// `l / 16`: its header if `l % 16` is 0, else piece `l % 16 - 1`. The record packer brings the pieces there beforehand.
pub(crate) const LANES_PER_SLOT: u32 = WARP_SIZE / 2;

/// Writes and publishes messages `first` to `first + count` (at most 32), which are messages `index` onwards of `source`. Their
/// slots are free. Converged.
///
/// Returns the messages and bytes that fall to this lane in the counts.
#[inline(always)]
pub(crate) fn publish<S: Source>(ring: &Ring, first: u64, count: u32, source: &S, index: u64) -> (u64, u64) {
    match ring.mode() {
        Mode::Fenced => publish_fenced(ring, first, count, source, index),
        Mode::FenceFree => publish_fence_free(ring, first, count, source, index),
    }
    let lane = lane_id();
    if lane < count { (1, length(source, index + u64::from(lane)) as u64) } else { (0, 0) }
}

/// How many of the `count` (at most 32) messages from `index` on fit their slots, up to the first that does not. Converged.
#[inline(always)]
pub(crate) fn fitting<S: Source>(source: &S, index: u64, count: u32) -> u32 {
    let lane = lane_id();
    let too_long =
        ballot(lane < count && source.len(index + u64::from(lane)) > PAYLOAD_SIZE).trailing_zeros();
    if too_long < count { too_long } else { count }
}

#[inline(always)]
fn publish_fenced<S: Source>(ring: &Ring, first: u64, count: u32, source: &S, index: u64) {
    let lane = lane_id();
    let (half, part) = (lane / LANES_PER_SLOT, lane % LANES_PER_SLOT);
    let mut i = half;
    while i < count {
        let (slot, item) = (ring.slot(first.wrapping_add(u64::from(i))), index + u64::from(i));
        let len = length(source, item);
        if part == 0 {
            slot.meta.store(Meta::new(len, 0, source.kind(item)).word(), Ordering::Relaxed);
        } else {
            let piece = part as usize - 1;
            if 16 * piece < len {
                store_piece(ring, first.wrapping_add(u64::from(i)), piece, source.piece(item, piece));
            }
        }
        i += 2;
    }
    // All lanes' writes come before every lane's fence, and so (the fence is cumulative) before the sequence words below.
    sync_warp();
    // pairs with the Acquire load of seq in Consumer::ready
    fence(Ordering::Release);
    if lane < count {
        let number = first.wrapping_add(u64::from(lane));
        ring.slot(number).seq.store(number.wrapping_add(1), Ordering::Relaxed);
    }
}

#[inline(always)]
fn publish_fence_free<S: Source>(ring: &Ring, first: u64, count: u32, source: &S, index: u64) {
    let lane = lane_id();
    let (half, part) = (lane / LANES_PER_SLOT, lane % LANES_PER_SLOT);
    // The votes need both halves in every round, so the rounds are counted for the warp, not for the half.
    for round in 0..count.div_ceil(2) {
        let i = 2 * round + half;
        let active = i < count;
        let (number, item) = (first.wrapping_add(u64::from(i)), index + u64::from(i));
        let len = if active { length(source, item) } else { 0 };
        let piece = if part == 0 { [0; 2] } else { source.piece_within(item, part as usize - 1, len) };
        let (mut values, mine) = sentinel::escape_pair(piece);
        let (low, high) = (ballot(mine & 1 != 0), ballot(mine & 2 != 0));
        if part == 0 {
            let shift = LANES_PER_SLOT * half + 1;
            let mask = interleave(low >> shift & 0x7fff, high >> shift & 0x7fff);
            let meta = Meta::new(len, 0, source.kind(item)).with_mask(mask);
            values = sentinel::header(number, meta);
        }
        // Header and payload in one store instruction, so that they make one write across the link.
        if active && 16 * (part as usize) < 16 + len {
            let [low, high] = pair(ring, number, part);
            AtomicU64::store_pair(low, high, values);
        }
    }
}

/// Bit `i` of `low` goes to bit `2 i`, bit `i` of `high` to bit `2 i + 1`: votes of 15 lanes to a mask of 30 words.
#[inline(always)]
fn interleave(low: u32, high: u32) -> u32 {
    if low | high == 0 {
        return 0;
    }
    (0..15).fold(0, |mask, i| mask | (low >> i & 1) << (2 * i) | (high >> i & 1) << (2 * i + 1))
}

#[inline(always)]
fn length<S: Source>(source: &S, index: u64) -> usize {
    let len = source.len(index);
    if len > PAYLOAD_SIZE { PAYLOAD_SIZE } else { len }
}

/// The words that lane `part` of a half warp writes: the header, or a payload pair.
#[inline(always)]
fn pair(ring: &Ring, number: u64, part: u32) -> [&AtomicU64; 2] {
    let slot = ring.slot(number);
    match payload_pair(slot, part.wrapping_sub(1) as usize) {
        Some(pair) => pair,
        None => [&slot.seq, &slot.meta],
    }
}

#[inline(always)]
fn payload_pair(slot: &Slot, piece: usize) -> Option<[&AtomicU64; 2]> {
    match slot.payload.get(2 * piece..2 * piece + 2) {
        Some([low, high]) => Some([low, high]),
        _ => None,
    }
}

#[inline(always)]
fn store_piece(ring: &Ring, number: u64, piece: usize, values: [u64; 2]) {
    if let Some([low, high]) = payload_pair(ring.slot(number), piece) {
        AtomicU64::store_pair(low, high, values);
    }
}
