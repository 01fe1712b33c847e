//! Peers of the same user that overwrite a ring, or take its memory away.

use std::fs::File;
use std::hint::black_box;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use perdix_core::sentinel::SENTINEL;
use perdix_host::process::{CopyingConsumer, CopyingProducer, Directory, SharedRing, Untrusted};
use perdix_host::{ConsumeError, Mode, ProduceError};

use crate::child::{Child, say};
use crate::common::{self, MODES, Random};
use crate::{PATIENCE, Place, builder};

const SLOTS: u64 = 8;
/// Bytes of a ring of so many slots.
const BYTES: u64 = 1024 + SLOTS * 256;
/// How long a victim is tormented.
const LONG: Duration = Duration::from_millis(1500);

/// A word that a half may read, and a place for it that it may read next.
fn draw(random: &mut Random, near: u64) -> (u64, u64) {
    let number = near.wrapping_add(random.below(5)).wrapping_sub(1);
    let slot = 1024 + 256 * (number % SLOTS);
    // What ends everything at once is seldom: most of it must be read to do harm.
    let place = match (random.below(8), random.below(64)) {
        (0, 0) => 8 * random.below(128),         // anything of the control block
        (0, 1..=3) => 256,                       // the tail
        (0, 4..=7) => 512 + 8 * random.below(2), // the end, and why
        (0, _) => 1024 + 8 * random.below(SLOTS * 32),
        (1..=3, _) => slot,
        (4 | 5, _) => slot + 8,
        _ => slot + 16 + 8 * random.below(30),
    };
    // Mostly what might be right there.
    let value = match (random.below(8), place % 256) {
        (0, _) => random.next(),
        (1, _) => SENTINEL,
        (2, _) => near.wrapping_sub(random.below(256)) << 1 | random.below(2),
        (3, _) => random.below(256) | random.next() << 32,
        (_, 0) if place < 1024 => number << 1 | u64::from(random.below(8) == 0),
        (_, 0) => number.wrapping_add(1),
        (_, 8) if place < 1024 => random.below(4),
        (_, 8) => random.below(242),
        _ => random.next(),
    };
    (place, value)
}

/// A process that reads what it was given, with every call that lends nothing, is neither ended nor
/// deceived by one that writes anything anywhere.
#[test]
fn copying_halves_survive_everything() {
    for (seed, mode) in [(1, MODES[0]), (2, MODES[1])] {
        common::watch_process();
        let ring = builder(SLOTS as usize, mode).create_anonymous().unwrap();
        let ours = File::from(ring.to_fd().unwrap());
        let mut child = Child::start_with(ring.to_fd().unwrap().into(), &format!("victim {seed}"));
        drop(ring);
        assert_eq!(child.line(), "begins");
        let over = AtomicBool::new(false);
        let lines = thread::scope(|scope| {
            scope.spawn(|| torment(&ours, &mut Random(seed), &over));
            let lines = child.lines();
            over.store(true, Ordering::Relaxed);
            lines
        });
        assert_eq!(lines, ["calm"]);
    }
}

/// Writes into a ring until it is over.
fn torment(ring: &File, random: &mut Random, over: &AtomicBool) {
    let begun = Instant::now();
    while !over.load(Ordering::Relaxed) && begun.elapsed() < 2 * PATIENCE {
        // Near what the victim is doing, as far as the ring tells.
        let mut tail = [0; 8];
        ring.read_exact_at(&mut tail, 256).unwrap();
        let near = u64::from_ne_bytes(tail) >> 1;
        for _ in 0..50 {
            let (place, value) = draw(random, near);
            ring.write_all_at(&value.to_ne_bytes(), place).unwrap();
        }
        // And now and then a message that is as it should be.
        for number in (0..random.below(4)).map(|ahead| near.wrapping_add(ahead)) {
            let mut slot = [0x5a; 256];
            slot[..8].copy_from_slice(&number.wrapping_add(1).to_ne_bytes());
            slot[8..16].copy_from_slice(&random.below(241).to_ne_bytes());
            ring.write_all_at(&slot, 1024 + 256 * (number % SLOTS)).unwrap();
        }
        if random.below(500) == 0 {
            ring.set_len(0).unwrap_err();
            nix::fcntl::fallocate(ring, PUNCH, 0, 4096).unwrap();
        }
    }
}

const PUNCH: nix::fcntl::FallocateFlags =
    nix::fcntl::FallocateFlags::FALLOC_FL_PUNCH_HOLE.union(nix::fcntl::FallocateFlags::FALLOC_FL_KEEP_SIZE);

pub(crate) fn be_victim(seed: u64) {
    let fd = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
    say("begins");
    let mode = if seed == 1 { Mode::Fenced } else { Mode::FenceFree };
    let mut random = Random(seed);
    let begun = Instant::now();
    let (mut received, mut errors) = (0, 0);
    // As long as it takes to see something, on a busy machine.
    while begun.elapsed() < LONG || (received < 100 || errors < 100) && begun.elapsed() < PATIENCE {
        let ring: SharedRing<Untrusted> = match SharedRing::from_fd(fd.try_clone().unwrap()) {
            Ok(ring) => ring,
            // Its identity was overwritten: it is put back, so that the rest is tried too.
            Err(error) => {
                assert!(!error.to_string().is_empty());
                mend(&fd, mode);
                continue;
            }
        };
        if random.below(3) == 0 {
            if let Ok(producer) = ring.into_copying_producer() {
                produce(producer, &mut random);
            }
            // The role was given away once and for all; again.
            File::from(fd.try_clone().unwrap()).write_all_at(&[0; 8], 512 + 192).unwrap();
        } else {
            match ring.into_copying_consumer() {
                Ok(consumer) => {
                    let (more, failed) = consume(consumer, &mut random);
                    received += more;
                    errors += failed;
                }
                // Where it stopped is said to be where it cannot be.
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    mend(&fd, mode);
                }
            }
        }
    }
    assert!(received >= 100 && errors >= 100, "{received} received, {errors} errors");
    say("calm");
}

