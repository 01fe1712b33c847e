//! What the tests of the commands share.
#![allow(dead_code)] // every test file uses its part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use perdix_host::{
    Builder,
    process::{Directory, SharedRing},
};

/// The command `perdix` with arguments separated by blanks.
pub(crate) fn perdix(args: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perdix"));
    command.args(args.split_whitespace());
    command
}

/// Runs it with an empty standard input.
pub(crate) fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Runs it with these bytes as standard input.
pub(crate) fn run_with(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Fails when the command does not read to the end, which is up to it.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    })
}

/// Its exit status.
pub(crate) fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

/// What it wrote on standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// What it wrote on standard output.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one JSON object in a text.
pub(crate) fn json(text: &str) -> serde_json::Value {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!(value.is_object(), "{text}");
    value
}

/// Bytes that look random, always the same.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Waits for a child, no longer than `limit`, and says how long it took; `None` (and the child is killed) otherwise.
pub(crate) fn ends_within(child: &mut Child, limit: Duration) -> Option<Duration> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if child.try_wait().unwrap().is_some() {
            return Some(start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// Makes a ring in a directory of the test.
#[cfg(target_os = "linux")]
pub(crate) fn create(directory: &Directory, name: &str, builder: Builder) -> SharedRing {
    // SAFETY: only this test and the commands that it runs have the directory, and these only look.
    unsafe { directory.create(name, builder) }.unwrap()
}

/// Opens a ring in a directory of the test.
#[cfg(target_os = "linux")]
pub(crate) fn open(directory: &Directory, name: &str) -> SharedRing {
    // SAFETY: as above.
    unsafe { directory.open(name) }.unwrap()
}
