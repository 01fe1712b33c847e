//! Counting with callgrind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::counts::Counts;
use crate::shell::{self, Failure};
use crate::{cargo, workspace};

/// Messages of the shorter of two runs; the other has twice as many. The difference leaves out what happens once.
const MESSAGES: u64 = 16_384;

const REMEDY: &str = "Install valgrind (`apt-get install valgrind`)";

/// Why nothing was counted.
#[derive(Debug, thiserror::Error)]
pub(super) enum MeasureError {
    #[error(transparent)]
    Step(#[from] Failure),
    #[error(transparent)]
    NotBuilt(#[from] cargo::NotBuilt),
    #[error("callgrind wrote no total for `{0}`: run it by hand with `valgrind --tool=callgrind`")]
    NoTotal(String),
}

/// Counts every path of the program `instructions`.
pub(super) fn measure() -> Result<Counts, MeasureError> {
    let programs = cargo::Build::new("benches/Cargo.toml").run()?;
    let program = cargo::find(&programs, "instructions")?;
    let names = shell::run(&mut Command::new(program), "It should name its paths")?;
    let mut per_message = BTreeMap::new();
    for name in names.lines() {
        let (once, twice) = (total(program, name, MESSAGES)?, total(program, name, 2 * MESSAGES)?);
        per_message.insert(name.to_owned(), twice.saturating_sub(once) as f64 / MESSAGES as f64);
    }
    Ok(Counts { made_by: made_by()?, per_message })
}

/// Instructions of one run.
fn total(program: &Path, name: &str, messages: u64) -> Result<u64, MeasureError> {
    let folder = workspace::root().join("target/instructions");
    fs::create_dir_all(&folder).map_err(shell::file(&folder))?;
    let file = folder.join("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", file.display()));
    shell::run(valgrind.arg(program).arg(name).arg(messages.to_string()), REMEDY)?;
    let text = fs::read_to_string(&file).map_err(shell::file(&file))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| MeasureError::NoTotal(name.to_owned()))
}

/// What decides on the counts beside the source: the compiler, and the library whose `memcpy` is called.
fn made_by() -> Result<String, Failure> {
    let rustc = shell::run(Command::new("rustc").arg("--version"), "Install Rust")?;
    let libc = shell::run(Command::new("getconf").arg("GNU_LIBC_VERSION"), "Install libc-bin")?;
    Ok(format!("{}, {}", rustc.trim(), libc.trim()))
}
