//! Kernels that take what a CPU sends: they send it back, or answer.

use core::sync::atomic::{AtomicU64, Ordering};

use perdix_gpu::intrinsics::{WARP_SIZE, lane_id};
use perdix_gpu::{
    BlockConsumer, BlockProducer, ConsumeError, DeviceInput, DeviceRing, DeviceService, FromFn,
    PAYLOAD_WORDS, ThreadConsumer, ThreadProducer, WarpConsumer, WarpProducer, WarpService,
};

/// The kind of a message that a relay sends when there was none to take: two words, a number of [`reason`] and what belongs to it.
pub const REASON_KIND: u16 = 0xffff;

/// What the words of a response are: those of the request, each with this added to it.
pub const ANSWER: u64 = 0x0123_4567_89ab_cdef;

/// Why a relay got no message, as it tells its host.
#[inline(always)]
pub fn reason(error: ConsumeError) -> [u64; 2] {
    match error {
        ConsumeError::Ended => [1, 0],
        ConsumeError::ProducerFailed(fault) => [2, fault as u64],
        ConsumeError::Gap(dropped) => [3, dropped],
        ConsumeError::TimedOut => [4, 0],
        ConsumeError::Corrupt => [5, 0],
        _ => [6, 0],
    }
}

/// Whether a relay goes on after it.
#[inline(always)]
fn goes_on(error: ConsumeError) -> bool {
    matches!(error, ConsumeError::Gap(_))
}

perdix_gpu::kernel! {
    /// One thread sends back what it takes, up to `count` messages, and then pauses; if there is nothing to take, it says why and
    /// finishes.
    pub unsafe fn relay_thread(input: DeviceInput, ring: DeviceRing, count: u64) {
        // SAFETY: the host launches one thread on these rings.
        let Ok(mut consumer) = (unsafe { ThreadConsumer::new(input) }) else { return };
        // SAFETY: as above.
        let Ok(mut producer) = (unsafe { ThreadProducer::new(ring) }) else { return };
        let mut words = [0; PAYLOAD_WORDS];
        let mut left = count;
        while left != 0 {
            let taken = consumer.consume(&mut words);
            let result = match taken {
                Ok(message) => {
                    // SAFETY: a message is no longer than the words.
                    let bytes = unsafe { core::slice::from_raw_parts(words.as_ptr().cast::<u8>(), message.len()) };
                    producer.produce(message.kind(), bytes)
                }
                Err(error) => producer.produce_with(REASON_KIND, 16, |_chunk| reason(error)),
            };
            if let Err(error) = result {
                consumer.finish();
                return producer.fail(error);
            }
            match taken {
                Ok(_) => left -= 1,
                Err(error) if goes_on(error) => {}
                Err(_) => {
                    consumer.finish();
                    return producer.finish();
                }
            }
        }
        consumer.pause();
        producer.pause();
    }

    /// [`relay_thread`], by one warp.
    pub unsafe fn relay_warp(input: DeviceInput, ring: DeviceRing, count: u64) {
        // SAFETY: the host launches one warp on these rings.
        let Ok(mut consumer) = (unsafe { WarpConsumer::new(input) }) else { return };
        // SAFETY: as above.
        let Ok(mut producer) = (unsafe { WarpProducer::new(ring) }) else { return };
        let mut left = count;
        while left != 0 {
            let taken = consumer.consume();
            let result = match &taken {
                Ok(message) => producer.produce_chunks(message.kind(), message.len(), message.chunk()),
                Err(error) => producer.produce(REASON_KIND, 16, |_chunk| reason(*error)),
            };
            if let Err(error) = result {
                consumer.finish();
                return producer.fail(error);
            }
            match taken {
                Ok(_) => left -= 1,
                Err(error) if goes_on(error) => {}
                Err(_) => {
                    consumer.finish();
                    return producer.finish();
                }
            }
        }
        consumer.pause();
        producer.pause();
    }

    /// [`relay_thread`], by one block.
    pub unsafe fn relay_block(input: DeviceInput, ring: DeviceRing, count: u64) {
        // SAFETY: the host launches one block on these rings.
        let Ok(mut consumer) = (unsafe { BlockConsumer::new(input) }) else { return };
        // SAFETY: as above.
        let Ok(mut producer) = (unsafe { BlockProducer::new(ring) }) else { return };
        let mut left = count;
        while left != 0 {
            let taken = consumer.consume();
            let result = match &taken {
                Ok(message) => {
                    // A message of one is stored by a warp whose first lane has the header.
                    let before = lane_id().wrapping_sub(1) % WARP_SIZE;
                    let chunk = message.chunk().map(|word| producer.warp().shuffle_u64(word, before));
                    producer.produce_batch(1, &FromFn::new(message.len(), message.kind(), |_, _| chunk))
                }
                Err(error) => producer.produce_batch(1, &FromFn::new(16, REASON_KIND, |_, _| reason(*error))),
            };
            if result.is_err() {
                consumer.finish();
                return producer.finish();
            }
            match taken {
                Ok(_) => left -= 1,
                Err(error) if goes_on(error) => {}
                Err(_) => {
                    consumer.finish();
                    return producer.finish();
                }
            }
        }
        consumer.pause();
        producer.pause();
    }

    /// One warp takes messages and stores to `reply` how many it has taken, until the stream ends or nothing comes.
    pub unsafe fn take_and_tell(input: DeviceInput, reply: *const AtomicU64) {
        // SAFETY: the host launches one warp on this ring.
        let Ok(mut consumer) = (unsafe { WarpConsumer::new(input) }) else { return };
        // SAFETY: the host keeps the word until the kernel ends.
        let reply = unsafe { &*reply };
        let mut taken = 0;
        while consumer.consume().is_ok() {
            taken += 1;
            if lane_id() == 0 {
                reply.store(taken, Ordering::Relaxed);
            }
        }
        consumer.finish();
    }

    /// One warp answers requests: with their own words, [`ANSWER`] added to each. Pauses after `count` of them; ends when there are no
    /// more.
    pub unsafe fn serve(service: DeviceService, count: u64) {
        // SAFETY: the host launches one warp on this service.
        let Ok(mut service) = (unsafe { WarpService::new(service) }) else { return };
        let mut left = count;
        while left != 0 {
            let Ok(request) = service.next() else { return service.finish() };
            let answer = request.chunk().map(|word| word.wrapping_add(ANSWER));
            if service.respond_chunks(&request, request.len(), answer).is_err() {
                return service.finish();
            }
            left -= 1;
        }
        service.pause();
    }
}
