//! Rings across processes: kernels of one process feed a consumer in another, and either dies.
//!
//! The other process is this program again, with a task in its environment: `process:TASK MODE DIRECTORY`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use perdix_host::cuda::DeviceProducer;
use perdix_host::process::{Directory, SharedRing};
use perdix_host::{Buffer, ConsumeError, Consumer, Fault, MemoryKind, Mode, WaitStrategy};
use perdix_kernels::Ending;
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

use crate::life::CHILD;
use crate::setup::{
    BLOCK, Case, GRID, PATIENCE, THREAD, WARP, WARP_BATCH, check_all, check_some, gpu, kernels,
};

/// The task of a child process of ours begins with this.
pub(crate) const OURS: &str = "process:";

const NAME: &str = "ring";
const MIXED: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 1 };
/// More messages than any test waits for.
const ENDLESS: u64 = 1 << 39;

pub(crate) fn add_general(trials: &mut Vec<Trial>) {
    type Test = fn(Mode) -> Result<(), Failed>;
    let tests: [(&str, Test); 8] = [
        ("kernel_to_another_process", to_another_process),
        ("sealed_and_without_a_name", without_a_name),
        ("consumer_killed_stops_the_kernel", consumer_killed),
        ("consumer_killed_and_succeeded", consumer_succeeded),
        ("kernels_process_killed", producer_killed),
        ("kernel_forgets_to_finish", forgets),
        ("kernel_traps_in_another_process", traps),
        ("dropped_under_a_running_kernel", dropped),
    ];
    for (name, test) in tests {
        for mode in [Mode::Fenced, Mode::FenceFree] {
            trials.push(Trial::test(format!("process/{mode}/{name}"), move || test(mode)));
        }
    }
}

/// A directory for one test's rings, removed on drop.
struct Place {
    path: PathBuf,
    directory: Directory,
}

impl Place {
    fn new() -> Result<Self, Failed> {
        let path = PathBuf::from(format!("/dev/shm/perdix-gpu-tests-{}", std::process::id()));
        let directory = Directory::at(&path)?;
        Ok(Self { path, directory })
    }

    fn create(&self, slots: usize, mode: Mode) -> Result<SharedRing, Failed> {
        let builder = Buffer::builder().slots(slots).mode(mode).wait(WaitStrategy::Spin);
        // SAFETY: the processes of these tests keep to the protocol, and leave the file alone.
        Ok(unsafe { self.directory.create(NAME, builder) }?)
    }

    fn consumer(&self) -> Result<Consumer<'static>, Failed> {
        // SAFETY: as above.
        Ok(unsafe { self.directory.open(NAME) }?.wait(WaitStrategy::Spin).into_consumer()?)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The other process; killed on drop.
struct Child {
    process: Process,
    output: BufReader<ChildStdout>,
}

impl Child {
    fn start(task: &str, mode: Mode, directory: &Path, input: Stdio) -> Result<Self, Failed> {
        let case = Case { memory: MemoryKind::Managed, mode }.name();
        let task = format!("{OURS}{task} {case} {}", directory.display());
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.env(CHILD, task).stdin(input).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(process.stdout.take().ok_or("no pipe")?);
        Ok(Self { process, output })
    }

    /// Its next line. It says something soon, or ends.
    fn line(&mut self) -> Result<String, Failed> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn expect(&mut self, expected: &str) -> Result<(), Failed> {
        let line = self.line()?;
        if line == expected {
            Ok(())
        } else {
            Err(format!("the other process said {line:?}, not {expected:?}").into())
        }
    }

