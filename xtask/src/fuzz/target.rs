//! One fuzz target, and what is done with it.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::figures::Figures;
use super::{artifacts, found, kept, make};
use crate::say::say;
use crate::shell::{self, Failure};
use crate::workspace;

/// Inputs of this name are kept for a defect that they showed, whatever else reaches as far.
const REGRESSION: &str = "regression-";

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(super) name: &'static str,
    /// Whether memory that is still there at the end is an error. Not where halves are forgotten on purpose, nor where threads may
    /// not have given back all of theirs yet.
    leaks: bool,
}

/// All targets, in the order of the manifest.
pub(super) const ALL: [Target; 6] = [
    Target { name: "attach", leaks: true },
    Target { name: "hostile", leaks: true },
    Target { name: "safe_api", leaks: true },
    Target { name: "hostile_threads", leaks: false },
    Target { name: "operations", leaks: false },
    Target { name: "device", leaks: false },
];

/// Their names, for people.
pub(super) fn names() -> String {
    ALL.map(|target| target.name).join(", ")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Target {
    pub(super) fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|target| target.name == name)
    }

    /// Runs one input, with its output shown; whether it passed.
    pub(super) fn run_input(self, program: &Path, input: &Path) -> Result<bool, Failure> {
        let status = self.command(program).arg(input).status().map_err(shell::file(program))?;
        Ok(status.success())
    }

    /// Runs the inputs that are kept and those found before, then looks for new ones for so many seconds.
    pub(super) fn run(self, program: &Path, seconds: u64) -> Result<Figures, Failure> {
        let (kept, found) = (kept(self.name), found(self.name));
        [&kept, &found, &artifacts(self.name)].into_iter().try_for_each(|folder| make(folder))?;
        let mut command = self.command(program);
        command.arg("-print_final_stats=1").arg("-max_len=4096").arg("-len_control=20");
        if seconds == 0 {
            command.arg("-runs=0").arg(&kept);
        } else {
            // New inputs go into the first folder; the others are read.
            command.arg(format!("-max_total_time={seconds}")).args([&found, &kept]);
        }
        let log = self.log();
        let file = File::create(&log).map_err(shell::file(&log))?;
        say!("{self}: {} inputs are kept; log in {}", count(&kept), workspace::shown(&log));
        let status = command.stdout(Stdio::null()).stderr(file).status().map_err(shell::file(program))?;
        let text = fs::read(&log).map_err(shell::file(&log))?;
        let figures = Figures::of(&String::from_utf8_lossy(&text), status.success());
        if !figures.passed {
            say!("{}", tail(&String::from_utf8_lossy(&text)));
            say!(
                "again: cargo xtask fuzz {self} --input FILE, with a file of {}",
                workspace::shown(&artifacts(self.name))
            );
        }
        Ok(figures)
    }

    /// Leaves, of all inputs, the fewest that reach all code that they reach together, and those that showed a defect.
    pub(super) fn minimize(self, program: &Path) -> Result<(), Failure> {
        let (kept, all) = (kept(self.name), found(self.name));
        [&kept, &all].into_iter().try_for_each(|folder| make(folder))?;
        for input in files(&kept) {
            if !input.file_name().is_some_and(|name| name.to_string_lossy().starts_with(REGRESSION)) {
                let to = all.join(input.file_name().unwrap_or_default());
                fs::rename(&input, &to).map_err(shell::file(&input))?;
            }
        }
        let mut command = self.command(program);
        // How often code is reached counts while new inputs are looked for, but would keep thousands.
        command.args(["-set_cover_merge=1", "-use_counters=0"]).args([&kept, &all]);
        shell::run(&mut command, "It runs inputs that passed before: run them again")?;
        say!("{self}: kept {} of {} inputs", count(&kept), count(&all));
        Ok(())
    }

    fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let leaks = u8::from(self.leaks);
        command
            .env("ASAN_OPTIONS", format!("detect_leaks={leaks}"))
            .arg(format!("-detect_leaks={leaks}"))
            .arg(format!("-artifact_prefix={}/", artifacts(self.name).display()))
            // A call that does not end is a defect too.
            .args(["-timeout=20", "-rss_limit_mb=4096"])
            .stdin(Stdio::null());
        command
    }

    fn log(self) -> PathBuf {
        workspace::root().join("target/fuzz-corpus").join(format!("{self}.log"))
    }
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn count(folder: &Path) -> usize {
    files(folder).count()
}

/// The end of a log, where it says what is wrong.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
