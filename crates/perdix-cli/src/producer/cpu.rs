//! A thread of this process as the producer.

use std::time::Instant;

use perdix_host::{MemoryKind, PAYLOAD_SIZE, Producer, Wait};

use super::{Ends, Producing, Setup, Until};
use crate::args::RingArgs;
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::input::Input;
use crate::pattern::Pattern;
use crate::stop::Stop;

/// Bytes read at once: whole messages, and both this and the ring stay in a second-level cache.
const CHUNK: usize = 1024 * PAYLOAD_SIZE;

/// Messages published together: the fence costs little then, and the consumer starts early.
const BATCH: usize = 64;

/// The producing half of the ring on the thread that calls.
#[derive(Debug)]
pub(crate) struct CpuProducer(pub(crate) Producer<'static>);

impl Producing for CpuProducer {
    type Expected = Pattern;

    fn expected(size: usize) -> Pattern {
        Pattern { size }
    }

    fn send_input(mut self, mut input: Input, stop: &Stop) -> Result<Digest, Error> {
        let mut hasher = Hasher::default();
        let mut chunk = vec![0; CHUNK];
        while !stop.is_set() {
            let count = input.read(&mut chunk)?;
            let Some(bytes @ [_, ..]) = chunk.get(..count) else { break };
            hasher.update(bytes);
            self.send(bytes)?;
        }
        Ok(hasher.digest())
    }

    fn send_pattern(mut self, size: usize, until: Until, stop: &Stop) -> Result<u64, Error> {
        let mut sent = 0;
        while !stop.is_set() {
            let most = match until {
                Until::Count(count) => (count - sent).min(BATCH as u64) as usize,
                Until::Time(end) if Instant::now() < end => BATCH,
                Until::Time(_) => 0,
            };
            if most == 0 {
                break;
            }
            let mut batch = self.0.batch(most, Wait::Forever)?;
            for _ in 0..batch.room() {
                batch.set_kind(Pattern::kind(sent)).write(size, |slot| Pattern::fill(sent, slot))?;
                sent += 1;
            }
            batch.commit();
        }
        Ok(sent)
    }
}

impl CpuProducer {
    /// A ring in ordinary memory, whose producer is a thread of this process.
    pub(super) fn open(ring: &RingArgs) -> Result<Ends<Self>, Error> {
        let buffer = ring.builder().memory(MemoryKind::Heap).build()?;
        let setup = Setup { producer: "cpu", device: None, memory: buffer.memory(), reason: None };
        let counters = buffer.counters();
        let (producer, consumer) = buffer.split();
        Ok(Ends { producer: Self(producer), consumer, counters, setup })
    }

    /// Sends bytes as messages of 240, the last one shorter.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut messages = bytes.chunks(PAYLOAD_SIZE);
        while messages.len() > 0 {
            let mut batch = self.0.batch(messages.len().min(BATCH), Wait::Forever)?;
            for message in messages.by_ref().take(batch.room()) {
                batch.push(message)?;
            }
            batch.commit();
        }
        Ok(())
    }
}
