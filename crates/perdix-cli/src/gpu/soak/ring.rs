//! One ring that kernels fill: sessions with early ends, time-outs and forgotten ends, each followed by a reckoning.

use perdix_host::cuda::DeviceProducer;
use perdix_host::{Buffer, ConsumeError, Consumer, Fault as DeviceFault, Snapshot};

use super::super::rig::Rig;
use super::checker::KernelChecker;
use super::plan::{Fault, Granularity, KernelPlan, Session};
use super::reader::{Reader, Stopped};
use super::{start, wait_until};
use crate::error::Error;
use crate::soak::{Failed, Tally, Violation, bump, merge};

/// Runs the episode.
pub(crate) fn run(rig: &Rig, plan: &KernelPlan) -> Result<Tally, Failed> {
    let mut tally = plan.tally();
    let mut buffer = plan.ring(rig).build().map_err(Error::from)?;
    let mut reader = Reader::new(&plan.rings);
    for session in &plan.sessions {
        let mut checker = KernelChecker::new(session.messages, plan.granularity.senders());
        run_session(rig, plan.granularity, &mut buffer, session, &mut reader, &mut checker, &mut tally)?;
        tally.messages += checker.slots;
        tally.slots += checker.slots;
        tally.bytes += checker.bytes;
        let launches = session.launches.len() as u64;
        bump(&mut tally.sent_by, plan.granularity.name(), checker.slots);
        bump(&mut tally.faults, "launch after launch", launches - 1);
        tally.restarts += launches;
    }
    merge(&mut tally.taken_by, &reader.by);
    merge(&mut tally.faults, &reader.faults);
    Ok(tally)
}

fn run_session(
    rig: &Rig,
    granularity: Granularity,
    buffer: &mut Buffer,
    session: &Session,
    reader: &mut Reader,
    checker: &mut KernelChecker,
    tally: &mut Tally,
) -> Result<(), Failed> {
    let before = buffer.counters().read();
    let (mut producer, mut consumer) = buffer.split_gpu().map_err(Error::from)?;
    if let Fault::TimesOut { limit, .. } = session.fault {
        producer.set_limit(limit);
    }
    launch(rig, granularity, &producer, session)?;
    match session.fault {
        Fault::None | Fault::Forgets => {
            let end = to_end(reader, &mut consumer, checker)?;
            check_end(&end, session, &mut consumer, checker)?;
        }
        Fault::TimesOut { after, .. } => {
            bump(&mut tally.faults, "kernel kept waiting beyond its limit", 1);
            let end = match reader.run(&mut consumer, checker, after)? {
                Stopped::AtEnd(end) => end,
                Stopped::Early => {
                    ended(&producer)?;
                    to_end(reader, &mut consumer, checker)?
                }
            };
            check_end(&end, session, &mut consumer, checker)?;
        }
        Fault::Leaves { after } => {
            bump(&mut tally.faults, "consumer left a running kernel", 1);
            match reader.run(&mut consumer, checker, after)? {
                Stopped::AtEnd(end) => check_end(&end, session, &mut consumer, checker)?,
                Stopped::Early => {}
            }
        }
    }
    if session.fault == Fault::Forgets {
        bump(&mut tally.faults, "kernel forgot to finish", 1);
    }
    drop(consumer);
    ended(&producer)?;
    let counters = producer.counters().read();
    tally.full_waits += counters.full;
    drop(producer);
    drain(buffer, reader, checker)?;
    let received = buffer.counters().read();
    reckon(granularity, session, checker, &before, &counters, &received)?;
    Ok(())
}

/// Starts all launches, one behind the other.
fn launch(
    rig: &Rig,
    granularity: Granularity,
    producer: &DeviceProducer<'_>,
    session: &Session,
) -> Result<(), Failed> {
    let name = match granularity {
        Granularity::Thread => "soak_thread",
        Granularity::Warp => "soak_warp",
        Granularity::Block { .. } => "soak_block",
        _ => "soak_grid",
    };
    let (blocks, threads) = granularity.launch();
    for steps in &session.launches {
        let launch = rig.launch(name).map_err(Error::from)?.grid(blocks).block(threads);
        start(launch.arg(producer), session.messages, *steps)?;
    }
    Ok(())
}

fn to_end(
    reader: &mut Reader,
    consumer: &mut Consumer<'_>,
    checker: &mut KernelChecker,
) -> Result<ConsumeError, Violation> {
    match reader.run(consumer, checker, u64::MAX)? {
        Stopped::AtEnd(end) => Ok(end),
        Stopped::Early => Err(Violation::new("more slots than there are numbers")),
    }
}

/// Whether the stream may end so, here.
fn check_end(
    end: &ConsumeError,
    session: &Session,
    consumer: &mut Consumer<'_>,
    checker: &KernelChecker,
) -> Result<(), Violation> {
    let position = consumer.position();
    match (end, session.fault) {
        (ConsumeError::EndOfStream, Fault::None | Fault::Leaves { .. } | Fault::TimesOut { .. }) => {
            checker.whole(session.each())
        }
        (ConsumeError::ProducerLost { first_missing, .. }, Fault::Forgets) if *first_missing == position => {
            checker.whole(session.each())
        }
        (
            ConsumeError::ProducerFailed { fault: DeviceFault::TimedOut, first_missing },
            Fault::TimesOut { .. },
        ) if *first_missing == position => Ok(()),
        _ => Err(Violation::new(format!(
            "after {} messages, at number {position}, with {:?}: {end}",
            checker.slots, session.fault
        ))),
    }
}

fn ended(producer: &DeviceProducer<'_>) -> Result<(), Failed> {
    wait_until("the kernel", || {
        producer.is_running().map(|runs| !runs).map_err(|error| Error::from(error).into())
    })
}

/// Reads what a consumer that left has left in the ring.
fn drain(buffer: &mut Buffer, reader: &mut Reader, checker: &mut KernelChecker) -> Result<(), Violation> {
    let (producer, mut consumer) = buffer.split_mut();
    producer.finish();
    match to_end(reader, &mut consumer, checker)? {
        ConsumeError::EndOfStream => Ok(()),
        other => Err(Violation::unexpected("reading what was left", &other)),
    }
}

/// Compares what came with what kernel and consumer have counted.
fn reckon(
    granularity: Granularity,
    session: &Session,
    checker: &KernelChecker,
    before: &Snapshot,
    sent: &Snapshot,
    received: &Snapshot,
) -> Result<(), Violation> {
    let came = (checker.slots, checker.bytes);
    let taken = (received.received - before.received, received.received_bytes - before.received_bytes);
    let counted = (sent.sent, sent.sent_bytes);
    let right = match granularity {
        // Only a kernel that finishes, or fails, stores its counts.
        _ if session.fault == Fault::Forgets => true,
        Granularity::Thread | Granularity::Warp => counted == came,
        _ if session.fault == Fault::None => counted == came,
        // Warps may have sent messages behind one that another did not send: they are counted, and nobody reads them.
        _ => counted.0 >= came.0 && counted.1 >= came.1,
    };
    if taken != came || !right {
        return Err(Violation::new(format!(
            "{} messages with {} bytes came, but the kernel's counters say {sent:?} and the consumer's {received:?}, before: \
             {before:?}",
            came.0, came.1
        )));
    }
    Ok(())
}
