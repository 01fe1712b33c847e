//! `cargo xtask sanitize`: the host tests with tools that look at every access.

mod cases;
mod suppress;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cases::{CASES, Case};

use crate::say::say;
use crate::shell::Failure;
use crate::{Outcome, instrument, workspace};

/// What valgrind ends with when it has found something.
const FOUND: &str = "86";

/// Run the host tests under sanitizers: each looks for what no test can see by itself
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The tools; all of them unless named
    #[arg(value_enum, value_name = "TOOL")]
    tools: Vec<Tool>,
    /// Only the tests that take a few seconds
    #[arg(long)]
    short: bool,
}

/// A tool, and what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Tool {
    /// AddressSanitizer: accesses out of bounds or after freeing, and memory that is lost
    Address,
    /// ThreadSanitizer: accesses of two threads that nothing orders
    Thread,
    /// valgrind's memcheck: decisions on bytes that nobody has written
    Memcheck,
}

/// Some tool found something, or a test failed under it.
#[derive(Debug, thiserror::Error)]
#[error("{0}: see above")]
struct Found(String);

/// One line of the table.
struct Row {
    tool: Tool,
    case: Case,
    tests: u64,
    took: Duration,
    passed: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let all = [Tool::Address, Tool::Thread, Tool::Memcheck];
    let tools = if arguments.tools.is_empty() { &all[..] } else { &arguments.tools[..] };
    let mut rows = Vec::new();
    for tool in tools.iter().copied() {
        let flags = tool.compiler_flags();
        for case in CASES.into_iter().filter(|case| case.is_for(tool, arguments.short)) {
            say!("{tool:?}, {}", case.title());
            build(&flags, case)?;
            rows.push(check(tool, &flags, case)?);
        }
    }
    say!("\n{}", table(&rows));
    let bad: Vec<String> = rows
        .iter()
        .filter(|row| !row.passed)
        .map(|row| format!("{:?}, {}", row.tool, row.case.title()))
        .collect();
    if bad.is_empty() { Ok(()) } else { Err(Found(bad.join("; ")).into()) }
}

impl Tool {
    /// The flags with which the compiler puts the tool's checks into the code.
    fn compiler_flags(self) -> Vec<&'static str> {
        match self {
            Self::Address => vec![instrument::ADDRESS],
            // The standard library stays as it is shipped, without the checks, which has to be allowed.
            Self::Thread => {
                vec!["-Zsanitizer=thread", "-Cunsafe-allow-abi-mismatch=sanitizer", "--cfg=perdix_tsan"]
            }
            Self::Memcheck => Vec::new(),
        }
    }
}

fn build(flags: &[&str], case: Case) -> Result<(), Failure> {
    let mut command = cargo_test(flags, case)?;
    let remedy = "Cargo has said above what is wrong";
    let status = command.arg("--no-run").arg("--quiet").status();
    let status = status.map_err(|source| Failure::Start { program: "cargo".to_owned(), source, remedy })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Ended { line: "cargo test --no-run".to_owned(), message: status.to_string(), remedy })
}

/// Runs the tests of a case. What they wrote is shown if something is wrong.
fn check(tool: Tool, flags: &[&str], case: Case) -> Result<Row, Failure> {
    let mut command = cargo_test(flags, case)?;
    let begun = Instant::now();
    match tool {
        Tool::Address => {
            let leaks = suppress::write("leaks", suppress::LEAKS)?;
            command.env("ASAN_OPTIONS", "detect_leaks=1");
            command.env("LSAN_OPTIONS", format!("suppressions={}:print_suppressions=0", leaks.display()));
        }
        Tool::Thread => {
            let races = suppress::write("races", suppress::RACES)?;
            let options = format!("suppressions={}:halt_on_error=1:history_size=4", races.display());
            command.env("TSAN_OPTIONS", options);
        }
        Tool::Memcheck => {
            let valgrind =
                "valgrind --quiet --tool=memcheck --fair-sched=yes --leak-check=no --error-exitcode=";
            command.env(runner_variable()?, format!("{valgrind}{FOUND}"));
        }
    }
    command.arg("--").args(case.arguments);
    let output = command.stdin(Stdio::null()).output().map_err(|source| Failure::Start {
        program: "cargo".to_owned(),
        source,
        remedy: "Install Rust",
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success();
    if !passed {
        say!("{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(Row { tool, case, tests: passed_tests(&text), took: begun.elapsed(), passed })
}

/// `cargo test` of a case, in a folder of its own for each set of flags.
fn cargo_test(flags: &[&str], case: Case) -> Result<Command, Failure> {
    let mut command = Command::new("cargo");
    command.current_dir(workspace::root()).arg("test").args(["-p", case.package]);
    command.args(case.tests.iter().flat_map(|test| ["--test", test]));
    if !flags.is_empty() {
        command.args(["--target", &instrument::host()?]);
        let folder = if flags.contains(&instrument::ADDRESS) { "address" } else { "thread" };
        command.envs(instrument::variables(folder, flags));
    }
    Ok(command)
}

/// The variable that names the program under which cargo runs the tests.
fn runner_variable() -> Result<String, Failure> {
    Ok(format!("CARGO_TARGET_{}_RUNNER", instrument::host()?.to_uppercase().replace('-', "_")))
}

/// The tests that passed, by the last lines of each test program.
fn passed_tests(text: &str) -> u64 {
    let results = text.lines().filter_map(|line| line.strip_prefix("test result: ok. "));
    results.filter_map(|rest| rest.split(' ').next()?.parse::<u64>().ok()).sum()
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("| tool | tests of | passed | s | |\n|---|---|---|---|---|");
    for Row { tool, case, tests, took, passed } in rows {
        let (verdict, took) = (if *passed { "nothing found" } else { "FAILED" }, took.as_secs());
        text += &format!("\n| {tool:?} | {} | {tests} | {took} | {verdict} |", case.title());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_tests_are_added_up() {
        let text = "running 2 tests\n..\ntest result: ok. 2 passed; 0 failed; 0 ignored\n\
                    test result: FAILED. 5 passed; 1 failed\ntest result: ok. 40 passed; 0 failed\n";
        assert_eq!(passed_tests(text), 42);
    }

    #[test]
    fn every_case_names_tests_that_exist() {
        for case in CASES {
            for test in case.tests {
                let folder = workspace::root().join("crates").join(case.package).join("tests");
                let there = [format!("{test}.rs"), format!("{test}/main.rs")]
                    .iter()
                    .any(|file| folder.join(file).is_file());
                assert!(there, "{}: {test}", case.package);
            }
        }
    }

    #[test]
    fn every_tool_has_short_cases() {
        for tool in [Tool::Address, Tool::Thread, Tool::Memcheck] {
            assert!(CASES.iter().any(|case| case.is_for(tool, true)), "{tool:?}");
        }
    }
}
