//! Stores to the ring, as the lanes of a warp make them. On emulated lanes a test may decide what
//! becomes of each.

use core::sync::atomic::{AtomicU64, Ordering};

#[cfg(not(target_arch = "nvptx64"))]
use perdix_core::Cursor;
#[cfg(target_arch = "nvptx64")]
use perdix_core::Word;
use perdix_core::{Chunk16, Fault, Ring};

#[cfg(not(target_arch = "nvptx64"))]
use crate::emulation::make_store;

/// Stores a chunk whose words nothing else orders.
#[cfg(target_arch = "nvptx64")]
#[inline(always)]
pub(crate) fn store_chunk(chunk: &Chunk16, values: [u64; 2]) {
    AtomicU64::store_chunk(chunk, values);
}

/// The same on emulated lanes: two stores, since the link may split the chunk.
#[cfg(not(target_arch = "nvptx64"))]
pub(crate) fn store_chunk(chunk: &Chunk16, values: [u64; 2]) {
    let [low, high] = chunk.words();
    // As `Word::store_chunk` does on a CPU.
    make_store(low, values[0], false, || low.store(values[0], Ordering::Release));
    make_store(high, values[1], false, || high.store(values[1], Ordering::Release));
}

/// Stores a word that publishes what was stored before: with Release, or behind a fence.
#[inline(always)]
pub(crate) fn store_last(word: &AtomicU64, value: u64, order: Ordering) {
    #[cfg(target_arch = "nvptx64")]
    word.store(value, order);
    #[cfg(not(target_arch = "nvptx64"))]
    make_store(word, value, true, || word.store(value, order));
}

/// Ends the stream: what [`Ring::close`] does.
#[inline(always)]
pub(crate) fn close(ring: &Ring, number: u64, fault: Option<Fault>) {
    #[cfg(target_arch = "nvptx64")]
    // SAFETY: the caller is the ring's producer.
    unsafe {
        ring.close(number, fault);
    }
    #[cfg(not(target_arch = "nvptx64"))]
    // SAFETY: as above.
    make_store(unsafe { &ring.control().producer.end }, Cursor::new(number, true).word(), true, || {
        // SAFETY: as above.
        unsafe { ring.close(number, fault) };
    });
}
