//! The other process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use perdix_host::process::{Directory, SharedRing};
use perdix_host::{Buffer, ConsumeError, Consumer};

use crate::common::{fill, holds, kind_of, len_of, message};
use crate::{PATIENCE, trust};

pub(crate) const TASK: &str = "PERDIX_TEST_TASK";

/// A process with a task; killed on drop.
pub(crate) struct Child {
    process: Process,
    output: BufReader<std::process::ChildStdout>,
}

impl Child {
    /// Starts a task on the ring `name` in `directory`: its words are those of `child_process` below.
    pub(crate) fn start(directory: &Path, name: &str, task: &str) -> Self {
        Self::start_with(Stdio::null(), &format!("{} {name} {task}", directory.display()))
    }

    pub(crate) fn start_with(input: Stdio, task: &str) -> Self {
        Self::start_in(&[], input, task)
    }

    /// The same with these variables in its environment, and none of those that say where rings are.
    pub(crate) fn start_in(variables: &[(&str, &Path)], input: Stdio, task: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::child_process", "--nocapture", "--test-threads=1"]);
        let mut process = command
            .env_remove("PERDIX_DIR")
            .env_remove("XDG_RUNTIME_DIR")
            .envs(variables.iter().copied())
            .env(TASK, task)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// The next line of its own, without what the test harness says.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() != 0, "the child has ended");
            if let Some((_, ours)) = line.split_once("> ") {
                return ours.trim().to_owned();
            }
        }
    }

    /// All further lines of its own, to its end.
    pub(crate) fn lines(mut self) -> Vec<String> {
        let lines = self.output.by_ref().lines().map(Result::unwrap);
        let lines = lines.filter_map(|line| line.split_once("> ").map(|(_, ours)| ours.to_owned())).collect();
        assert!(self.end().success());
        lines
    }

    /// Kills it, and says what it had said until then.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let lines = self.output.by_ref().lines().map_while(Result::ok);
        lines.filter_map(|line| line.split_once("> ").map(|(_, ours)| ours.to_owned())).collect()
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the child does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

use std::io::Read as _;

