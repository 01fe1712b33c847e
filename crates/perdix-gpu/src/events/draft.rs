//! An event that is about to be sent.

use perdix_core::events::{Argument, Head, MAX_ARGUMENTS, Place, Scope};

use crate::intrinsics::{block_rank, now_ns, thread_rank};

/// An argument as it is sent.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    word: u64,
    code: u8,
}

impl Value {
    /// The value of an argument.
    #[inline(always)]
    pub fn of<A: Argument>(argument: A) -> Self {
        Self { word: argument.word(), code: A::TYPE as u8 }
    }
}

/// A site's number and the arguments. What else there is to tell, where and when, is added when it
/// is sent.
#[derive(Clone, Copy, Debug)]
pub struct Draft<const N: usize> {
    site: u32,
    types: u64,
    words: [u64; N],
}

impl<const N: usize> Draft<N> {
    /// Bytes of the event with no room to spare.
    pub(crate) const LEN: usize = 8 * (Head::WORDS + N);

    /// An event of this site.
    #[inline(always)]
    pub fn new(site: u32, values: [Value; N]) -> Self {
        const { assert!(N <= MAX_ARGUMENTS, "an event has at most 12 arguments") };
        let types = values.iter().rev().fold(0, |types, value| types << 4 | u64::from(value.code));
        Self { site, types, words: values.map(|value| value.word) }
    }

    /// The event's three first words now, for this thread, or its warp or block.
    #[inline(always)]
    pub(crate) fn head(&self, scope: Scope, room: usize) -> [u64; Head::WORDS] {
        let rank = thread_rank();
        let thread = match scope {
            Scope::Thread => rank,
            Scope::Warp => rank - rank % crate::intrinsics::WARP_SIZE,
            Scope::Block => 0,
        };
        let place = Place { thread: thread as u16, scope, room: room as u8 };
        let (time_ns, block) = (now_ns(), block_rank() as u32);
        Head { time_ns, site: self.site, block, place, types: self.types }.words()
    }

    /// Bytes `16 * chunk` to `16 * chunk + 16` of the event with this head.
    #[inline(always)]
    pub(crate) fn chunk(&self, head: [u64; Head::WORDS], chunk: usize) -> [u64; 2] {
        let mut found = [0; 2];
        // All words with a selection: an index that is computed would force them out of the
        // registers.
        for (index, word) in head.iter().chain(&self.words).enumerate() {
            if index / 2 == chunk {
                found[index % 2] = *word;
            }
        }
        found
    }

    /// The event as a record with room for `W - 3` arguments.
    #[inline(always)]
    pub(crate) fn record<const W: usize>(&self, scope: Scope) -> [u64; W] {
        const { assert!(Head::WORDS + N <= W, "the event has more arguments than its LaneEvents have room for") };
        let mut record = [0; W];
        let head = self.head(scope, W - Head::WORDS);
        for (to, from) in record.iter_mut().zip(head.iter().chain(&self.words)) {
            *to = *from;
        }
        record
    }
}
