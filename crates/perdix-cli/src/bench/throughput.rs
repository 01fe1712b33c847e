//! How many messages per second go through a ring.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use perdix_host::{Buffer, ConsumeError, Consumer, Producer, Wait};

use crate::error::Error;
use crate::report::per_second;

/// How messages are produced and consumed. In all of them the consumer reads every byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// `produce` and `consume`: each message is copied in, published and released by itself.
    OneByOne,
    /// Batches of 32 on both sides.
    Batches,
    /// `reserve` and `commit`: the payload is computed in the slot, and each message published by itself.
    InPlace,
}

/// Messages in a batch.
const BATCH: usize = 32;

/// Messages between two looks at the clock.
const ROUND: usize = 1024;

impl Method {
    pub(super) const ALL: [Self; 3] = [Self::OneByOne, Self::Batches, Self::InPlace];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneByOne => "one by one",
            Self::Batches => "batches of 32",
            Self::InPlace => "in place",
        }
    }

    /// The name in JSON.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::OneByOne => "one_by_one",
            Self::Batches => "batches_of_32",
            Self::InPlace => "in_place",
        }
    }
}

/// Sends messages of `size` bytes for as long as `time`, and returns how many per second arrived.
pub(super) fn throughput(
    mut buffer: Buffer,
    method: Method,
    size: usize,
    time: Duration,
) -> Result<f64, Error> {
    let (producer, consumer) = buffer.split_mut();
    thread::scope(|scope| {
        let receiving = scope.spawn(move || receive(consumer, method));
        let start = Instant::now();
        let sent = send(producer, method, size, start + time);
        let received = receiving.join().map_err(|_| Error::Panicked { side: "consumer" })??;
        sent?;
        Ok(per_second(received, start.elapsed().as_secs_f64()))
    })
}

/// Owns the producer, so that the stream ends with it, whatever happens.
fn send(mut producer: Producer<'_>, method: Method, size: usize, end: Instant) -> Result<(), Error> {
    let payload = vec![0x5a; size];
    while Instant::now() < end {
        match method {
            Method::OneByOne => {
                for _ in 0..ROUND {
                    producer.produce(black_box(&payload))?;
                }
            }
            Method::Batches => {
                for _ in 0..ROUND / BATCH {
                    let mut batch = producer.batch(BATCH, Wait::Forever)?;
                    for _ in 0..batch.room() {
                        batch.push(black_box(&payload))?;
                    }
                    batch.commit();
                }
            }
            Method::InPlace => {
                for number in 0..ROUND {
                    let mut grant = producer.reserve(size, Wait::Forever)?;
                    grant.fill(number as u8);
                    grant.commit();
                }
            }
        }
    }
    Ok(())
}

/// Owns the consumer, so that the producer does not wait for ever if this fails.
fn receive(mut consumer: Consumer<'_>, method: Method) -> Result<u64, Error> {
    let mut received = 0;
    let outcome = match method {
        Method::Batches => loop {
            match consumer.batch(BATCH, Wait::Forever) {
                Ok(batch) => {
                    batch.iter().for_each(|message| read(message.bytes()));
                    received += batch.len() as u64;
                }
                Err(end) => break end,
            }
        },
        Method::OneByOne | Method::InPlace => loop {
            match consumer.consume() {
                Ok(message) => read(&message),
                Err(end) => break end,
            }
            received += 1;
        },
    };
    match outcome {
        ConsumeError::EndOfStream => Ok(received),
        error => Err(error.into()),
    }
}

/// Looks at every byte, as any real consumer would.
#[inline(always)]
pub(super) fn read(bytes: &[u8]) {
    let sum = |sum: u64, word: &[u8]| word.try_into().map_or(sum, |word| sum ^ u64::from_le_bytes(word));
    let words = bytes.chunks_exact(8);
    let rest = words.remainder().iter().fold(0, |sum, byte| sum ^ u64::from(*byte));
    black_box(words.fold(rest, sum));
}
