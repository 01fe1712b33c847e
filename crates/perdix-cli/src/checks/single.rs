//! One message at a time, there and back.

use std::thread;
use std::time::Duration;

use perdix_host::{Buffer, ConsumeError, Consumer, MemoryKind, PAYLOAD_SIZE, ProduceError, Producer};

use super::{CheckArgs, failed};
use crate::args::modes;
use crate::error::Error;
use crate::pattern::Pattern;

const PATIENCE: Duration = Duration::from_secs(10);

/// Sends a message of every length to another thread and back; kind, number and bytes must be the same.
pub(super) fn check(_: &CheckArgs) -> Result<String, Error> {
    for mode in modes(None) {
        let ring = || Buffer::builder().slots(4).mode(mode).memory(MemoryKind::Heap).build();
        let (mut there, mut back) = (ring()?, ring()?);
        let (to_echo, from_here) = there.split_mut();
        let (to_here, from_echo) = back.split_mut();
        thread::scope(|scope| {
            let echoing = scope.spawn(move || echo(from_here, to_here));
            let round_trips = every_length(to_echo, from_echo);
            echoing.join().map_err(|_| Error::Panicked { side: "echo" })??;
            round_trips
        })?;
    }
    Ok(format!("every length from 0 to {PAYLOAD_SIZE} came back unchanged, in both modes; 241 is refused"))
}

fn every_length(mut producer: Producer<'_>, mut consumer: Consumer<'_>) -> Result<(), Error> {
    for size in 0..=PAYLOAD_SIZE {
        let number = size as u64;
        let mut payload = vec![0; size];
        Pattern::fill(number, &mut payload);
        producer.message(&payload).kind(Pattern::kind(number)).send()?;
        let message = consumer.next(PATIENCE)?;
        if message.number() != number {
            return Err(failed(format!("message {number} came back as number {}", message.number())));
        }
        Pattern { size }.check(number, message.kind(), &message)?;
    }
    match producer.try_produce(&[0; PAYLOAD_SIZE + 1]) {
        Err(ProduceError::TooLong { .. }) => Ok(()),
        other => Err(failed(format!("a message of 241 bytes was not refused as too long: {other:?}"))),
    }
}

fn echo(mut consumer: Consumer<'_>, mut producer: Producer<'_>) -> Result<(), Error> {
    loop {
        match consumer.next(PATIENCE) {
            Ok(message) => producer.message(&message).kind(message.kind()).send()?,
            Err(ConsumeError::EndOfStream) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
