//! Every program, on real files, gives the right answer; and says so if it cannot.
#![cfg(not(feature = "cuda"))] // `cargo xtask example --gpu` runs them on a GPU
#![allow(clippy::unwrap_used)] // tests

use std::process::{Command, Output};

const SPECIFICATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

/// What the program printed; it must have found its answer right.
fn answer(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn hello() {
    assert!(answer(env!("CARGO_BIN_EXE_hello"), &[]).contains("Hello from GPU!"));
}

#[test]
fn grep_finds_what_grep_finds() {
    let grep = env!("CARGO_BIN_EXE_grep");
    for needle in ["Release", "the", "e", "ll", " ", "no such words in it", "→"] {
        answer(grep, &[needle, SPECIFICATION, "--check"]);
    }
    let theirs = |option: &[&str]| {
        let output =
            Command::new("grep").args(option).args(["-F", "Acquire", SPECIFICATION]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(answer(grep, &["-c", "Acquire", SPECIFICATION]), theirs(&["-c"]));
    assert_eq!(answer(grep, &["-b", "Acquire", SPECIFICATION]), theirs(&["-o", "-b"]));
    let mut live: Vec<String> = answer(grep, &["Acquire", SPECIFICATION])
        .lines()
        .map(|line| line.split_once(':').unwrap().1.to_owned())
        .collect();
    live.sort();
    live.dedup();
    let mut lines: Vec<String> = theirs(&[]).lines().map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    assert_eq!(live, lines);
}

#[test]
fn grep_says_what_it_cannot_do() {
    let grep = env!("CARGO_BIN_EXE_grep");
    for arguments in [["", SPECIFICATION], ["word", "/no/such/file"]] {
        let output = run(grep, &arguments);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).starts_with("error: "));
    }
}

#[test]
fn tokens_come_live() {
    let tokens = env!("CARGO_BIN_EXE_tokens");
    for seed in ["1", "2"] {
        answer(tokens, &[SPECIFICATION, "--count", "40", "--interval", "5", "--seed", seed]);
    }
    assert!(!run(tokens, &["/dev/null"]).status.success());
}

#[test]
fn events_are_told_by_the_threads_that_notice() {
    let lines = answer(env!("CARGO_BIN_EXE_events"), &[SPECIFICATION]);
    assert!(lines.contains("INFO  block 0 thread 0: looking at"), "{lines}");
    assert!(lines.contains("at offset") && lines.contains("as on the CPU"), "{lines}");
    answer(env!("CARGO_BIN_EXE_events"), &["-q", "/dev/null"]);
}

#[test]
fn several_rings_have_one_consumer() {
    for end in [&[][..], &["1"], &["5000"]] {
        assert!(answer(env!("CARGO_BIN_EXE_two_gpus"), end).contains("as the sieve says"));
    }
}

#[test]
fn a_ring_in_a_cudarc_program() {
    assert!(answer(env!("CARGO_BIN_EXE_cudarc_interop"), &[]).contains("as on the CPU"));
}
