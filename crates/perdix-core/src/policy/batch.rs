//! Header words, and batches: messages that one sequence word publishes.

use crate::meta::Meta;

/// The sequence word of message `number` once it is published.
#[inline(always)]
pub const fn published(number: u64) -> u64 {
    number.wrapping_add(1)
}

/// The sequence word of the free slot that message `number` will use: that of the lap before.
#[inline(always)]
pub const fn free(capacity: u64, number: u64) -> u64 {
    published(number).wrapping_sub(capacity)
}

/// Which slot message `number` uses; `capacity` is a power of two of at most 2^30.
#[inline(always)]
pub const fn slot_index(capacity: u64, number: u64) -> usize {
    // In 32 bits, which hold every capacity and are cheaper on a GPU.
    (number as u32 & (capacity as u32).wrapping_sub(1)) as usize
}

/// The two header words of message `number`, published: a message by itself, or a follower in a
/// batch. (A follower's sequence word means nothing before the head's is there.)
#[inline(always)]
pub const fn header(number: u64, meta: Meta) -> [u64; 2] {
    [published(number), meta.word()]
}

/// The two header words of a batch's head before the batch is published: the sequence word is still
/// that of a free slot, and the meta word says how many messages follow. Storing [`published`] with
/// Release publishes the batch. `count`, from 1 to the capacity, counts the head too.
///
/// ```
/// use perdix_core::{Meta, policy::batch};
/// let [seq, meta] = batch::head_header(8, 40, Meta::new(3, 0, 0), 4);
/// assert_eq!((seq, Meta::from_word(meta).map(Meta::followers)), (33, Some(3)));
/// ```
#[inline(always)]
pub const fn head_header(capacity: u64, number: u64, meta: Meta, count: u32) -> [u64; 2] {
    // The header of the message that had the slot in the lap before.
    header(number.wrapping_sub(capacity), meta.with_followers(count.wrapping_sub(1)))
}

/// Where the messages end that a consumer may take, after it has acquired the head `acquired_end`
/// of a batch whose meta word says `followers`. `next` is the next message to take. Nothing lies
/// beyond the ring, whatever the shared word says.
///
/// ```
/// use perdix_core::policy::batch::acquired_end;
/// assert_eq!(acquired_end(8, 40, 42, 3), 46);
/// assert_eq!(acquired_end(8, 40, 42, 1000), 48); // one lap ahead of `next`
/// ```
#[inline(always)]
pub const fn acquired_end(capacity: u64, next: u64, acquired_end: u64, followers: u64) -> u64 {
    let most = next.wrapping_add(capacity).wrapping_sub(acquired_end);
    let count = followers.wrapping_add(1);
    acquired_end.wrapping_add(if most < count { most } else { count })
}
