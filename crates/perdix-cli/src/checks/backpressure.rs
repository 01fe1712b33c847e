//! A consumer that pauses: the producer has to notice, and nothing may be lost or overwritten.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use perdix_host::{Buffer, Consumer, MemoryKind, Mode, PAYLOAD_SIZE, ProduceError, Producer, Wait};

use super::{CheckArgs, failed};
use crate::args::modes;
use crate::error::Error;
use crate::pattern::{Expected, Pattern};
use crate::receive::{PatternSink, Sink, receive};
use crate::stop::Stop;

const SLOTS: usize = 8;
const MESSAGES: u64 = 1000;
const PATIENCE: Duration = Duration::from_secs(10);
const PATTERN: Pattern = Pattern { size: PAYLOAD_SIZE };

/// Fills a ring whose consumer pauses, then lets the consumer go on with pauses.
pub(super) fn check(_: &CheckArgs) -> Result<String, Error> {
    let mut waits = 0;
    for mode in modes(None) {
        waits += pausing_consumer(mode)?;
    }
    Ok(format!(
        "full after exactly {SLOTS} messages in {SLOTS} slots, {waits} times full in all, \
         {MESSAGES} messages unchanged in each mode"
    ))
}

fn pausing_consumer(mode: Mode) -> Result<u64, Error> {
    let mut buffer = Buffer::builder().slots(SLOTS).mode(mode).memory(MemoryKind::Heap).build()?;
    let counters = buffer.counters();
    let (producer, consumer) = buffer.split_mut();
    let (go, gate) = channel();
    let received = thread::scope(|scope| {
        let receiving = scope.spawn(move || receive_slowly(consumer, &gate));
        let sent = fill_then_send(producer, || drop(go));
        let received = receiving.join().map_err(|_| Error::Panicked { side: "consumer" })?;
        // What the producer saw comes first: a consumer that was cut off follows from it.
        sent?;
        received
    })?;
    let counters = counters.read();
    if received != MESSAGES || counters.dropped != 0 {
        return Err(failed(format!(
            "{received} of {MESSAGES} messages arrived, {} dropped",
            counters.dropped
        )));
    }
    if counters.full == 0 || counters.highest_fill != SLOTS as u64 {
        return Err(failed(format!("the counters do not show the full ring: {counters:?}")));
    }
    Ok(counters.full)
}

fn fill_then_send(mut producer: Producer<'_>, resume: impl FnOnce()) -> Result<(), Error> {
    let mut payload = [0; PAYLOAD_SIZE];
    let mut accepted = 0;
    loop {
        Pattern::fill(accepted, &mut payload);
        match producer.message(&payload).kind(Pattern::kind(accepted)).wait(Wait::No).send() {
            Ok(()) if accepted < SLOTS as u64 => accepted += 1,
            Ok(()) => {
                return Err(failed(format!(
                    "{SLOTS} slots took more than {SLOTS} messages while nobody read"
                )));
            }
            Err(ProduceError::Full { .. }) if accepted == SLOTS as u64 => break,
            Err(error) => return Err(failed(format!("after {accepted} messages: {error}"))),
        }
    }
    let pause = Duration::from_millis(20);
    match producer.message(&payload).wait(pause).send() {
        Err(ProduceError::TimedOut { waited }) if waited >= pause => {}
        other => return Err(failed(format!("waiting for a slot that nobody releases gave {other:?}"))),
    }
    resume();
    for number in accepted..MESSAGES {
        Pattern::fill(number, &mut payload);
        let mut grant = producer.reserve(PAYLOAD_SIZE, PATIENCE)?;
        grant.copy_from_slice(&payload);
        grant.set_kind(Pattern::kind(number));
        grant.commit();
    }
    Ok(())
}

fn receive_slowly(consumer: Consumer<'_>, gate: &Receiver<()>) -> Result<u64, Error> {
    // The producer's end of the gate is dropped, never used: this returns then.
    let _ = gate.recv();
    let mut sink = Slow(PatternSink::new(PATTERN, 0));
    receive(consumer, &mut sink, &Stop::default())?;
    Ok(sink.0.received())
}

/// Checks the messages, with a pause now and then.
pub(super) struct Slow<E>(pub(super) PatternSink<E>);

impl<E: Expected> Sink for Slow<E> {
    fn message(&mut self, number: u64, kind: u16, bytes: &[u8]) -> Result<(), Error> {
        if number % 100 == 99 {
            thread::sleep(Duration::from_millis(2));
        }
        self.0.message(number, kind, bytes)
    }

    fn quiet(&mut self) -> Result<(), Error> {
        self.0.quiet()
    }
}
