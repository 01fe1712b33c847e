//! Proves the kernels that talk with the host: echo, and the bare link's ping-pong and writes.

use std::sync::atomic::{AtomicU64, Ordering};

use perdix_core::Poll;
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_kernels::{bare_ping_pong, bare_writes, echo};

use crate::common::{End, MODES, Reader, check_counts, line, run};

const SECONDS: u64 = 1_000_000_000;

/// A command is given only when the answer to the one before has come, so that nothing may lie unpublished.
#[test]
fn echo_answers_each_command() {
    for mode in MODES {
        for len in [16, 100, 240] {
            let (ring, command) = (EmulatedRing::new(4, mode), AtomicU64::new(0));
            // SAFETY: the ring's only consumer.
            let mut consumer = unsafe { ring.consumer() };
            std::thread::scope(|scope| {
                let kernel = scope.spawn(|| {
                    launch(1, 32, || {
                        // SAFETY: one warp, and both outlive the launch.
                        unsafe { echo(ring.handle(), &command, 30, len, 30 * SECONDS) }
                    })
                });
                let mut before = 0;
                let mut messages = Vec::new();
                for turn in 1..=30 {
                    command.store(turn, Ordering::Relaxed);
                    loop {
                        match consumer.look().unwrap() {
                            Poll::Ready(_) => break,
                            Poll::Empty => std::thread::yield_now(),
                            Poll::Gap(_) | Poll::Ended => panic!("the stream ended at command {turn}"),
                        }
                    }
                    let Ok(Poll::Ready(message)) = consumer.poll() else { panic!("it was there") };
                    let mut bytes = [0; 240];
                    assert_eq!(message.copy_to(&mut bytes) as u64, len);
                    let words: Vec<u64> =
                        bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect();
                    assert!(words[0] >= before, "the clock went back");
                    before = words[0];
                    assert_eq!(words[1], turn);
                    messages.push((message.take().kind(), bytes[..len as usize].to_vec()));
                    consumer.recycle();
                }
                assert!(kernel.join().unwrap());
                assert_eq!(consumer.look(), Ok(Poll::Ended));
                check_counts(&ring, &messages);
            });
        }
    }
}

#[test]
fn echo_gives_up_without_a_command() {
    for mode in MODES {
        let (ring, command) = (EmulatedRing::new(4, mode), AtomicU64::new(1));
        let outcome = run(&ring, (1, 32), Reader::Steady, || {
            // SAFETY: one warp, and both outlive the launch.
            unsafe { echo(ring.handle(), &command, 30, 16, SECONDS / 500) }
        });
        assert!(outcome.launched);
        assert_eq!((outcome.end, outcome.messages.len()), (End::Ended, 1));
        assert_eq!(line(&ring).fault, None);
    }
}

#[test]
fn the_bare_link_answers() {
    let (command, reply) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let kernel = scope.spawn(|| {
            // SAFETY: one thread, and both words outlive the launch.
            launch(1, 1, || unsafe { bare_ping_pong(&command, &reply, 20, 30 * SECONDS) })
        });
        for turn in 1..=20 {
            command.store(turn, Ordering::Relaxed);
            while reply.load(Ordering::Relaxed) != turn {
                std::thread::yield_now();
            }
        }
        assert!(kernel.join().unwrap());
    });
    // SAFETY: as above.
    assert!(launch(1, 1, || unsafe { bare_ping_pong(&command, &reply, 1, SECONDS / 1000) }));
}

#[test]
fn the_bare_link_is_written_everywhere() {
    #[repr(C, align(16))]
    struct Pair([AtomicU64; 2]);
    let memory: Vec<Pair> = (0..101).map(|_| Pair([AtomicU64::new(9), AtomicU64::new(9)])).collect();
    // SAFETY: 100 pairs lie there, and outlive the launch.
    assert!(launch(2, 32, || unsafe { bare_writes(memory.as_ptr().cast(), 100, 3) }));
    for (i, Pair(words)) in (0..).zip(&memory) {
        let [round, place] = words.each_ref().map(|word| word.load(Ordering::Relaxed));
        assert_eq!((round, place), if i < 100 { (2, i) } else { (9, 9) });
    }
}
