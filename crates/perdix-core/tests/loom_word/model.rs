//! How the loom models run, and what their threads have in common.

use std::sync::Arc;

use loom::thread;
use perdix_core::sentinel::SENTINEL;
use perdix_core::{Config, Consumer, Mode, Poll, Producer, Refused, Ring};

use super::{LoomWord, Memory, Stores};

pub const FENCED: Mode = Mode::Fenced;
pub const FENCE_FREE: Mode = Mode::FenceFree;

/// The numbers of these rings' messages pass through `u64::MAX` and 0.
pub const WRAP: u64 = u64::MAX - 1;

pub fn config(capacity: u64, mode: Mode, start: u64) -> Config {
    Config { capacity, mode, start }
}

/// What one thread of a model does as a producer.
pub type Produce = fn(Ring<LoomWord>);

/// What the first thread of a model does.
pub type Consume = fn(Consumer<LoomWord>);

/// Explores a model of two threads: `producer` on a new one, `consumer` on the first.
pub fn explore(preemptions: usize, config: Config, words: usize, producer: Produce, consumer: Consume) {
    Model { preemptions, config, words, stores: Stores::Relaxed }.run([producer], consumer);
}

/// A ring, and how deep to look.
pub struct Model {
    pub preemptions: usize,
    pub config: Config,
    /// Payload words of each slot.
    pub words: usize,
    pub stores: Stores,
}

impl Model {
    /// Explores a model with a thread for each producer.
    pub fn run<const P: usize>(self, producers: [Produce; P], consumer: Consume) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(self.preemptions));
        builder.check(move || {
            let (memory, ring) = Memory::ring(self.config, self.words, self.stores);
            let spawn = |producer: &Produce| {
                let (theirs, producer) = (Arc::clone(&memory), *producer);
                thread::spawn(move || {
                    producer(ring);
                    drop(theirs);
                })
            };
            let threads: Vec<_> = producers.iter().map(spawn).collect();
            // SAFETY: it is the only consumer, and the memory outlives it.
            consumer(unsafe { Consumer::new(ring) });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            drop(memory);
        });
    }
}

/// The payload of message `i` (counted from the start): every second word looks like the sentinel.
pub fn payload(i: u64, words: usize) -> Vec<u64> {
    let word = |w: usize| if (i as usize + w) % 2 == 0 { SENTINEL } else { 100 * i + w as u64 };
    (0..words).map(word).collect()
}

pub fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The 16 bytes `pair` of a payload, zero-padded.
pub fn pair_of(words: &[u64], pair: usize) -> [u64; 2] {
    [2 * pair, 2 * pair + 1].map(|w| words.get(w).copied().unwrap_or(0))
}

/// Waits, in the way that lets loom run somebody else, until a slot is free.
pub fn patiently(mut attempt: impl FnMut() -> Result<(), Refused>) {
    while let Err(refused) = attempt() {
        assert_eq!(refused, Refused::Full);
        thread::yield_now();
    }
}

/// Pushes `N` messages of `WORDS` words, one at a time, and ends the stream.
pub fn push<const N: u64, const WORDS: usize>(ring: Ring<LoomWord>) {
    // SAFETY: it is the only producer.
    let mut producer = unsafe { Producer::new(ring) };
    for i in 0..N {
        patiently(|| producer.push(i as u16, 0, &bytes(&payload(i, WORDS))));
    }
    producer.finish();
}

/// The next message, which must be number `i`; `false` at the end of the stream.
pub fn receive(consumer: &mut Consumer<LoomWord>, i: u64, words: usize) -> bool {
    loop {
        match consumer.poll().unwrap() {
            Poll::Ready(message) => {
                let meta = message.meta();
                assert_eq!((u64::from(meta.kind()), meta.len()), (i, 8 * words));
                let mut found = vec![0; meta.len()];
                message.copy_to(&mut found);
                assert_eq!(found, bytes(&payload(i, words)), "message {i}");
                message.take();
                return true;
            }
            Poll::Empty => thread::yield_now(),
            Poll::Gap(dropped) => panic!("{dropped} messages dropped before message {i}"),
            Poll::Ended => return false,
        }
    }
}

/// Receives exactly `N` messages one by one, then the end.
pub fn receive_all<const N: u64, const WORDS: usize>(mut consumer: Consumer<LoomWord>) {
    for i in 0..N {
        assert!(receive(&mut consumer, i, WORDS), "the stream ended before message {i}");
        consumer.recycle();
    }
    assert!(!receive(&mut consumer, N, WORDS), "a message too many");
}

/// The same, with a tail that is only published when the whole ring is recycled or nothing is
/// there.
pub fn receive_lazily<const N: u64, const WORDS: usize>(consumer: Consumer<LoomWord>) {
    let capacity = consumer.ring().capacity();
    receive_all::<N, WORDS>(consumer.with_tail_every(capacity));
}

/// The same from a producer on another core: lines are written before they are handed back.
pub fn receive_from_core<const N: u64, const WORDS: usize>(consumer: Consumer<LoomWord>) {
    receive_lazily::<N, WORDS>(consumer.for_cpu_producer());
}

/// Receives `N` messages of one word in runs, and settles a whole run at once.
pub fn receive_runs<const N: u64>(mut consumer: Consumer<LoomWord>) {
    let mut taken = 0;
    while taken < N {
        let run = consumer.available(2);
        for _ in 0..run {
            assert!(receive(&mut consumer, taken, 1));
            taken += 1;
        }
        consumer.recycle();
        if run == 0 {
            assert_ne!(consumer.look(), Ok(Poll::Ended));
            thread::yield_now();
        }
    }
    assert!(!receive(&mut consumer, N, 1));
}

/// Receives exactly `N` messages and looks at each in every way there is, and again, before it
/// copies it.
pub fn receive_twice<const N: u64, const WORDS: usize>(mut consumer: Consumer<LoomWord>) {
    for i in 0..N {
        let meta = loop {
            match consumer.look().unwrap() {
                Poll::Ready(meta) => break meta,
                Poll::Empty => thread::yield_now(),
                Poll::Gap(_) | Poll::Ended => panic!("the stream ended before message {i}"),
            }
        };
        assert_eq!(consumer.peek(0), Ok(Some(meta)));
        assert_eq!(consumer.available_sized(1), (1, meta.len() as u64));
        assert!(receive(&mut consumer, i, WORDS));
        consumer.recycle();
    }
    assert!(!receive(&mut consumer, N, WORDS), "a message too many");
}