/// Puts the control block back.
fn mend(fd: &OwnedFd, mode: Mode) {
    let fresh = builder(SLOTS as usize, mode).create_anonymous().unwrap();
    let mut bytes = [0; 1024];
    File::from(fresh.to_fd().unwrap()).read_exact_at(&mut bytes, 0).unwrap();
    File::from(fd.try_clone().unwrap()).write_all_at(&bytes, 0).unwrap();
}

/// All calls of a consumer; how many messages came, and how many errors.
fn consume(mut consumer: CopyingConsumer, random: &mut Random) -> (u64, u64) {
    let (mut received, mut errors) = (0, 0);
    let mut bytes = Vec::new();
    for _ in 0..random.below(2000) {
        let limit = Duration::from_micros(random.below(20));
        let message = match random.below(8) {
            0 => consumer.status().map(|()| None),
            1 => consumer.next(limit).map(Some),
            3 => consumer.large(&mut bytes, limit).map(|_| None),
            2 => {
                black_box((consumer.position(), consumer.capacity(), consumer.counters().read()));
                Ok(None)
            }
            _ => consumer.try_next().map(Some),
        };
        match message {
            Ok(None) => {}
            Ok(Some(message)) => {
                received += 1;
                assert!(message.len() <= 240);
                let (before, text) = (message.to_vec(), std::str::from_utf8(&message).is_ok());
                black_box((message.kind(), message.number(), message.has_more()));
                black_box(message.value_copy::<Value>().is_ok());
                thread::yield_now();
                assert_eq!((&before[..], text), (&message[..], std::str::from_utf8(&message).is_ok()));
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                if !matches!(error, ConsumeError::TimedOut { .. } | ConsumeError::Empty) {
                    errors += 1;
                    if random.below(4) == 0 {
                        break;
                    }
                }
            }
        }
    }
    (received, errors)
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Value([u8; 16]);

impl perdix_host::Typed for Value {
    const KIND: u16 = 3;
}

/// All calls of a producer.
fn produce(mut producer: CopyingProducer, random: &mut Random) {
    let message: Vec<u8> = (0..=255).collect();
    for _ in 0..random.below(2000) {
        let bytes = &message[..random.below(256) as usize];
        let limit = Duration::from_micros(random.below(20));
        let result = match random.below(8) {
            0 => producer.send(3, bytes, limit),
            1 => producer.send_or_drop(3, bytes).map(drop),
            3 => producer.send_large(3, &bytes.repeat(9), limit),
            2 => {
                black_box((producer.free_slots(), producer.status().is_err(), producer.capacity()));
                black_box(producer.counters().read());
                Ok(())
            }
            _ => producer.try_produce(bytes),
        };
        match result {
            Err(ProduceError::TooLong { len, .. }) => assert!(len > 240 && len % bytes.len() == 0),
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(()) => {}
        }
    }
}

/// Whatever lies in a ring when it is opened.
#[test]
fn any_content() {
    let mut random = Random(11);
    for mode in MODES {
        let ring = builder(SLOTS as usize, mode).create_anonymous().unwrap();
        let file = File::from(ring.to_fd().unwrap());
        let mut good = [0; BYTES as usize];
        file.read_exact_at(&mut good, 0).unwrap();
        for _ in 0..500 {
            let mut bytes = good;
            let start = 256 + 8 * random.below(96) as usize;
            let density = 1 + random.below(8);
            for word in bytes[start..].chunks_exact_mut(8) {
                if random.below(density) == 0 {
                    word.copy_from_slice(&draw(&mut random, 0).1.to_ne_bytes());
                }
            }
            file.write_all_at(&bytes, 0).unwrap();
            let open = || SharedRing::from_fd(ring.to_fd().unwrap()).unwrap();
            if let Ok(mut consumer) = open().into_copying_consumer() {
                let mut looks = 0;
                while consumer.try_next().is_ok() && looks < 1000 {
                    looks += 1;
                }
                assert!(looks <= SLOTS, "{looks} messages in {SLOTS} slots");
                let _ = consumer.status();
            }
            if let Ok(producer) = open().into_copying_producer() {
                produce(producer, &mut random);
            }
        }
    }
}

/// Files that shrink and grow under who only looks at them.
#[test]
fn observers_survive_truncation() {
    let place = Place::new();
    let path = place.directory.path().join("ring");
    let mut child =
        Child::start_with(Stdio::null(), &format!("{} observe", place.directory.path().display()));
    assert_eq!(child.line(), "looks");
    let mut random = Random(5);
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        drop(place.create("ring", builder(SLOTS as usize, MODES[0])).unwrap());
        // It may have been cleaned up already.
        let Ok(file) = File::options().write(true).open(&path) else { continue };
        for _ in 0..random.below(30) {
            file.set_len(random.below(BYTES)).unwrap();
            file.set_len(0).unwrap();
        }
    }
    let lines = child.lines();
    assert_eq!(lines, ["calm"]);
}

pub(crate) fn observe(directory: &Directory) {
    say("looks");
    let begun = Instant::now();
    while begun.elapsed() < LONG + Duration::from_millis(200) {
        for _ in 0..100 {
            black_box(directory.list().unwrap());
        }
        directory.cleanup().unwrap();
    }
    say("calm");
}
