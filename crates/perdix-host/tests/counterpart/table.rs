//! Who is on the other side of a half, how it may end, and which of that is tried where.

use std::any::Any;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use perdix_host::{ConsumeError, Consumer, ProduceError, Producer};

use super::calls::{RECEIVE, Received, SEND};

/// Messages that a producer publishes before it ends as it does.
pub(crate) const COUNT: u64 = 5;
/// Slots of the rings to a consumer under test: fewer than the messages of a client's loop, more
/// than `COUNT`.
pub(crate) const SLOTS: usize = 8;
/// How long one cell may take. None takes more than a small part of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// The wait is under way when the other side ends.
pub(crate) const A_WHILE: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Thread,
    Lanes,
    Kernels,
    Process,
}

/// What the other side does for the half under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Produces,
    Consumes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Finished,
    EndedWithoutFinish,
    Faulted,
    Panicked,
    /// A launch that cannot be watched.
    Unwatched,
    /// The driver does not answer.
    NoAnswer,
    Killed,
}

pub(crate) const WHO: [Who; 4] = [Who::Thread, Who::Lanes, Who::Kernels, Who::Process];
pub(crate) const SIDES: [Side; 2] = [Side::Produces, Side::Consumes];
pub(crate) const FATES: [Fate; 7] = [
    Fate::Finished,
    Fate::EndedWithoutFinish,
    Fate::Faulted,
    Fate::Panicked,
    Fate::Unwatched,
    Fate::NoAnswer,
    Fate::Killed,
];

/// Calls that wait and are not in the table, with the reason.
pub(crate) const OTHER_CALLS: [(&str, &str); 4] = [
    (
        "Client::send, Client::call",
        "no more requests are open than either ring has slots: never waits for room",
    ),
    ("EventReader", "its messages are events of kernels; it waits by `Consumer::batch`"),
    ("CopyingConsumer, CopyingProducer", "wait by the halves that they own"),
    ("Buffer::split_mut, close", "wait for kernels to end, not for what they send: see `split_and_close`"),
];

/// Why a row of cells cannot occur; `None` for those that are run.
pub(crate) fn cannot_occur(who: Who, side: Side, fate: Fate) -> Option<&'static str> {
    use Fate::{EndedWithoutFinish, Faulted, Killed, NoAnswer, Panicked, Unwatched};
    Some(match (who, side, fate) {
        (Who::Lanes, Side::Consumes, _) => "emulated kernels only produce",
        (Who::Thread, _, EndedWithoutFinish) => {
            "a half that is dropped says so; one that is forgotten keeps the stream open, as documented"
        }
        (Who::Thread, _, Faulted) => "a thread that faults ends its process: see Process, Faulted",
        (Who::Thread | Who::Lanes, _, Killed) => "threads are killed with their process: see Process, Killed",
        (Who::Thread | Who::Lanes | Who::Process, _, Unwatched | NoAnswer) => {
            "only launches are watched by a driver"
        }
        (Who::Kernels, _, Panicked) => "a kernel that panics traps: see Kernels, Faulted",
        (Who::Kernels, _, Killed) => "kernels are killed with their process: see Process, Killed",
        _ => return None,
    })
}

/// Whatever has to live as long as a cell.
pub(crate) type Kept = Box<dyn Any>;

/// Runs every call that waits for messages: all `COUNT` arrive, then an error that is `right`.
pub(crate) fn receive(
    row: &str,
    make: impl Fn() -> (Consumer<'static>, Kept),
    right: fn(&ConsumeError) -> bool,
) {
    for (name, call) in RECEIVE {
        let (consumer, kept) = make();
        let Received { count, error } = in_time(row, name, move || call(consumer));
        if let Some(error) = error {
            assert_eq!(count, COUNT, "{row}, {name}: not all that was published came before {error:?}");
            assert!(right(&error), "{row}, {name}: {error:?}");
        }
        drop(kept);
    }
}

/// Runs every call that waits for room: it ends in an error that is `right`.
pub(crate) fn send(
    row: &str,
    make: impl Fn() -> (Producer<'static>, Kept),
    right: fn(&ProduceError) -> bool,
) {
    for (name, call) in SEND {
        let (producer, kept) = make();
        if let Some(error) = in_time(row, name, move || call(producer)) {
            assert!(right(&error), "{row}, {name}: {error:?}");
        }
        drop(kept);
    }
}

/// Runs a call in a thread of its own, so that one that waits for ever is a failure with a name.
fn in_time<T: Send + 'static>(row: &str, name: &str, call: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = channel();
    let begun = Instant::now();
    let thread = std::thread::spawn(move || done.send(call()));
    match ended.recv_timeout(PATIENCE) {
        Ok(result) => {
            thread.join().unwrap().unwrap();
            result
        }
        Err(error) => panic!("{row}, {name}: {error} after {:?}", begun.elapsed()),
    }
}
