//! A consumer that dies is succeeded by another: proves, for a death after every single store that a consumer makes, that no
//! message is lost, that none comes again beyond what the documentation says, and that every slot is fit for its next message.

#![allow(clippy::unwrap_used, clippy::panic)] // what is not as expected fails the test

mod common;

use std::array;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use common::MODES;
use perdix_core::sentinel::SENTINEL;
use perdix_core::{
    AttachError, Config, Consumer, ConsumerLine, ConsumerStats, Control, Identity, Mode, Poll, Producer,
    ProducerLine, ProducerStats, Reserved, Ring, Slot, Word,
};

thread_local! {
    /// Stores that this thread may still make before it dies; for ever if there is none.
    static LIVES: Cell<Option<u64>> = const { Cell::new(None) };
}

/// What a thread dies of.
struct Death;

/// A word whose writer may die before any store.
struct Mortal(AtomicU64);

// SAFETY: an AtomicU64; a store that does not happen is one that its writer never came to.
unsafe impl Word for Mortal {
    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        match LIVES.get() {
            Some(0) => resume_unwind(Box::new(Death)),
            Some(lives) => LIVES.set(Some(lives - 1)),
            None => {}
        }
        self.0.store(value, order);
    }

    fn fence(order: Ordering) {
        std::sync::atomic::fence(order);
    }

    unsafe fn write_plain(words: &[Self], bytes: &[u8]) {
        for (word, bytes) in words.iter().zip(bytes.chunks(8)) {
            let mut value = [0; 8];
            value[..bytes.len()].copy_from_slice(bytes);
            word.0.store(u64::from_le_bytes(value), Ordering::Relaxed);
        }
    }

    unsafe fn read_plain(words: &[Self], bytes: &mut [u8]) {
        for (word, bytes) in words.iter().zip(bytes.chunks_mut(8)) {
            let value = word.0.load(Ordering::Relaxed).to_le_bytes();
            bytes.copy_from_slice(&value[..bytes.len()]);
        }
    }
}

fn word() -> Mortal {
    Mortal(AtomicU64::new(0))
}

fn control() -> Control<Mortal> {
    let stats = ProducerStats {
        messages: word(),
        bytes: word(),
        full: word(),
        dropped: word(),
        highest_fill: word(),
    };
    Control {
        identity: Identity { magic: word(), format: word(), capacity: word(), mode: word(), start: word() },
        consumer: ConsumerLine {
            tail: word(),
            gap: array::from_fn(|_| word()),
            stats: ConsumerStats { messages: word(), bytes: word() },
            spare: array::from_fn(|_| word()),
            attached: word(),
            settled: word(),
        },
        producer: ProducerLine {
            end: word(),
            fault: word(),
            gap: array::from_fn(|_| word()),
            stats,
            spare: array::from_fn(|_| word()),
            attached: word(),
        },
        reserved: Reserved(array::from_fn(|_| word())),
    }
}

/// Message `id`: 0 to 240 bytes, every third word a sentinel.
fn message(id: u64) -> Vec<u8> {
    let words = (0..30).map(|at| if (id + at) % 3 == 0 { SENTINEL } else { id << 8 | at });
    words.flat_map(u64::to_le_bytes).take([240, 16, 0, 100][id as usize % 4]).collect()
}

/// Sends messages from `id` on until the ring is full, and says which is next.
fn fill(producer: &mut Producer<Mortal>, mut id: u64) -> u64 {
    loop {
        let bytes = message(id);
        let pair = |i: usize| {
            let part = |at: usize| {
                let mut word = [0; 8];
                let part = bytes.get(8 * at..).map_or(&[][..], |rest| &rest[..rest.len().min(8)]);
                word[..part.len()].copy_from_slice(part);
                u64::from_le_bytes(word)
            };
            [part(2 * i), part(2 * i + 1)]
        };
        if producer.push_pairs(id as u16, 0, bytes.len(), pair).is_err() {
            return id;
        }
        id += 1;
    }
}

/// Looks at the next message and checks it.
fn look(consumer: &mut Consumer<Mortal>, start: u64) -> bool {
    let Poll::Ready(meta) = consumer.poll().unwrap() else { return false };
    let id = consumer.next().wrapping_sub(start);
    let mut bytes = vec![0; meta.len()];
    consumer.copy_next(meta, &mut bytes);
    assert_eq!((meta.kind(), bytes), (id as u16, message(id)), "message {id}");
    consumer.take(1, meta.len() as u64);
    true
}

/// Consumes in steps of one to three messages; `done` gets how many were handed back, and `held` how many are being handed back.
fn consume(consumer: &mut Consumer<Mortal>, start: u64, most: u64, done: &Cell<u64>, held: &Cell<u64>) {
    while done.get() < most {
        // Opens all that are there.
        consumer.run(u64::MAX);
        let step = 1 + done.get() % 3;
        let taken = (0..step).take_while(|_| look(consumer, start)).count() as u64;
        if taken == 0 {
            return;
        }
        held.set(taken);
        consumer.settle();
        done.set(done.get() + taken);
        held.set(0);
    }
}

