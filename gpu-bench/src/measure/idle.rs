//! What a consumer costs that waits on an empty ring, and how fast it is there when something comes.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use perdix_host::Consumer;

use super::rig::{Rig, Word};
use crate::consume::PATIENCE;
use crate::error::Error;
use crate::plan::Wait;
use crate::results::{Idle, Mode};
use crate::stats::Spread;

/// Further pauses, each with a first message after it.
const WAKES: u64 = 10;
/// How long these are.
const PAUSE: Duration = Duration::from_millis(20);

/// Measures one wait strategy with a wait of `time`.
pub(super) fn idle(rig: &Rig, wait: Wait, time: Duration) -> Result<Idle, Error> {
    let mut buffer = rig.builder(rig.memory(), Mode::Fenced, 64).wait(wait.into()).build()?;
    let command = Word::new(rig, rig.memory())?;
    let (mut producer, consumer) = buffer.split_gpu()?;
    producer.set_limit(PATIENCE);
    let launch = rig.launch("echo")?.block(32).arg(&producer).arg(command.address());
    let launch = launch.arg(1 + WAKES).arg(240_u64).arg((time + PATIENCE).as_nanos() as u64);
    // SAFETY: these are the kernel's parameters; it is one warp, the ring's only producer, and the word stays until it has ended.
    unsafe { launch.start() }?;
    let outcome: Result<_, Error> = thread::scope(|scope| {
        let (sender, arrivals) = mpsc::channel();
        let receiving = scope.spawn(move || {
            rig.cores.pin_consumer(0).map_err(Error::Cores)?;
            receive(consumer, time, &sender)
        });
        let given: Result<Vec<Instant>, Error> = (1..=1 + WAKES)
            .map(|turn| {
                thread::sleep(if turn == 1 { time } else { PAUSE });
                let given = Instant::now();
                command.get().store(turn, Ordering::Release);
                // The consumer is to wait again before the next pause begins.
                arrivals
                    .recv_timeout(time + 2 * PATIENCE)
                    .map_err(|_| Error::Stalled(time + 2 * PATIENCE))?;
                Ok(given)
            })
            .collect();
        let received = receiving.join().map_err(|_| Error::Panicked)?;
        Ok((given?, received?))
    });
    // The kernel gives up by itself if a command has not come, so this returns.
    rig.synchronize()?;
    let (given, (arrived, processor)) = outcome?;
    let delays: Vec<f64> =
        arrived.iter().zip(&given).map(|(arrived, given)| (*arrived - *given).as_nanos() as f64).collect();
    Ok(Idle {
        wait: wait.name().to_owned(),
        seconds: time.as_secs_f64(),
        cpu_share: processor.as_secs_f64() / time.as_secs_f64(),
        first_message: Spread::of(&delays),
    })
}

/// Takes all messages; returns when each was there, and the processor time until the first.
fn receive(
    mut consumer: Consumer<'_>,
    time: Duration,
    sender: &mpsc::Sender<()>,
) -> Result<(Vec<Instant>, Duration), Error> {
    let (mut arrived, mut processor) = (Vec::new(), Duration::ZERO);
    let begun = processor_time().map_err(Error::Cores)?;
    for turn in 0..=WAKES {
        consumer.next(time + PATIENCE)?;
        arrived.push(Instant::now());
        if turn == 0 {
            processor = processor_time().map_err(Error::Cores)?.saturating_sub(begun);
        }
        // Nobody listens if the other side has failed, which it says itself.
        let _ = sender.send(());
    }
    Ok((arrived, processor))
}

/// The processor time of this thread.
fn processor_time() -> io::Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for writing.
    match unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } {
        0 => Ok(Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_takes_no_processor_time_and_working_does() {
        let before = processor_time().unwrap();
        thread::sleep(Duration::from_millis(50));
        let slept = processor_time().unwrap() - before;
        assert!(slept < Duration::from_millis(25), "{slept:?}");
        while processor_time().unwrap() - before < Duration::from_millis(30) {}
    }
}
