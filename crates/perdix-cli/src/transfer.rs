//! Both sides of a transfer on their threads, watched by the caller's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use perdix_host::{ConsumeError, Counters, Fault, Snapshot};

use crate::error::Error;
use crate::stop::Stop;

/// How often the watcher looks at the counters and the stop flag.
const TICK: Duration = Duration::from_millis(50);

/// How long the two sides may take to end in order after a stop; one may be blocked in the system.
const GRACE: Duration = Duration::from_millis(150);

/// A transfer that ended well.
#[derive(Debug)]
pub(crate) struct Transfer<S, R> {
    /// What the sending side returned.
    pub(crate) sent: S,
    /// What the receiving side returned.
    pub(crate) received: R,
    /// From the start until the receiving side was done.
    pub(crate) seconds: f64,
    /// The ring's counters at the end.
    pub(crate) counters: Snapshot,
}

/// Runs both sides, each on a thread of its own, and calls `tick` now and then.
///
/// Each side owns its half of the ring, so one that fails or panics drops it, and the other one's calls end. The
/// threads are not joined: a side that is blocked in a read cannot be woken, and must not keep the command from ending.
pub(crate) fn run<S, R>(
    counters: &Counters,
    stop: &Stop,
    send: impl FnOnce(&Stop) -> Result<S, Error> + Send + 'static,
    receive: impl FnOnce(&Stop) -> Result<R, Error> + Send + 'static,
    mut tick: impl FnMut(&Snapshot),
) -> Result<Transfer<S, R>, Error>
where
    S: Send + 'static,
    R: Send + 'static,
{
    let (events, inbox) = channel();
    let start = Instant::now();
    spawn("consumer", stop, receive, |outcome| Event::Received(outcome, Instant::now()), events.clone())?;
    spawn("producer", stop, send, Event::Sent, events)?;
    let watch = watch(&inbox, stop, || tick(&counters.read()));
    let bytes = counters.read().received_bytes;
    let (sent, received, end) = watch?.ok_or(Error::Interrupted { bytes })?;
    let seconds = end.duration_since(start).as_secs_f64();
    Ok(Transfer { sent, received, seconds, counters: counters.read() })
}

/// What a side reports when it has ended.
enum Event<S, R> {
    Sent(Result<S, Error>),
    Received(Result<R, Error>, Instant),
}

fn spawn<S, R, T>(
    side: &'static str,
    stop: &Stop,
    body: impl FnOnce(&Stop) -> Result<T, Error> + Send + 'static,
    event: impl FnOnce(Result<T, Error>) -> Event<S, R> + Send + 'static,
    events: Sender<Event<S, R>>,
) -> Result<(), Error>
where
    S: Send + 'static,
    R: Send + 'static,
{
    let stop = stop.clone();
    let body = move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&stop)));
        // Nobody listens any more once the command is ending.
        let _ = events.send(event(outcome.unwrap_or(Err(Error::Panicked { side }))));
    };
    thread::Builder::new().name(side.to_owned()).spawn(body).map_err(Error::Thread)?;
    Ok(())
}

/// Waits until both sides have ended; `None` after a stop.
fn watch<S, R>(
    inbox: &Receiver<Event<S, R>>,
    stop: &Stop,
    mut tick: impl FnMut(),
) -> Result<Option<(S, R, Instant)>, Error> {
    let (mut sent, mut received) = (None, None);
    let mut stopped: Option<Instant> = None;
    loop {
        match inbox.recv_timeout(TICK) {
            // The ring tells of a producer that panicked before its thread does.
            Ok(Event::Received(
                Err(Error::Consume(ConsumeError::ProducerFailed { fault: Fault::Panicked, .. })),
                _,
            )) => {
                return Err(Error::Panicked { side: "producer" });
            }
            // Without a receiver nothing can be finished, and the sending side may be blocked: do not wait for it.
            Ok(Event::Received(outcome, end)) => received = Some((outcome?, end)),
            Ok(Event::Sent(outcome)) => sent = Some(outcome),
            Err(RecvTimeoutError::Timeout) => tick(),
            // Both report before they hang up, panic or not, and this returns once both have.
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Panicked { side: "watched" }),
        }
        match (sent, received) {
            (Some(sent), Some((received, end))) => {
                return if stop.is_set() { Ok(None) } else { Ok(Some((sent?, received, end))) };
            }
            pending => (sent, received) = pending,
        }
        if stop.is_set() {
            stopped = stopped.or(Some(Instant::now()));
        }
        if stopped.is_some_and(|since| since.elapsed() >= GRACE) {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perdix_host::Buffer;

    type Outcome = Result<Transfer<(), u64>, Error>;

    fn moving(
        send: impl FnOnce(perdix_host::Producer<'static>) -> Result<(), Error> + Send + 'static,
        receive: impl FnOnce(perdix_host::Consumer<'static>) -> Result<u64, Error> + Send + 'static,
    ) -> Outcome {
        let buffer = Buffer::new(2).unwrap();
        let counters = buffer.counters();
        let (producer, consumer) = buffer.split();
        run(&counters, &Stop::default(), move |_| send(producer), move |_| receive(consumer), |_| ())
    }

    fn count(mut consumer: perdix_host::Consumer<'_>) -> Result<u64, Error> {
        Ok(consumer.for_each(|_| ())?)
    }

    #[test]
    fn a_producer_that_panics_ends_the_transfer() {
        let outcome = moving(|_producer| panic!("on purpose"), count);
        assert!(matches!(outcome, Err(Error::Panicked { side: "producer" })), "{outcome:?}");
    }

    #[test]
    fn a_consumer_that_panics_or_fails_ends_the_transfer() {
        let send = |mut producer: perdix_host::Producer<'static>| loop {
            producer.produce(b"for ever")?;
        };
        let outcome = moving(send, |_consumer| panic!("on purpose"));
        assert!(matches!(outcome, Err(Error::Panicked { side: "consumer" })), "{outcome:?}");
        let outcome = moving(send, |_consumer| Err(Error::ClosedPipe));
        assert!(matches!(outcome, Err(Error::ClosedPipe)), "{outcome:?}");
    }

    #[test]
    fn a_failing_consumer_is_not_kept_waiting_by_a_blocked_producer() {
        let (blocker, blocked) = channel::<()>();
        let send = move |_producer| {
            let _ = blocked.recv();
            Ok(())
        };
        let outcome = moving(send, |_consumer| Err(Error::ClosedPipe));
        assert!(matches!(outcome, Err(Error::ClosedPipe)), "{outcome:?}");
        drop(blocker);
    }

    #[test]
    fn a_producer_that_fails_is_named_after_its_messages_arrived() {
        let send = |mut producer: perdix_host::Producer<'static>| {
            producer.produce(b"one")?;
            Err(Error::NoInput)
        };
        let outcome = moving(send, count);
        assert!(matches!(outcome, Err(Error::NoInput)), "{outcome:?}");
    }
}
