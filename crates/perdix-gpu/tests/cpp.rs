//! Proves that the producers of `include/perdix/perdix.cuh` keep the protocol: compiled for the CPU, where every lane is a thread, they
//! send into a ring that this process consumes from. Needs a C++17 compiler, so it is run by `cargo xtask header --check`.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use perdix_core::{Config, Consumer, Fault, Mode, Poll, Ring, VERSION};
use perdix_kernels::pattern::{ALL_LENGTHS, Pattern};

/// What the program sends.
const SENT: Pattern = Pattern { len: ALL_LENGTHS, sentinels: 1 };
const PRODUCERS: [&str; 3] = ["thread", "warp", "block"];
const MODES: [Mode; 2] = [Mode::Fenced, Mode::FenceFree];
const LONG: Duration = Duration::from_secs(30);

/// The program that sends, compiled once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| compile("emulated"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compiles a program of the folder `cpp`.
fn compile(name: &str) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".into());
    let mut command = Command::new(&compiler);
    command.args(["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-I"]);
    command
        .arg(root().join("include"))
        .arg(root().join("cpp").join(name).with_extension("cpp"))
        .arg("-o")
        .arg(&out);
    let status =
        command.status().unwrap_or_else(|error| panic!("{compiler}: {error}; set CXX to a C++17 compiler"));
    assert!(status.success(), "{compiler}: {status}");
    out
}

/// The header decides as perdix-core does, in every case of the table that perdix-core's own test keeps current.
#[test]
#[ignore = "needs a C++ compiler: cargo xtask header --check"]
fn the_rules_are_those_of_the_table() {
    let table = root().join("crates/perdix-core/tests/golden/policy.txt");
    let text = std::fs::read_to_string(&table).unwrap();
    let cases = text.lines().filter(|line| !line.starts_with('#')).count();
    let program = compile("policy");
    let output = Command::new(&program).arg(&table).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.lines().last(), Some(cases.to_string().as_str()));
    // A table that says something else is noticed.
    let wrong = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wrong-policy.txt");
    for line in ["or_wait 3 4 4 1", "renew 1 0 18446744073709551614 0 0 0", "unheard_of 1 2", "covers 1 0 x"]
    {
        std::fs::write(&wrong, format!("{text}{line}\n")).unwrap();
        assert!(!Command::new(&program).arg(&wrong).output().unwrap().status.success(), "{line}");
    }
}

/// A ring in a file, and its consumer.
struct Shared {
    folder: tempfile::TempDir,
    consumer: Consumer,
}

impl Shared {
    fn new(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create_new(folder.path().join("ring")).unwrap();
        file.set_len(config.bytes().unwrap() as u64).unwrap();
        let file = File::options().read(true).write(true).open(folder.path().join("ring")).unwrap();
        let (len, access) = (config.bytes().unwrap(), ProtFlags::PROT_READ | ProtFlags::PROT_WRITE);
        // SAFETY: a mapping of a file that nobody shortens; it stays until this process ends.
        let memory =
            unsafe { mmap(None, NonZeroUsize::new(len).unwrap(), access, MapFlags::MAP_SHARED, &file, 0) };
        // SAFETY: the memory is ours alone, page-aligned, and as long as said.
        let ring = unsafe { Ring::init(memory.unwrap().as_ptr().cast(), len, config) }.unwrap();
        // SAFETY: the ring's only consumer.
        Self { folder, consumer: unsafe { Consumer::new(ring) } }
    }

    fn start(&self, producer: &str, count: u64, limit: Duration, gap: u64) -> Child {
        self.start_version(VERSION, producer, count, limit, gap)
    }

    fn start_version(&self, version: u32, producer: &str, count: u64, limit: Duration, gap: u64) -> Child {
        let mut command = Command::new(program());
        command.arg(self.folder.path().join("ring")).arg(producer);
        command.args([count, limit.as_nanos() as u64, gap, version.into()].map(|number| number.to_string()));
        command.spawn().unwrap()
    }

