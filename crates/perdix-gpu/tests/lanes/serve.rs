//! Proves that a warp answers every request, with the words that were asked for, whatever the rings' modes and sizes.

use perdix_core::{DeviceInput, DeviceService, Fault, Mode, Poll, Producer};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_kernels::pattern::ALL_LENGTHS;
use perdix_kernels::serve;
use perdix_kernels::take::ANSWER;

use crate::common::{MODES, View as _, pattern};
use crate::take::send;

fn handle(requests: &EmulatedRing, responses: &EmulatedRing) -> DeviceService {
    let requests = DeviceInput { single_store_words: 1, ..requests.input() };
    DeviceService { requests, responses: responses.handle() }
}

fn start(handle: DeviceService, count: u64) -> bool {
    // SAFETY: one warp, alone on these rings, which outlive it.
    launch(1, 32, || unsafe { serve(handle, count) })
}

/// Up to `open` requests at a time.
fn served(mode: Mode, slots: u64, open: u64, first: u64, count: u64) {
    let (requests, responses) =
        (EmulatedRing::starting_at(slots, mode, first), EmulatedRing::new(slots, mode));
    let handle = handle(&requests, &responses);
    let pattern = pattern(ALL_LENGTHS, true);
    std::thread::scope(|scope| {
        let kernel = scope.spawn(|| start(handle, u64::MAX));
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { Producer::new(requests.view()) };
        // SAFETY: the ring's only consumer.
        let mut consumer = unsafe { responses.consumer() };
        let (mut asked, mut answered) = (0, 0);
        while answered < count {
            if asked < count && asked - answered < open {
                send(&mut producer, true, pattern, asked).unwrap();
                asked += 1;
                continue;
            }
            let Poll::Ready(message) = consumer.poll().unwrap() else {
                std::thread::yield_now();
                continue;
            };
            let meta = message.meta();
            let mut bytes = vec![0; meta.len()];
            message.copy_to(&mut bytes);
            message.take();
            consumer.recycle();
            assert_eq!(
                (meta.kind(), meta.len()),
                (first.wrapping_add(answered) as u16, pattern.len(answered))
            );
            for (i, chunk) in (0..).zip(bytes.chunks(8)) {
                // What was cut off was zero to the kernel.
                let sent = pattern.word(answered, i).to_le_bytes();
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(&sent[..chunk.len()]);
                let word = u64::from_le_bytes(word).wrapping_add(ANSWER).to_le_bytes();
                assert_eq!(chunk, &word[..chunk.len()], "answer {answered}");
            }
            answered += 1;
        }
        producer.finish();
        assert!(kernel.join().unwrap());
        assert_eq!(consumer.look(), Ok(Poll::Ended));
        assert_eq!(consumer.fault(), None);
    });
}

#[test]
fn every_request_is_answered() {
    for mode in MODES {
        for (slots, open, count) in [(1, 1, 20), (16, 1, 40), (16, 16, 245)] {
            served(mode, slots, open, 0, count);
        }
    }
    served(Mode::FenceFree, 4, 4, u64::MAX - 20, 40);
}

/// A kernel that pauses leaves the rest to the next one; nobody is told of an end.
#[test]
fn the_next_kernel_goes_on() {
    for mode in MODES {
        let (requests, responses) = (EmulatedRing::new(8, mode), EmulatedRing::new(8, mode));
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { Producer::new(requests.view()) };
        // SAFETY: the ring's only consumer.
        let mut consumer = unsafe { responses.consumer() };
        for round in 0..6_u64 {
            for id in 3 * round..3 * round + 3 {
                send(&mut producer, true, pattern(8, false), id).unwrap();
            }
            assert!(start(handle(&requests, &responses), 3));
            for id in 3 * round..3 * round + 3 {
                let Ok(Poll::Ready(message)) = consumer.poll() else { panic!("{id} is missing") };
                assert_eq!(message.take().kind(), id as u16);
                consumer.recycle();
            }
            assert_eq!(consumer.look(), Ok(Poll::Empty));
        }
    }
}

/// Nobody reads responses, or reads no more: the kernel ends in time, and says why.
#[test]
fn a_client_that_is_gone_or_asleep_is_noticed() {
    for mode in MODES {
        for gone in [false, true] {
            let (requests, responses) = (EmulatedRing::new(8, mode), EmulatedRing::new(2, mode));
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { Producer::new(requests.view()) };
            // SAFETY: the ring's only consumer.
            let mut consumer = unsafe { responses.consumer() };
            for id in 0..5 {
                send(&mut producer, true, pattern(8, false), id).unwrap();
            }
            if gone {
                consumer.disconnect();
            }
            let mut handle = handle(&requests, &responses);
            handle.responses.limit_ns = 10_000_000;
            assert!(start(handle, u64::MAX));
            let fault = if gone { Fault::ConsumerGone } else { Fault::TimedOut };
            assert_eq!((consumer.until_end(), consumer.fault()), (Some(2), Some(fault)));
            assert!(producer.consumer_disconnected());
            let view = requests.view();
            let tail = view.tail();
            assert_eq!(tail.distance_from(0), 3, "the request that has no answer was taken");
        }
    }
}