/// Whether the slots behind the last `free` messages before `next` hold nothing but sentinels, where that matters.
fn is_armed(config: Config, slots: &[Slot<Mortal>], next: u64, free: u64) -> bool {
    config.mode == Mode::Fenced
        || (1..=free).all(|back| {
            let number = config.start.wrapping_add(next).wrapping_sub(back);
            let slot = &slots[(number % config.capacity) as usize];
            let mut words = [&slot.meta].into_iter().chain(&slot.payload);
            words.all(|word| word.load(Ordering::Relaxed) == SENTINEL)
        })
}

/// One death after `lives` stores; whether the consumer came that far at all.
fn dies(config: Config, tail_every: u64, lives: u64) -> bool {
    let control = control();
    let slots: Vec<_> = (0..config.capacity)
        .map(|_| Slot { seq: word(), meta: word(), payload: array::from_fn(|_| word()) })
        .collect();
    // SAFETY: both outlive all that is made of them here.
    let ring = unsafe { Ring::from_parts(&control, &slots, config) }.unwrap();
    ring.reset();
    // SAFETY: the ring's only producer.
    let mut producer = unsafe { Producer::new(ring) };
    let (done, held) = (Cell::new(0), Cell::new(0));
    let mut sent = fill(&mut producer, 0);
    // SAFETY: the ring's only consumer, until it dies.
    let mut first = unsafe { Consumer::new(ring) }.with_tail_every(tail_every);
    LIVES.set(Some(lives));
    let death = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..4 {
            consume(&mut first, config.start, u64::MAX, &done, &held);
            let left = LIVES.replace(None);
            sent = fill(&mut producer, sent);
            LIVES.set(left);
        }
    }));
    LIVES.set(None);
    let died = match death {
        Ok(()) => false,
        Err(death) if death.is::<Death>() => true,
        Err(other) => resume_unwind(other),
    };

    // SAFETY: the one before is used no more.
    let mut second = unsafe { Consumer::resume(ring) }.unwrap().with_tail_every(tail_every);
    let next = second.next().wrapping_sub(config.start);
    let (done, held) = (done.get(), held.get());
    assert_eq!(second.taken().0, next);
    match config.mode {
        Mode::Fenced => {
            assert!(next <= done + held && done - next.min(done) < tail_every, "{next} after {done}")
        }
        Mode::FenceFree => assert!(next == done || next == done + held, "{next} after {done} and {held}"),
    }
    second.rejoin();
    assert!(is_armed(config, &slots, next, config.capacity - (sent - next)), "all free slots are re-armed");
    // Everything comes, for more than a lap, and the ring is as good as new.
    let done = Cell::new(next);
    for _ in 0..4 {
        sent = fill(&mut producer, sent);
        consume(&mut second, config.start, u64::MAX, &done, &Cell::new(0));
        assert_eq!(done.get(), sent, "all that was sent comes");
        assert!(matches!(second.poll(), Ok(Poll::Empty)));
    }
    assert_eq!(fill(&mut producer, sent) - sent, config.capacity, "every slot can be had");
    consume(&mut second, config.start, u64::MAX, &done, &Cell::new(0));
    assert!(is_armed(config, &slots, sent + config.capacity, config.capacity));
    died
}

#[test]
fn a_successor_goes_on_after_a_death_at_any_store() {
    let mut deaths = 0;
    for mode in MODES {
        for start in [0, u64::MAX - 6, (1 << 63) - 3] {
            for (capacity, tail_every) in [(4, 1), (4, 3), (8, 5), (1, 1)] {
                let config = Config { capacity, mode, start };
                deaths += (0..).take_while(|lives| dies(config, tail_every, *lives)).count();
            }
        }
    }
    assert!(deaths > 1000, "{deaths} deaths");
}

#[test]
fn a_successor_believes_no_impossible_position() {
    let (region, ring) = common::Region::with_ring(Config { capacity: 8, mode: Mode::FenceFree, start: 3 });
    for ahead in [9, 1 << 40, u64::MAX] {
        region.set(256 + 200, 3_u64.wrapping_add(ahead));
        // SAFETY: the ring has no other consumer.
        let error = unsafe { Consumer::resume(ring) }.unwrap_err();
        assert_eq!(error, AttachError::Position { tail: 3, ahead });
        assert!(error.to_string().contains("corrupt"), "{error}");
    }
    region.set(256 + 200, 11);
    // SAFETY: the ring has no other consumer.
    assert_eq!(unsafe { Consumer::resume(ring) }.unwrap().next(), 11);
}
