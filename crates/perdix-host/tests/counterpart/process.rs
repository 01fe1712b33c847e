//! Another process on the other side: this program again, with a task in its environment.

use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use perdix_host::process::{Directory, SharedRing};
use perdix_host::{Buffer, Consumer, Producer};

use super::publish;
use super::table::{A_WHILE, FATES, Fate, Kept, SLOTS};

const TASK: &str = "PERDIX_COUNTERPART";

/// The other process; killed on drop.
struct Other {
    process: Child,
    _directory: tempfile::TempDir,
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A ring, and a process that takes a role in it.
fn with(side: &str, slots: usize, fate: Fate) -> (SharedRing, Kept) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let directory = tempfile::tempdir().unwrap();
    let name = format!("cell-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let path = directory.path().join("rings");
    let place = Directory::at(&path).unwrap();
    // SAFETY: the two processes of this test alone use the ring.
    let ring = unsafe { place.create(&name, Buffer::builder().slots(slots)) }.unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::other_process", "--nocapture", "--test-threads=1"]);
    let task = format!("{} {name} {side} {fate:?}", path.display());
    command.env(TASK, task).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    // It has its role then; what it says later goes nowhere.
    let begun = output.lines().map_while(Result::ok).any(|line| line.contains("> there"));
    assert!(begun, "the other process did not begin");
    let mut other = Other { process, _directory: directory };
    if fate == Fate::Killed {
        // It publishes first.
        sleep(10 * A_WHILE);
        other.process.kill().unwrap();
    }
    (ring, Box::new(other))
}

/// A process that produces.
pub(crate) fn producer(fate: Fate) -> (Consumer<'static>, Kept) {
    let (ring, kept) = with("producer", SLOTS, fate);
    (ring.into_consumer().unwrap(), kept)
}

/// A process that consumes.
pub(crate) fn consumer(fate: Fate) -> (Producer<'static>, Kept) {
    let (ring, kept) = with("consumer", 4, fate);
    (ring.into_producer().unwrap(), kept)
}

/// What this program does as the other process; as a test, nothing.
#[test]
fn other_process() {
    let Ok(task) = std::env::var(TASK) else { return };
    let [directory, name, side, fate] = task.split(' ').collect::<Vec<_>>()[..] else { return };
    let fate = FATES.into_iter().find(|known| format!("{known:?}") == fate).unwrap();
    // SAFETY: the two processes of this test alone use the ring.
    let ring = unsafe { Directory::at(Path::new(directory)).unwrap().open(name) }.unwrap();
    if side == "producer" {
        let mut producer = ring.into_producer().unwrap();
        say_there();
        publish(&mut producer);
        end_as(fate, producer);
    } else {
        let mut consumer = ring.into_consumer().unwrap();
        say_there();
        let _ = consumer.next(Duration::from_secs(10)).map(drop);
        sleep(A_WHILE);
        end_as(fate, consumer);
    }
}

fn say_there() {
    std::io::stdout().write_all(b"\n> there\n").unwrap();
}

fn end_as<H>(fate: Fate, half: H) {
    match fate {
        Fate::Finished => drop(half),
        Fate::EndedWithoutFinish => {
            std::mem::forget(half);
            std::process::exit(0);
        }
        Fate::Faulted => std::process::abort(),
        Fate::Panicked => {
            let end = catch_unwind(AssertUnwindSafe(move || {
                let _half = half;
                panic!("meant");
            }));
            assert!(end.is_err());
        }
        _ => loop {
            sleep(Duration::from_secs(1));
        },
    }
}
