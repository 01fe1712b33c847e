//! How long a message takes there and back, over two rings.

use std::thread;
use std::time::{Duration, Instant};

use perdix_host::{Buffer, ConsumeError, Consumer, Producer};

use crate::error::Error;

/// When to stop measuring: after so many round trips, or after this time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// Round trips.
    pub(crate) count: usize,
    /// Time.
    pub(crate) time: Duration,
}

/// Round trips before the first that counts: the threads are running and the caches warm then.
const WARM_UP: usize = 1000;

/// Sends one message of `size` bytes at a time to an echoing thread, and returns the nanoseconds until it was back.
pub(crate) fn round_trips(
    mut there: Buffer,
    mut back: Buffer,
    size: usize,
    limit: Limit,
) -> Result<Vec<u32>, Error> {
    let (to_echo, from_here) = there.split_mut();
    let (to_here, from_echo) = back.split_mut();
    thread::scope(|scope| {
        let echoing = scope.spawn(move || echo(from_here, to_here));
        let times = ping(to_echo, from_echo, size, limit);
        echoing.join().map_err(|_| Error::Panicked { side: "echo" })??;
        times
    })
}

/// Owns its halves, so that the echo ends when this does.
fn ping(
    mut producer: Producer<'_>,
    mut consumer: Consumer<'_>,
    size: usize,
    limit: Limit,
) -> Result<Vec<u32>, Error> {
    let payload = vec![0x5a; size];
    for _ in 0..WARM_UP {
        producer.produce(&payload)?;
        consumer.consume()?;
    }
    let mut times = Vec::with_capacity(limit.count.min(1 << 20));
    let start = Instant::now();
    let mut before = start;
    while times.len() < limit.count && before.duration_since(start) < limit.time {
        producer.produce(&payload)?;
        drop(consumer.consume()?);
        let now = Instant::now();
        times.push(u32::try_from(now.duration_since(before).as_nanos()).unwrap_or(u32::MAX));
        before = now;
    }
    Ok(times)
}

fn echo(mut consumer: Consumer<'_>, mut producer: Producer<'_>) -> Result<(), Error> {
    loop {
        match consumer.consume() {
            Ok(message) => producer.produce(&message)?,
            Err(ConsumeError::EndOfStream) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
