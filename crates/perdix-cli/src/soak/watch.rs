//! Episodes one after the other, watched from outside: one that stands still is a violation too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Stage;
use super::episode::Failed;
use super::tally::Tally;
use super::violation::Violation;
use crate::error::Error;
use crate::stop::Stop;

/// How often the watcher looks at the clock and the stop flag.
const TICK: Duration = Duration::from_millis(100);

/// How long an episode may take; it sends for half a second, or (a kernel) some seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// When to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) duration: Duration,
    /// Only this episode, again and again.
    pub(crate) only: Option<u64>,
    /// So many episodes, at most.
    pub(crate) most: Option<u64>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) time: Duration,
    pub(crate) interrupted: bool,
    pub(crate) broken: Option<Broken>,
}

/// The episode that broke a promise.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) episode: u64,
    pub(crate) plan: String,
    pub(crate) violation: Violation,
}

/// Runs episodes until one of the limits, a violation, or a stop; calls `tick` now and then.
pub(crate) fn run(
    stage: impl Stage,
    limits: Limits,
    stop: &Stop,
    tick: impl FnMut(&Tally, Instant),
) -> Result<Outcome, Error> {
    watch(stage, limits, PATIENCE, stop, tick)
}

/// What the episodes' thread reports.
enum Event {
    Begun { episode: u64, plan: String },
    Ended(Box<Result<Tally, Failed>>),
}

fn watch(
    stage: impl Stage,
    limits: Limits,
    patience: Duration,
    stop: &Stop,
    mut tick: impl FnMut(&Tally, Instant),
) -> Result<Outcome, Error> {
    let begun = Instant::now();
    let inbox = start(stage, limits, begun, stop)?;
    let mut outcome =
        Outcome { tally: Tally::default(), time: Duration::ZERO, interrupted: false, broken: None };
    let (mut current, mut since) = ((0, String::new()), Instant::now());
    loop {
        let violation = match inbox.recv_timeout(TICK) {
            Ok(Event::Begun { episode, plan }) => {
                (current, since) = ((episode, plan), Instant::now());
                continue;
            }
            Ok(Event::Ended(ended)) => match *ended {
                Ok(tally) => {
                    outcome.tally.add(&tally);
                    tick(&outcome.tally, begun);
                    continue;
                }
                Err(Failed::Error(error)) => return Err(error),
                Err(Failed::Violation(violation)) => violation,
            },
            Err(RecvTimeoutError::Timeout) if since.elapsed() < patience => {
                tick(&outcome.tally, begun);
                continue;
            }
            // Its threads cannot be ended: the process does that.
            Err(RecvTimeoutError::Timeout) => {
                Violation::new(format!("it has stood still, or has taken more than {patience:?}"))
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let (episode, plan) = current;
        outcome.broken = Some(Broken { episode, plan, violation });
        break;
    }
    outcome.time = begun.elapsed();
    outcome.interrupted = stop.is_set();
    Ok(outcome)
}

/// Runs the episodes on a thread of their own.
fn start(stage: impl Stage, limits: Limits, begun: Instant, stop: &Stop) -> Result<Receiver<Event>, Error> {
    let (events, inbox) = channel();
    let stop = stop.clone();
    let body = move || {
        for count in 0..limits.most.unwrap_or(u64::MAX) {
            if stop.is_set() || begun.elapsed() >= limits.duration {
                break;
            }
            let episode = limits.only.unwrap_or(count);
            let plan = stage.plan(episode);
            // Nobody listens any more once the command is ending.
            let _ = events.send(Event::Begun { episode, plan: format!("{plan:?}") });
            let ended = catch_unwind(AssertUnwindSafe(|| stage.run(&plan)));
            let ended = ended.unwrap_or_else(|_| Err(Violation::new("the episode panicked").into()));
            let failed = ended.is_err();
            let _ = events.send(Event::Ended(Box::new(ended)));
            if failed {
                break;
            }
        }
    };
    thread::Builder::new().name("episodes".to_owned()).spawn(body).map_err(Error::Thread)?;
    Ok(inbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Episodes that pass, up to one that does what the test wants.
    struct Fake {
        last: u64,
        ends: fn() -> Result<Tally, Failed>,
    }

    impl Stage for Fake {
        type Plan = u64;

        fn plan(&self, number: u64) -> u64 {
            number
        }

        fn run(&self, plan: &u64) -> Result<Tally, Failed> {
            if *plan == self.last { (self.ends)() } else { Ok(Tally { episodes: 1, ..Tally::default() }) }
        }
    }

    const LONG: Limits = Limits { duration: Duration::from_secs(100), only: None, most: None };

    fn broken(patience: Duration, ends: fn() -> Result<Tally, Failed>) -> Broken {
        let stage = Fake { last: 3, ends };
        let outcome = watch(stage, LONG, patience, &Stop::default(), |_, _| ()).unwrap();
        assert_eq!(outcome.tally.episodes, 3);
        outcome.broken.unwrap()
    }

    #[test]
    fn the_first_violation_ends_it() {
        let broken = broken(PATIENCE, || Err(Violation::new("on purpose").into()));
        assert_eq!((broken.episode, broken.plan.as_str()), (3, "3"));
        assert_eq!(broken.violation, Violation::new("on purpose"));
    }

    #[test]
    fn an_episode_that_stands_still_or_panics_is_a_violation() {
        let still = broken(Duration::from_secs(1), || {
            loop {
                thread::park();
            }
        });
        assert!(still.violation.to_string().contains("stood still"), "{}", still.violation);
        let panicked = broken(PATIENCE, || panic!("on purpose"));
        assert!(panicked.violation.to_string().contains("panicked"), "{}", panicked.violation);
    }

    #[test]
    fn an_error_of_the_machine_is_no_violation() {
        let stage = Fake { last: 0, ends: || Err(Error::NoInput.into()) };
        let outcome = watch(stage, LONG, PATIENCE, &Stop::default(), |_, _| ());
        assert!(matches!(outcome, Err(Error::NoInput)), "{outcome:?}");
    }

    #[test]
    fn it_ends_in_time_and_after_so_many_episodes() {
        let fake = || Fake { last: u64::MAX, ends: || Ok(Tally::default()) };
        let limits = Limits { most: Some(5), ..LONG };
        let outcome = run(fake(), limits, &Stop::default(), |_, _| ()).unwrap();
        assert!(outcome.tally.episodes == 5 && outcome.broken.is_none() && !outcome.interrupted);
        let limits = Limits { duration: Duration::from_millis(100), ..LONG };
        let outcome = run(fake(), limits, &Stop::default(), |_, _| ()).unwrap();
        assert!(outcome.time >= Duration::from_millis(100) && outcome.time < Duration::from_secs(20));
        let only = Limits { only: Some(u64::MAX), most: Some(2), ..LONG };
        assert_eq!(run(fake(), only, &Stop::default(), |_, _| ()).unwrap().tally.episodes, 0);
    }
}