    fn kill(mut self) -> Result<(), Failed> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The other process's part.
pub(crate) fn child(task: &str) {
    let words: Vec<&str> = task.split(' ').collect();
    let [task, case, directory] = words[..] else { panic!("no task: {task}") };
    let mode = Case::named(case).expect("a case").mode;
    let directory = Directory::at(directory).unwrap();
    // SAFETY: the parent keeps to the protocol too, and leaves the file alone.
    let open = || unsafe { directory.open(NAME) }.unwrap();
    let outcome = match task {
        "consume" => consume_all(open()),
        "consume-stdin" => {
            use std::os::fd::AsFd;
            let fd = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
            // SAFETY: the parent's kernels keep to the protocol.
            consume_all(unsafe { SharedRing::from_fd(fd).unwrap().trust_peers() })
        }
        "hold" => hold(open()),
        "send" => send(open(), |producer| WARP_BATCH.start(producer, MIXED, ENDLESS)),
        "trap" => send(open(), |producer| stop_midway(producer, Ending::Traps)),
        _ => panic!("no task {task} ({mode})"),
    };
    if let Err(failed) = outcome {
        println!("failed: {}", failed.message().unwrap_or("for no reason"));
        std::process::exit(1);
    }
}

fn consume_all(ring: SharedRing) -> Result<(), Failed> {
    let mut consumer = ring.wait(WaitStrategy::Spin).into_consumer()?;
    println!("ready");
    check_all(&mut consumer, MIXED, 1, 100_000)?;
    println!("all");
    Ok(())
}

/// Takes 1000 messages, holds the guard of the last, and stays so.
fn hold(ring: SharedRing) -> Result<(), Failed> {
    let mut consumer = ring.wait(WaitStrategy::Spin).into_consumer()?;
    for _ in 0..999 {
        consumer.next(PATIENCE)?;
    }
    let _last = consumer.next(PATIENCE)?;
    println!("holding");
    hang()
}

fn send(ring: SharedRing, start: impl FnOnce(&DeviceProducer<'_>)) -> Result<(), Failed> {
    let producer = ring.into_gpu(gpu())?;
    start(&producer);
    println!("started");
    hang()
}

/// Until it is killed; not for ever, should the parent have died.
fn hang() -> Result<(), Failed> {
    std::thread::sleep(Duration::from_secs(120));
    Err("nobody killed this process".into())
}

fn stop_midway(producer: &DeviceProducer<'_>, ending: Ending) {
    let launch = kernels().launch("stop_midway").unwrap().block(32).arg(producer).arg(MIXED);
    // SAFETY: the kernel's parameters.
    unsafe { launch.arg(0_u64).arg(300_u64).arg(ending as u64).start() }.unwrap();
}

fn to_another_process(mode: Mode) -> Result<(), Failed> {
    for sender in [THREAD, WARP, WARP_BATCH, BLOCK] {
        let place = Place::new()?;
        let ring = place.create(256, mode)?;
        let mut child = Child::start("consume", mode, &place.path, Stdio::null())?;
        child.expect("ready")?;
        let producer = ring.into_gpu(gpu())?;
        sender.start(&producer, MIXED, 100_000);
        child.expect("all").map_err(|failed| format!("{sender:?}: {failed:?}"))?;
        producer.wait(PATIENCE)?;
        let counters = producer.counters().read();
        if (counters.sent, counters.received) != (100_000, 100_000) {
            return Err(format!("{counters:?}").into());
        }
    }
    Ok(())
}

fn without_a_name(mode: Mode) -> Result<(), Failed> {
    let ring = Buffer::builder().slots(256).mode(mode).create_anonymous()?;
    let mut child = Child::start("consume-stdin", mode, Path::new("none"), ring.to_fd()?.into())?;
    child.expect("ready")?;
    // SAFETY: the child only consumes.
    let producer = unsafe { ring.trust_peers() }.into_gpu(gpu())?;
    WARP_BATCH.start(&producer, MIXED, 100_000);
    child.expect("all")?;
    producer.wait(PATIENCE)?;
    Ok(())
}

/// Kernels stop soon after the consumer's death, far sooner than by their time limit; what they had sent can be read.
fn consumer_killed(mode: Mode) -> Result<(), Failed> {
    for sender in [THREAD, WARP_BATCH, BLOCK, GRID] {
        let place = Place::new()?;
        let producer = place.create(256, mode)?.into_gpu(gpu())?;
        // A grid's senders have 2^40 identities each.
        sender.start(&producer, MIXED, ENDLESS);
        let mut child = Child::start("hold", mode, &place.path, Stdio::null())?;
        child.expect("holding")?;
        if !producer.is_running()? {
            return Err(format!("{sender:?} ended before its consumer").into());
        }
        child.kill()?;
        let died = Instant::now();
        producer.wait(Duration::from_secs(3))?;
        let stopped = died.elapsed();
        let mut consumer = place.consumer()?;
        let first = consumer.position();
        loop {
            match consumer.next(PATIENCE) {
                Ok(_) => {}
                Err(ConsumeError::ProducerFailed { fault: Fault::ConsumerGone, first_missing })
                    if first_missing > first =>
                {
                    break;
                }
                other => return Err(format!("{sender:?}, stopped after {stopped:?}: {other:?}").into()),
            }
        }
    }
    Ok(())
}

/// With time for a successor the kernel goes on, and nothing is lost.
fn consumer_succeeded(mode: Mode) -> Result<(), Failed> {
    let place = Place::new()?;
    let ring = place.create(256, mode)?.consumer_grace(Duration::from_secs(60));
    let producer = ring.into_gpu(gpu())?;
    WARP_BATCH.start(&producer, MIXED, 100_000);
    let mut child = Child::start("hold", mode, &place.path, Stdio::null())?;
    child.expect("holding")?;
    child.kill()?;
    std::thread::sleep(Duration::from_millis(100));
    let mut consumer = place.consumer()?;
    let first = consumer.position();
    // A quarter of the ring is held back at most.
    let right = match mode {
        Mode::FenceFree => first == 999,
        Mode::Fenced => (936..=999).contains(&first),
    };
    if !right {
        return Err(format!("the successor begins with message {first}").into());
    }
    check_some(&mut consumer, MIXED, first, 100_000 - first)?;
    match consumer.next(PATIENCE) {
        Err(ConsumeError::EndOfStream) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// The process whose kernel sends is killed: all that came is right, and the consumer says what did not come.
fn producer_killed(mode: Mode) -> Result<(), Failed> {
    let place = Place::new()?;
    let ring = place.create(256, mode)?;
    let mut child = Child::start("send", mode, &place.path, Stdio::null())?;
    child.expect("started")?;
    let mut consumer = ring.wait(WaitStrategy::Spin).into_consumer()?;
    check_some(&mut consumer, MIXED, 0, 20_000)?;
    child.kill()?;
    let killed = Instant::now();
    let lost = check_until_lost(&mut consumer, 20_000)?;
    let noticed = killed.elapsed();
    if lost < 20_000 || noticed > Duration::from_secs(10) {
        return Err(format!("lost at message {lost}, noticed after {noticed:?}").into());
    }
    // It stays so: nothing comes late.
    std::thread::sleep(Duration::from_secs(1));
    match consumer.next(PATIENCE) {
        Err(ConsumeError::ProducerLost { first_missing, .. }) if first_missing == lost => Ok(()),
        other => Err(format!("after the loss of message {lost}: {other:?}").into()),
    }
}

/// Checks messages from `first` on until the producer is lost, and says which is missing.
fn check_until_lost(consumer: &mut Consumer<'_>, first: u64) -> Result<u64, Failed> {
    let mut id = first;
    loop {
        match consumer.next(PATIENCE) {
            Ok(message) if MIXED.matches(id, message.kind(), &message) => id += 1,
            Err(ConsumeError::ProducerLost { first_missing, .. }) if first_missing == id => return Ok(id),
            other => return Err(format!("message {id}: {other:?}").into()),
        }
    }
}

/// The kernel ended without ending the stream, and its process lives.
fn forgets(mode: Mode) -> Result<(), Failed> {
    let place = Place::new()?;
    let producer = place.create(64, mode)?.into_gpu(gpu())?;
    stop_midway(&producer, Ending::Forgets);
    let mut consumer = place.consumer()?;
    match check_until_lost(&mut consumer, 0)? {
        300 => Ok(()),
        other => Err(format!("{other} messages").into()),
    }
}

/// The kernel faulted, and its process lives.
fn traps(mode: Mode) -> Result<(), Failed> {
    let place = Place::new()?;
    let ring = place.create(64, mode)?;
    let mut child = Child::start("trap", mode, &place.path, Stdio::null())?;
    child.expect("started")?;
    let mut consumer = ring.wait(WaitStrategy::Spin).into_consumer()?;
    match check_until_lost(&mut consumer, 0)? {
        300 => Ok(()),
        other => Err(format!("{other} messages").into()),
    }
}

/// Everything is dropped while the kernel sends: it stops, the memory goes, and the context still works.
fn dropped(mode: Mode) -> Result<(), Failed> {
    for _ in 0..3 {
        let place = Place::new()?;
        let producer = place.create(64, mode)?.into_gpu(gpu())?;
        WARP.start(&producer, MIXED, ENDLESS);
        let mut consumer = place.consumer()?;
        check_some(&mut consumer, MIXED, 0, 100)?;
        let begun = Instant::now();
        drop(consumer);
        drop(producer);
        if begun.elapsed() > Duration::from_secs(5) {
            return Err(format!("it took {:?}", begun.elapsed()).into());
        }
    }
    to_another_process(mode)
}
