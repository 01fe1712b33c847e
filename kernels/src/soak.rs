//! Kernels for soaks: messages of random lengths at every granularity, in batches, with pauses, over several launches.

use perdix_core::sentinel::{ESCAPED, SENTINEL};
use perdix_gpu::intrinsics::{block_rank, sleep_ns, warp_id, warps_per_block};
use perdix_gpu::{
    BlockProducer, DeviceRing, DeviceRings, GridProducer, KernelArg, Shard, Source, ThreadProducer,
    WarpProducer, finish_unused,
};

/// What a soak's messages hold, numbered by an identity: the sending warp in the bits from 40 on, a count below. Both sides compute it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SoakMessages {
    /// Of lengths and bytes.
    pub seed: u64,
    /// The most bytes of a message, up to 240.
    pub most: u32,
    /// Not zero: some words are the fence-free mode's sentinel, or its stand-in.
    pub sentinels: u32,
}

impl KernelArg for SoakMessages {}

impl SoakMessages {
    /// Bytes of message `id`.
    #[inline(always)]
    pub fn len(&self, id: u64) -> usize {
        (mix(self.seed ^ !id) % (u64::from(self.most) + 1)) as usize
    }

    /// The tag of message `id`: the sender, modulo 256, and eight bits of the count.
    #[inline(always)]
    pub fn kind(&self, id: u64) -> u16 {
        (id >> 40 << 8 | id & 0xff) as u16
    }

    /// Payload word `index` of message `id`.
    #[inline(always)]
    pub fn word(&self, id: u64, index: u64) -> u64 {
        self.word_of(mix(id ^ self.seed), index)
    }

    /// Word `index` of the message whose identity was mixed to `base`.
    #[inline(always)]
    fn word_of(&self, base: u64, index: u64) -> u64 {
        let word = (base ^ index).wrapping_mul(0xd1b5_4a32_d192_ed03);
        match word >> 60 {
            0 | 1 if self.sentinels != 0 => SENTINEL,
            2 if self.sentinels != 0 => ESCAPED,
            _ => word ^ word >> 31,
        }
    }

    /// The messages from `first` on, as a batch.
    #[inline(always)]
    pub fn from(self, first: u64) -> impl Source {
        Batch { messages: self, first }
    }

    /// Whether `bytes` with tag `kind` is message `id`.
    pub fn matches(&self, id: u64, kind: u16, bytes: &[u8]) -> bool {
        let base = mix(id ^ self.seed);
        let same = |(index, found): (usize, &[u8])| {
            self.word_of(base, index as u64).to_le_bytes().starts_with(found)
        };
        kind == self.kind(id) && bytes.len() == self.len(id) && bytes.chunks(8).enumerate().all(same)
    }
}

#[inline(always)]
fn mix(seed: u64) -> u64 {
    let x = (seed ^ seed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ x >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ x >> 17
}

struct Batch {
    messages: SoakMessages,
    first: u64,
}

impl Source for Batch {
    #[inline(always)]
    fn len(&self, index: u64) -> usize {
        self.messages.len(self.first.wrapping_add(index))
    }

    #[inline(always)]
    fn kind(&self, index: u64) -> u16 {
        self.messages.kind(self.first.wrapping_add(index))
    }

    #[inline(always)]
    fn chunk(&self, index: u64, chunk: usize) -> [u64; 2] {
        let (id, word) = (self.first.wrapping_add(index), 2 * chunk as u64);
        [self.messages.word(id, word), self.messages.word(id, word + 1)]
    }
}

/// What one launch of a soak sends, and how.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SoakSteps {
    /// The count of each sender's first message.
    pub first: u64,
    /// Messages of each sender.
    pub count: u64,
    /// Messages in each call; for a grid 1 to 32.
    pub batch: u64,
    /// How long a sender sleeps behind one in eight of its calls, in nanoseconds; 0 for never.
    pub pause_ns: u64,
    /// How the launch ends: the number of a [`SoakEnd`].
    pub end: u64,
}

impl KernelArg for SoakSteps {}

/// How a launch of a soak ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum SoakEnd {
    /// It leaves the stream open for the next.
    Pauses = 0,
    /// It ends the stream.
    Finishes = 1,
    /// It ends as if it had forgotten to finish.
    Forgets = 2,
}