pub(crate) fn say(what: impl std::fmt::Display) {
    // One write: a line is whole, or not there.
    let line = format!("> {what}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}

/// What this program does as the other process; as a test, nothing.
#[test]
fn child_process() {
    let Ok(task) = std::env::var(TASK) else { return };
    let words: Vec<&str> = task.split(' ').collect();
    let open = |directory: &str, name: &str| crate::open(&Directory::at(directory).unwrap(), name).unwrap();
    match words[..] {
        // Sends messages, and then ends the stream, hangs, or forgets it.
        [directory, name, "produce", count, then] => {
            produce(open(directory, name), count.parse().unwrap(), then);
        }
        // Sends as many as fit and drops the others, and hangs.
        [directory, name, "drop", count] => {
            let mut producer = open(directory, name).into_producer().unwrap();
            for number in 0..count.parse().unwrap() {
                producer.message(&payload(number)).send_or_drop().unwrap();
            }
            say("dropped");
            hang();
        }
        // Takes messages and says how many right ones there were, and why there were no more.
        [directory, name, "consume"] => {
            let mut consumer = open(directory, name).into_consumer().unwrap();
            let (count, why) = consume_all(&mut consumer, 0);
            say(format!("{count} {why}"));
        }
        // Takes messages one by one, and says each one's number once it has handed it back; never leaves.
        [directory, name, "take", release_every] => {
            let ring = open(directory, name).release_every(release_every.parse().unwrap());
            let mut consumer = ring.into_consumer().unwrap();
            say(consumer.position());
            while let Ok(message) = consumer.consume() {
                let number = message.number();
                assert!(holds(number, 0, &message));
                drop(message);
                say(number);
            }
            hang();
        }
        // Takes so many messages, holds the last one's guard, and says so.
        [directory, name, "hold", count, release_every] => {
            let ring = open(directory, name).release_every(release_every.parse().unwrap());
            let mut consumer = ring.into_consumer().unwrap();
            for _ in 1..count.parse::<u64>().unwrap() {
                consumer.consume().unwrap();
            }
            let last = consumer.consume().unwrap();
            say(last.number());
            hang();
        }
        // Has a ring open, without a role.
        [directory, name, "open"] => {
            let _ring = open(directory, name);
            say("open");
            hang();
        }
        // Makes a ring with this umask.
        [directory, name, "umask", mask] => {
            let mask = u32::from_str_radix(mask, 8).unwrap();
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
            let directory = Directory::at(directory).unwrap();
            let _ring = crate::create(&directory, name, Buffer::builder().slots(8)).unwrap();
            say("made");
            hang();
        }
        // Gets a ring as its standard input.
        ["stdin"] => {
            use std::os::fd::AsFd;
            let fd = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
            let mut consumer = trust(SharedRing::from_fd(fd).unwrap()).into_consumer().unwrap();
            let (count, why) = consume_all(&mut consumer, 0);
            say(format!("{count} {why}"));
        }
        // Gets a ring over the socket that is its standard input.
        ["socket"] => {
            let fd = crate::descriptor::receive(&std::io::stdin());
            produce(trust(SharedRing::from_fd(fd).unwrap()), 1000, "end");
        }
        // Looks at all rings, and cleans up, again and again.
        [directory, "observe"] => crate::hostile::observe(&Directory::at(directory).unwrap()),
        // Has a ring whose memory somebody else overwrites, as its standard input.
        ["victim", seed] => crate::hostile::be_victim(seed.parse().unwrap()),
        // Makes rings where files may have 8192 bytes.
        [directory, "limited"] => crate::limits::be_limited(&Directory::at(directory).unwrap()),
        // Produces, forks, and goes on in the fork.
        [directory, name, "fork"] => crate::fork::fork(open(directory, name)),
        // Says where rings are.
        ["where"] => {
            for directory in Directory::all_of_user().unwrap() {
                say(directory.path().display());
            }
        }
        ["refused"] => say(Directory::all_of_user().unwrap_err()),
        // Makes a ring, or opens one, wherever this user's rings are.
        ["make", name] => {
            // SAFETY: nobody else has a ring of this name.
            let ring = unsafe { Buffer::builder().slots(8).create_shared(name) }.unwrap();
            produce(ring, 5, "end");
        }
        ["find", name] => {
            // SAFETY: as above.
            let mut consumer = unsafe { SharedRing::open(name) }.unwrap().into_consumer().unwrap();
            let (count, why) = consume_all(&mut consumer, 0);
            say(format!("{count} {why}"));
        }
        _ => panic!("no task: {task}"),
    }
}

pub(crate) fn hang() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn produce(ring: SharedRing, count: u64, then: &str) {
    let mut producer = ring.into_producer().unwrap();
    say("producing");
    for number in 0..count {
        producer.message(&message(number, 240)).kind(kind_of(number)).send().unwrap();
    }
    say(count);
    match then {
        "end" => producer.finish(),
        "forget" => std::mem::forget(producer),
        _ => hang(),
    }
}

/// Takes messages, checks them, and says how many there were and why there were no more.
pub(crate) fn consume_all(consumer: &mut Consumer<'_>, first: u64) -> (u64, String) {
    let mut number = first;
    loop {
        match consumer.next(PATIENCE) {
            Ok(message) => {
                let right = message.kind() == kind_of(number)
                    && message.len() == len_of(number, 240)
                    && holds(number, 0, &message)
                    && message.number() == number;
                assert!(right, "message {number} is {message:?}");
                number += 1;
            }
            Err(ConsumeError::EndOfStream) => return (number - first, "end".into()),
            Err(error) => return (number - first, error.to_string()),
        }
    }
}

/// Message `number` as `consume_all` wants it, without its kind.
pub(crate) fn payload(number: u64) -> Vec<u8> {
    let mut bytes = vec![0; len_of(number, 240)];
    fill(number, 0, &mut bytes);
    bytes
}
