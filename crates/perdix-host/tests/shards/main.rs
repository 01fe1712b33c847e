//! Proves that a set of rings delivers every ring's messages once and in order, fairly, to one consumer or to many, and that the
//! end, an error or a lost half of one ring stays that ring's affair.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

#[path = "../common/mod.rs"]
mod common;
mod fair;
mod forgotten;
mod limits;
mod threads;
mod trouble;

use perdix_host::{Buffer, Mode, Producer, ShardError, ShardedConsumer, Shards, Wait};

fn shards(count: usize, slots: usize, mode: Mode) -> Shards {
    common::watch_process();
    Shards::builder(count).ring(Buffer::builder().slots(slots).mode(mode)).build().unwrap()
}

/// All rings behind one consumer.
fn split(shards: &mut Shards) -> (Vec<Producer<'_>>, ShardedConsumer<'_>) {
    let (producers, consumers) = shards.split_mut();
    (producers, ShardedConsumer::new(consumers))
}

/// The next turn of at most `most` messages: the ring, and the first byte of each message.
fn turn(consumer: &mut ShardedConsumer<'_>, most: usize) -> Result<Option<(usize, Vec<u8>)>, ShardError> {
    match consumer.batch(most, Wait::No) {
        Ok((ring, batch)) => Ok(Some((ring, batch.iter().map(|message| message[0]).collect()))),
        Err(ShardError::Empty) => Ok(None),
        Err(error) => Err(error),
    }
}