    /// Takes messages of the pattern up to `most`; how many came before the stream ended.
    fn check(&mut self, most: u64) -> u64 {
        let begun = Instant::now();
        let mut id = 0;
        while id < most {
            match self.consumer.poll().unwrap() {
                Poll::Ready(message) => {
                    let meta = message.meta();
                    let mut bytes = [0; 240];
                    let len = message.copy_to(&mut bytes);
                    assert!(SENT.matches(id, meta.kind(), &bytes[..len]), "message {id}: {meta:?} {bytes:?}");
                    message.take();
                    self.consumer.recycle();
                    id += 1;
                }
                Poll::Ended => break,
                Poll::Gap(dropped) => panic!("{dropped} messages dropped before {id}"),
                Poll::Empty => {
                    assert!(begun.elapsed() < LONG, "only {id} messages came; {:?}", self.consumer);
                    std::thread::yield_now();
                }
            }
        }
        id
    }
}

#[test]
#[ignore = "needs a C++ compiler: cargo xtask header --check"]
fn every_length_arrives() {
    for mode in MODES {
        for producer in PRODUCERS {
            for (capacity, start, count) in
                [(1, 0, 250), (4, u64::MAX - 50, 300), (64, u64::MAX / 2 - 100, 2000)]
            {
                let mut shared = Shared::new(Config { capacity, mode, start });
                let mut child = shared.start(producer, count, LONG, 0);
                assert_eq!(shared.check(u64::MAX), count, "{producer}, {mode:?}, {capacity} slots");
                assert_eq!(shared.consumer.fault(), None);
                assert!(child.wait().unwrap().success());
                let stats = shared.consumer.ring().producer_stats();
                assert_eq!((stats.messages, stats.lost), (count, 0));
            }
        }
    }
}

#[test]
#[ignore = "needs a C++ compiler: cargo xtask header --check"]
fn a_full_ring_ends_the_stream_in_time() {
    for mode in MODES {
        for producer in PRODUCERS {
            let mut shared = Shared::new(Config { capacity: 8, mode, start: 0 });
            let mut child = shared.start(producer, 1000, Duration::from_millis(30), 0);
            assert!(child.wait().unwrap().success());
            // A warp's batch goes as a whole.
            let sent = shared.check(u64::MAX);
            assert!((1..=8).contains(&sent), "{producer} sent {sent}");
            assert_eq!(shared.consumer.fault(), Some(Fault::TimedOut), "{producer}");
        }
    }
}

#[test]
#[ignore = "needs a C++ compiler: cargo xtask header --check"]
fn a_consumer_that_leaves_is_noticed() {
    for mode in MODES {
        for producer in PRODUCERS {
            let mut shared = Shared::new(Config { capacity: 8, mode, start: 0 });
            let mut child = shared.start(producer, 1 << 40, LONG, 0);
            assert_eq!(shared.check(100), 100);
            shared.consumer.disconnect();
            assert!(child.wait().unwrap().success());
            assert_eq!(shared.consumer.fault(), Some(Fault::ConsumerGone), "{producer}");
        }
    }
}

#[test]
#[ignore = "needs a C++ compiler: cargo xtask header --check"]
fn dropped_messages_are_told_first() {
    for mode in MODES {
        for producer in PRODUCERS {
            let mut shared = Shared::new(Config { capacity: 8, mode, start: 0 });
            let mut child = shared.start(producer, 100, LONG, 5);
            let begun = Instant::now();
            while shared.consumer.look() != Ok(Poll::Gap(5)) {
                assert!(begun.elapsed() < LONG);
            }
            assert_eq!(shared.consumer.take_gap(), Some(5));
            shared.consumer.recycle();
            assert_eq!(shared.check(u64::MAX), 100, "{producer}, {mode:?}");
            assert!(child.wait().unwrap().success());
        }
    }
}

/// The program ends with code 8, [`perdix_gpu::Error::Version`], and has written nothing.
#[test]
#[ignore = "needs a C++ compiler: cargo xtask header --check"]
fn another_version_is_refused_by_name() {
    for producer in PRODUCERS {
        for version in [0, VERSION - 1, VERSION + 1] {
            let mut shared = Shared::new(Config { capacity: 8, mode: Mode::Fenced, start: 0 });
            let before = std::fs::read(shared.folder.path().join("ring")).unwrap();
            let status = shared.start_version(version, producer, 5, LONG, 0).wait().unwrap();
            assert_eq!(status.code(), Some(8), "{producer}, version {version}");
            assert_eq!(std::fs::read(shared.folder.path().join("ring")).unwrap(), before);
            assert_eq!(shared.consumer.look(), Ok(Poll::Empty));
        }
    }
}
