//! Child processes of the tests, for faults that ruin a context or a process.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use perdix_host::cuda::Gpu;
use perdix_host::{Buffer, ConsumeError};
use perdix_kernels::Ending;

use super::{Part, SHORT, WORDS, break_off, expect_lost, still_works};
use crate::life::CHILD;
use crate::setup::{Case, PATIENCE, WARP, check_some};

/// The case of a child process of ours begins with this.
pub(crate) const OURS: &str = "faults:";

/// The most that a child may take; it has to compile the kernels.
const LIMIT: Duration = Duration::from_secs(120);

/// What a child does to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Trap,
    BadAddress,
    /// Sends until it is killed, and consumes.
    Endless,
    /// The same, and does not consume: the kernel waits.
    Full,
}

const FAULTS: [Fault; 4] = [Fault::Trap, Fault::BadAddress, Fault::Endless, Fault::Full];

/// Runs a child to its end, which must be a good one.
pub(super) fn run(case: Case, fault: Fault, part: Part) -> Result<(), Failed> {
    let mut child = start(case, fault, part)?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Err(format!("{fault:?} with {part:?} hangs").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output()?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(format!("{fault:?} with {part:?}: {}\n{why}", output.status).into())
}

/// Processes are killed while their kernels send, and while they wait; the device is free for others soon.
pub(super) fn killed(case: Case) -> Result<u64, Failed> {
    for fault in [Fault::Endless, Fault::Full] {
        let mut child = start(case, fault, Part { words: 0, header: false })?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        child.kill()?;
        let status = child.wait()?;
        if line != "running\n" || status.success() {
            let output = child.wait_with_output()?;
            return Err(format!("{line:?}, {status}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let begun = Instant::now();
        still_works(case)?;
        if begun.elapsed() > Duration::from_secs(10) {
            return Err(format!("the device was busy for {:?}", begun.elapsed()).into());
        }
    }
    Ok(2)
}

fn start(case: Case, fault: Fault, part: Part) -> Result<Child, Failed> {
    let name = format!("{OURS}{fault:?}:{}:{}:{}", part.words, part.header, case.name());
    let mut command = Command::new(std::env::current_exe()?);
    command.env(CHILD, name).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command.spawn()?)
}

/// What a child does.
pub(crate) fn child(name: &str) {
    let result = match name.splitn(4, ':').collect::<Vec<_>>()[..] {
        [fault, words, header, case] => {
            let fault = FAULTS.into_iter().find(|known| format!("{known:?}") == fault).expect("a fault");
            let part = Part { words: words.parse().expect("words"), header: header == "true" };
            obey(Case::named(case).expect("a case"), fault, part)
        }
        _ => Err(name.into()),
    };
    if let Err(failed) = result {
        eprintln!("{}", failed.message().unwrap_or("failed"));
        std::process::exit(1);
    }
}

fn obey(case: Case, fault: Fault, part: Part) -> Result<(), Failed> {
    match fault {
        Fault::Trap => broken(case, Ending::Traps, part),
        Fault::BadAddress => broken(case, Ending::ReadsBadAddress, part),
        Fault::Endless | Fault::Full => endless(case, fault == Fault::Endless),
    }
}

/// The kernel faults inside message 40: 40 messages are delivered, then the fault is told, and all can be dropped.
fn broken(case: Case, ending: Ending, part: Part) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (producer, mut consumer) = buffer.split_gpu()?;
    break_off(&producer, 40, part, ending);
    check_some(&mut consumer, WORDS, 0, 40)?;
    expect_lost(consumer.next(PATIENCE), 40, "the kernel failed")?;
    expect_lost(consumer.status(), 40, "the kernel failed")?;
    let Err(fault) = producer.is_running() else { return Err("the fault is not reported".into()) };
    producer.wait(Duration::from_secs(1))?;
    println!("{ending:?} inside a message: {fault}");
    let begun = Instant::now();
    drop((producer, consumer));
    let again = buffer.split_gpu().map(drop);
    println!("the next split says: {again:?}");
    drop(buffer);
    let other = Buffer::builder().slots(64).memory(case.memory).mode(case.mode).build().map(drop);
    println!("another buffer of this process: {other:?}");
    println!("the device of this process: {:?}", Gpu::open(0).map(drop));
    match begun.elapsed() {
        long if long > Duration::from_secs(3) => Err(format!("dropping took {long:?}").into()),
        _ => Ok(()),
    }
}

/// Sends until the process is killed.
fn endless(case: Case, consume: bool) -> Result<(), Failed> {
    let mut buffer = case.buffer(64);
    let (mut producer, mut consumer) = buffer.split_gpu()?;
    producer.set_limit(Duration::from_secs(60));
    WARP.start(&producer, SHORT, 1 << 50);
    check_some(&mut consumer, SHORT, 0, 1000)?;
    println!("running");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        if !consume {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        match consumer.next(PATIENCE) {
            Ok(_) | Err(ConsumeError::TimedOut { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err("nobody has killed it".into())
}
