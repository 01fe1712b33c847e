//! One run: spin writes a checker in C, gcc compiles it, and it searches all that can happen.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::plan::Job;
use crate::shell::{self, Failure};
use crate::workspace;

/// Why models cannot be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    #[error("`{tool}` is not installed: `apt-get install {package}`")]
    Missing { tool: &'static str, package: &'static str },
    #[error(
        "{}: cannot understand `{line}`: see xtask/src/model/plan.rs for what may be asked",
        workspace::shown(file)
    )]
    Annotation { file: PathBuf, line: String },
    #[error("the mutation {name} is {}", if *is_used { "in a model, but no @mutation tries it" } else { "tried, but in no model" })]
    Untried { name: String, is_used: bool },
    #[error("the checker of {job} said nothing that is known:\n{said}")]
    Unknown { job: String, said: String },
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// What a run found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The property that fails somewhere; `None` if none does.
    pub(crate) wrong: Option<String>,
    /// Why the search did not see everything.
    pub(crate) truncated: Option<&'static str>,
    pub(crate) states: u64,
    pub(crate) depth: u64,
    pub(crate) took: Duration,
    /// Where the trail lies.
    pub(crate) folder: PathBuf,
}

/// What a blocked process is called.
const HANGS: &str = "somebody waits for ever";
/// How deep the search may go, and how much memory it may take.
const DEPTH: &str = "-m100000";
const MEGABYTES: [&str; 2] = ["-DMEMLIM=1500", "-DMEMLIM=12000"];

/// Whether the programs are there.
pub(crate) fn tools() -> Result<(), ModelError> {
    for (tool, package) in [("spin", "spin"), ("gcc", "gcc libc6-dev")] {
        let found = Command::new(tool)
            .arg(if tool == "spin" { "-V" } else { "--version" })
            .stdout(Stdio::null())
            .status();
        if found.is_err() {
            return Err(ModelError::Missing { tool, package });
        }
    }
    Ok(())
}

pub(crate) fn check(job: &Job) -> Result<Finding, ModelError> {
    let begun = Instant::now();
    let name: Vec<_> = std::iter::once(job.model.clone()).chain(job.macros()).collect();
    let folder = workspace::root().join("target/models").join(name.join("-").to_lowercase().replace('=', ""));
    fs::create_dir_all(&folder).map_err(shell::file(&folder))?;
    let macros = job.macros();
    let mut spin = Command::new("spin");
    spin.current_dir(&folder).arg("-a").args(macros.iter().map(|name| format!("-D{name}"))).arg(&job.file);
    shell::run(&mut spin, "The model does not parse")?;
    let mut gcc = Command::new("gcc");
    // A mutation is found within a moment: compiling its checker well would take longer.
    let optimisation = if job.mutation.is_some() { "-O0" } else { "-O1" };
    gcc.current_dir(&folder).args([
        optimisation,
        "-w",
        "-DSAFETY",
        "-DNOFAIR",
        "-DCOLLAPSE",
        "-DVECTORSZ=4096",
    ]);
    gcc.args([MEGABYTES[usize::from(job.is_long)], "-o", "pan", "pan.c"]);
    shell::run(&mut gcc, "The model's C does not compile")?;
    let checker = folder.join("pan");
    let output = Command::new(&checker)
        .current_dir(&folder)
        .args([DEPTH, "-n"])
        .stdin(Stdio::null())
        .output()
        .map_err(shell::file(&checker))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut finding = parse(&said)
        .ok_or_else(|| ModelError::Unknown { job: job.to_string(), said: said.clone().into_owned() })?;
    (finding.took, finding.folder) = (begun.elapsed(), folder);
    Ok(finding)
}

/// Reads what the checker said.
fn parse(said: &str) -> Option<Finding> {
    let number_before = |mark: &str| said.split(mark).next()?.split_whitespace().last()?.parse::<f64>().ok();
    let depth = said.split("depth reached ").nth(1)?.split(',').next()?.parse().ok()?;
    let errors: u64 = said.split("errors: ").nth(1)?.split_whitespace().next()?.parse().ok()?;
    let states = number_before(" states, stored").unwrap_or_default() as u64;
    let truncated = if said.contains("max search depth too small") {
        Some("the search was not deep enough")
    } else if said.contains("reached -DMEMLIM") || said.contains("out of memory") {
        Some("the search ran out of memory")
    } else {
        None
    };
    let wrong = if errors == 0 {
        None
    } else {
        // Only this line: the summary names every property that was looked for, failed or not.
        let what = said.lines().find_map(|line| line.strip_prefix("pan:1: "))?;
        Some(property(what)?)
    };
    Some(Finding { wrong, truncated, states, depth, took: Duration::ZERO, folder: PathBuf::new() })
}

/// The name of the property whose failure the checker reports so; `None` for one that is none of the protocol's.
fn property(what: &str) -> Option<String> {
    if what.starts_with("invalid end state") {
        return Some(HANGS.to_owned());
    }
    let name = what.strip_prefix("assertion violated")?.split("!(").nth(1)?.split(')').next()?;
    Some(name.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows in every run, whatever it found.
    const SUMMARY: &str =
        "Full statespace search for:\n\tassertion violations\t+\n\tinvalid end states\t+\n\n";

    fn said(first: &str, errors: u32) -> Option<Finding> {
        parse(&format!(
            "{first}\n{SUMMARY}State-vector 4 byte, depth reached 9, errors: {errors}\n     1486 states, stored\n"
        ))
    }

    #[test]
    fn what_the_checker_says_is_understood() {
        let good = said("", 0).unwrap();
        assert_eq!((good.wrong, good.truncated, good.states, good.depth), (None, None, 1486, 9));
        let bad = said("pan:1: assertion violated  !(ends_too_early) (at depth 5)", 1).unwrap();
        assert_eq!(bad.wrong.as_deref(), Some("ends too early"));
        let hung = said("pan:1: invalid end state (at depth 5)", 1).unwrap();
        assert_eq!(hung.wrong.as_deref(), Some(HANGS));
    }

    #[test]
    fn what_is_no_finding_about_the_protocol_is_not_taken_for_one() {
        assert!(said("pan:1: aborting (at depth 6)", 1).is_none());
        assert!(said("", 1).is_none());
        assert!(parse("Segmentation fault").is_none());
    }

    #[test]
    fn a_search_that_saw_not_all_is_told() {
        let end = "State-vector 4 byte, depth reached 9, errors: 0\n 1.2e+07 states, stored\n";
        let short = parse(&format!("error: max search depth too small\n{end}")).unwrap();
        assert!(short.truncated.is_some() && short.states == 12_000_000);
        assert!(parse(&format!("pan: reached -DMEMLIM bound\n{end}")).unwrap().truncated.is_some());
    }
}
