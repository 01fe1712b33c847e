//! What Perdix is compared with: the plain ways of getting messages out of a running kernel, on raw pointers and without any of
//! Perdix's protocol, checks or counters.

use core::sync::atomic::{AtomicU64, Ordering};

use perdix_core::{Chunk16, Word};
use perdix_gpu::intrinsics::{
    block_rank, device_add, device_load_acquire, device_store_release, now_ns, sleep_ns, thread_rank,
    threads_per_block,
};

use crate::pattern::Pattern;

/// A slot of [`baseline_slots`]: a flag, a length and 240 bytes.
#[derive(Debug)]
#[repr(C, align(256))]
pub struct FlagSlot {
    /// `n + 1` once message `n` is there; written last.
    pub flag: AtomicU64,
    /// Bytes of the payload.
    pub len: u64,
    /// The payload, in the pieces in which it is stored.
    pub payload: [u128; 15],
}

const _: () = assert!(size_of::<FlagSlot>() == 256);

/// What [`baseline_slots`] sends.
pub const PLAIN: Pattern = Pattern { len: 240, sentinels: 0 };

/// What the threads of [`baseline_fifo`] share, in device memory, zeroed.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub struct FifoState {
    /// The next ticket.
    pub head: AtomicU64,
    /// A tail that some thread has read across the link.
    pub tail: AtomicU64,
}

/// The lap bit of both words of a FIFO entry.
pub const FIFO_LAP: u64 = 1 << 63;

/// The two words of the FIFO entry with `ticket` in a FIFO of `capacity` entries (a power of two): the payload and its complement,
/// each with the lap bit. The bit is set in the first lap, so that zeroed memory is empty.
#[inline(always)]
pub fn fifo_entry(payload: u64, ticket: u64, capacity: u64) -> [u64; 2] {
    let lap = if ticket & capacity == 0 { FIFO_LAP } else { 0 };
    [payload & !FIFO_LAP | lap, !payload & !FIFO_LAP | lap]
}

perdix_gpu::kernel! {
    /// One thread sends messages 0 to `count` of [`PLAIN`] through `capacity` slots (a power of two): payload in
    /// 16-byte stores from registers, then the flag with a release store at system scope. `tail` is how many messages the consumer
    /// has handed back. Gives up after `limit_ns` without room.
    pub unsafe fn baseline_slots(
        slots: *mut FlagSlot, tail: *const AtomicU64, capacity: u64, count: u64, limit_ns: u64,
    ) {
        // SAFETY: the host keeps the word until the kernel ends.
        let tail = unsafe { &*tail };
        let mut seen = 0;
        let mut n = 0_u64;
        while n < count {
            if n.wrapping_sub(seen) >= capacity {
                let begun = now_ns();
                loop {
                    // pairs with the Release store of tail by the consumer
                    seen = tail.load(Ordering::Acquire);
                    if n.wrapping_sub(seen) < capacity {
                        break;
                    }
                    if now_ns().wrapping_sub(begun) > limit_ns {
                        return;
                    }
                    yield_lane();
                }
            }
            let slot = slots.wrapping_add((n & (capacity - 1)) as usize);
            // SAFETY: the slot is one of the host's; nothing is read.
            let payload = unsafe { &raw mut (*slot).payload }.cast::<u128>();
            let mut piece = 0;
            while piece < 15 {
                let (low, high) = (PLAIN.word(n, 2 * piece), PLAIN.word(n, 2 * piece + 1));
                // SAFETY: a piece of a slot that the consumer has handed back.
                unsafe { payload.wrapping_add(piece as usize).write(u128::from(low) | u128::from(high) << 64) };
                piece += 1;
            }
            // SAFETY: as above.
            let len = unsafe { &raw mut (*slot).len };
            // SAFETY: as above.
            unsafe { len.write(240) };
            // SAFETY: the flag is an atomic that both sides use as one.
            let flag = unsafe { &(*slot).flag };
            // pairs with the Acquire load of the flag by the consumer
            flag.store(n + 1, Ordering::Release);
            n += 1;
        }
    }

    /// Every thread sends `count` messages of 16 bytes through a FIFO of `capacity` entries (a power of two): a ticket from device
    /// memory, one 16-byte store, and a tail that the consumer publishes in host memory. Message `i` of thread `t` is
    /// `t << 32 | i`; see [`fifo_entry`]. The store is a release at system scope if `release` is not 0, else relaxed, which is
    /// enough, because a message is nothing but its two words and the lap bit stands in each. Gives up after `limit_ns` without
    /// room.
    pub unsafe fn baseline_fifo(
        entries: *const [AtomicU64; 2], tail: *const AtomicU64, state: *const FifoState, capacity: u64, count: u64,
        release: u64, limit_ns: u64,
    ) {
        // SAFETY: the host keeps the word until the kernel ends.
        let tail = unsafe { &*tail };
        // SAFETY: the host keeps the state until the kernel ends.
        let state = unsafe { &*state };
        let thread = block_rank() * u64::from(threads_per_block()) + u64::from(thread_rank());
        let mut seen = 0;
        let mut i = 0;
        while i < count {
            // SAFETY: a word of the state in device memory.
            let ticket = unsafe { device_add(&state.head, 1) };
            if ticket.wrapping_sub(seen) >= capacity {
                let begun = now_ns();
                loop {
                    // pairs with the release store below, by another thread
                    // SAFETY: as above.
                    seen = unsafe { device_load_acquire(&state.tail) };
                    if ticket.wrapping_sub(seen) < capacity {
                        break;
                    }
                    // pairs with the Release store of tail by the consumer
                    seen = tail.load(Ordering::Acquire);
                    // Another thread may store a newer one at the same time: an older tail is true all the same.
                    // pairs with the acquire load above
                    // SAFETY: as above.
                    unsafe { device_store_release(&state.tail, seen) };
                    if ticket.wrapping_sub(seen) < capacity {
                        break;
                    }
                    if now_ns().wrapping_sub(begun) > limit_ns {
                        return;
                    }
                    yield_lane();
                }
            }
            // SAFETY: one of the host's entries.
            let entry = unsafe { &*entries.wrapping_add((ticket & (capacity - 1)) as usize) };
            let words = fifo_entry(thread << 32 | i, ticket, capacity);
            if release != 0 {
                let [low, high] = entry;
                store_pair_release(low, high, words);
            } else {
                // SAFETY: entries are aligned to 16 bytes.
                AtomicU64::store_chunk(unsafe { Chunk16::new(entry) }, words);
            }
            i += 1;
        }
    }
}

/// Lets the other lanes run where they are threads of a CPU.
#[inline(always)]
fn yield_lane() {
    if cfg!(not(target_arch = "nvptx64")) {
        sleep_ns(0);
    }
}

/// One 16-byte store after all that came before. (`st.release.sys.v2.u64`)
#[cfg(target_arch = "nvptx64")]
#[inline(always)]
fn store_pair_release(low: &AtomicU64, _high: &AtomicU64, values: [u64; 2]) {
    // SAFETY: the pair is two neighbouring words, aligned to 16 bytes, that allow shared writes.
    unsafe {
        core::arch::asm!(
            "st.release.sys.v2.u64 [{}], {{{}, {}}};",
            in(reg64) low.as_ptr(), in(reg64) values[0], in(reg64) values[1],
            options(nostack, preserves_flags)
        );
    }
}

/// Two stores after all that came before.
#[cfg(not(target_arch = "nvptx64"))]
fn store_pair_release(low: &AtomicU64, high: &AtomicU64, values: [u64; 2]) {
    low.store(values[0], Ordering::Release);
    high.store(values[1], Ordering::Release);
}
