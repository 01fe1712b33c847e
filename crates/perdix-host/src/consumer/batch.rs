//! Several messages as one guard.

use std::sync::atomic::Ordering;

use perdix_core::{Consumer as Core, Meta};

use super::message::MessageRef;

/// How many messages ahead the iterator asks for cache lines: on its own a core keeps too few reads in flight to follow a device.
const PREFETCH_AHEAD: u64 = 16;

/// Messages where they lie, released together when the guard is dropped.
///
/// ```
/// let mut buffer = perdix_host::Buffer::new(8)?;
/// let (mut producer, mut consumer) = buffer.split_mut();
/// producer.produce_all([b"one", b"two"])?;
/// let batch = consumer.batch(32, perdix_host::Wait::Forever)?;
/// let all: Vec<&[u8]> = batch.iter().map(|message| message.bytes()).collect();
/// assert_eq!(all, [b"one", b"two"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MessageBatch<'c> {
    core: &'c mut Core,
    first: u64,
    count: u64,
}

impl<'c> MessageBatch<'c> {
    /// Takes the next `count` messages, which `available_sized` found there.
    #[inline(always)]
    pub(super) fn take(core: &'c mut Core, count: u64, bytes: u64) -> Self {
        let first = core.next();
        // SAFETY: the caller has found them there.
        unsafe { core.take(count, bytes) };
        Self { core, first, count }
    }

    /// Messages in the batch.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The messages, in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = MessageRef<'_>> + DoubleEndedIterator {
        (0..self.len()).map(|ahead| {
            let number = self.first.wrapping_add(ahead as u64);
            self.core.prefetch(number.wrapping_add(PREFETCH_AHEAD));
            self.at(number)
        })
    }

    /// Message `index` of the batch, if there are that many.
    pub fn get(&self, index: usize) -> Option<MessageRef<'_>> {
        (index < self.len()).then(|| self.at(self.first.wrapping_add(index as u64)))
    }

    #[inline(always)]
    fn at(&self, number: u64) -> MessageRef<'_> {
        // SAFETY: the word is only loaded.
        let word = unsafe { self.core.ring().slot(number) }.meta.load(Ordering::Relaxed);
        // The word was checked when the batch was made; should it have been overwritten since, 240 bytes are still inside.
        let meta = Meta::from_word(word).unwrap_or(Meta::new(usize::MAX, 0, 0));
        // SAFETY: the message was seen when the batch was made, and its slot is handed back when the batch is dropped.
        unsafe { MessageRef::at(self.core, number, meta) }
    }
}

impl Drop for MessageBatch<'_> {
    #[inline]
    fn drop(&mut self) {
        self.core.recycle();
    }
}