impl SoakSteps {
    /// Messages of the call that begins with count `done` of the launch.
    #[inline(always)]
    fn next(&self, done: u64) -> u64 {
        let left = self.count - done;
        if left < self.batch { left } else { self.batch }
    }

    #[inline(always)]
    fn pause(&self, done: u64) {
        if self.pause_ns != 0 && mix(done) % 8 == 0 {
            sleep_ns(self.pause_ns as u32);
        }
    }
}

perdix_gpu::kernel! {
    /// One thread sends, message by message.
    pub unsafe fn soak_thread(ring: DeviceRing, messages: SoakMessages, steps: SoakSteps) {
        // SAFETY: the host launches one thread on this ring.
        let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
        let mut done = 0;
        while done < steps.count {
            let id = steps.first + done;
            let make = |chunk: usize| [0, 1].map(|half| messages.word(id, 2 * chunk as u64 + half));
            if let Err(error) = producer.produce_with(messages.kind(id), messages.len(id), make) {
                return producer.fail(error);
            }
            done += 1;
            steps.pause(done);
        }
        if steps.end == SoakEnd::Pauses as u64 {
            producer.pause();
        } else if steps.end == SoakEnd::Finishes as u64 {
            producer.finish();
        }
    }

    /// One warp sends.
    pub unsafe fn soak_warp(ring: DeviceRing, messages: SoakMessages, steps: SoakSteps) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let mut done = 0;
        while done < steps.count {
            let some = steps.next(done);
            if let Err(partial) = producer.produce_batch(some, &messages.from(steps.first + done)) {
                return producer.fail(partial.error);
            }
            done += some;
            steps.pause(done);
        }
        if steps.end == SoakEnd::Pauses as u64 {
            producer.pause();
        } else if steps.end == SoakEnd::Finishes as u64 {
            producer.finish();
        }
    }

    /// One block sends.
    pub unsafe fn soak_block(ring: DeviceRing, messages: SoakMessages, steps: SoakSteps) {
        // SAFETY: the host launches one block on this ring.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let (mut done, mut sent) = (0, true);
        while sent && done < steps.count {
            let some = steps.next(done);
            sent = producer.produce_batch(some, &messages.from(steps.first + done)).is_ok();
            done += some;
            steps.pause(done);
        }
        // All warps decide alike. An error is told to the consumer by finish.
        let sent = producer.block().all(sent);
        if sent && steps.end == SoakEnd::Pauses as u64 {
            producer.pause();
        } else if !sent || steps.end == SoakEnd::Finishes as u64 {
            producer.finish();
        }
    }

    /// Every warp of the grid sends.
    pub unsafe fn soak_grid(ring: DeviceRing, messages: SoakMessages, steps: SoakSteps) {
        // SAFETY: the host launches nothing else on this ring.
        let Ok(producer) = (unsafe { GridProducer::new(ring) }) else { return };
        send_from_warp(producer, messages, steps);
    }

    /// Every warp of the grid sends on its block's ring.
    pub unsafe fn soak_shards(rings: DeviceRings, messages: SoakMessages, steps: SoakSteps) {
        // SAFETY: the host launches nothing else on these rings, and rings without a block are used nowhere below.
        unsafe { finish_unused(rings) };
        // SAFETY: the host keeps the handles until the kernel ends.
        let Ok(shard) = (unsafe { Shard::of_block(rings) }) else { return };
        // SAFETY: all warps of the shard's blocks come here.
        let Ok(producer) = (unsafe { GridProducer::new_among(shard.ring(), shard.warps()) }) else { return };
        send_from_warp(producer, messages, steps);
    }
}

/// One warp's part of a grid.
#[inline(always)]
fn send_from_warp(mut producer: GridProducer, messages: SoakMessages, steps: SoakSteps) {
    let warp = block_rank() * u64::from(warps_per_block()) + u64::from(warp_id());
    let first = warp << 40 | steps.first;
    let (mut done, mut sent) = (0, true);
    while sent && done < steps.count {
        let some = steps.next(done);
        sent = producer.produce_batch(some, &messages.from(first + done)).is_ok();
        done += some;
        steps.pause(done);
    }
    if sent && steps.end == SoakEnd::Pauses as u64 {
        producer.pause();
    } else if !sent || steps.end == SoakEnd::Finishes as u64 {
        // An error is told to the consumer by finish.
        producer.finish();
    }
}
