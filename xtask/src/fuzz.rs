//! `cargo xtask fuzz`: builds the fuzz targets with coverage and AddressSanitizer, on the stable compiler, and runs them.

mod figures;
mod target;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use target::Target;

use crate::cargo::{self, Build};
use crate::say::say;
use crate::{Outcome, instrument, shell, workspace};

/// The targets' manifest, seen from the repository's root.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// The coverage that libFuzzer needs, as `cargo fuzz` asks for it.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// Run the fuzz targets: first all inputs that are kept, then new ones for a while
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The targets; all of them unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long to look for new inputs, for each target; 0: only run those that are kept
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u64,
    /// Run nothing but this input, as after a failure
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "minimize"])]
    input: Option<PathBuf>,
    /// Keep the smallest set of inputs, found so far or kept already, that reaches all that they reach together
    #[arg(long)]
    minimize: bool,
}

/// Why fuzzing did not end well.
#[derive(Debug, thiserror::Error)]
enum FuzzError {
    #[error("there is no fuzz target `{0}`; there are {all}", all = target::names())]
    NoTarget(String),
    #[error("{0} found something: see above")]
    Found(String),
    #[error("--input needs one target")]
    OneTarget,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let targets = chosen(&arguments.targets)?;
    let programs = build(&targets)?;
    if let Some(input) = &arguments.input {
        let ([target], [program]) = (&targets[..], &programs[..]) else {
            return Err(FuzzError::OneTarget.into());
        };
        return if target.run_input(program, input)? {
            Ok(())
        } else {
            Err(FuzzError::Found(target.to_string()).into())
        };
    }
    let mut rows = Vec::new();
    for (target, program) in targets.iter().zip(&programs) {
        if arguments.minimize {
            target.minimize(program)?;
        }
        let figures = target.run(program, arguments.seconds)?;
        say!("{target}: {}", figures.verdict());
        rows.push((*target, figures));
    }
    say!("\n{}", figures::table(&rows));
    let bad: Vec<String> =
        rows.iter().filter(|(_, figures)| !figures.passed).map(|(target, _)| target.to_string()).collect();
    if bad.is_empty() { Ok(()) } else { Err(FuzzError::Found(bad.join(", ")).into()) }
}

fn chosen(names: &[String]) -> Result<Vec<Target>, FuzzError> {
    if names.is_empty() {
        return Ok(target::ALL.to_vec());
    }
    names.iter().map(|name| Target::named(name).ok_or_else(|| FuzzError::NoTarget(name.clone()))).collect()
}

/// The targets' programs, in their order.
fn build(targets: &[Target]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let flags: Vec<&str> = COVERAGE.into_iter().chain([instrument::ADDRESS, "-Ccodegen-units=1"]).collect();
    let build = Build::new(MANIFEST).args(["--target", &instrument::host()?]);
    let programs = build.envs(instrument::variables("fuzz", &flags)).run()?;
    targets.iter().map(|target| Ok(cargo::find(&programs, &target.to_string())?.to_owned())).collect()
}

/// The inputs that are kept, in the repository.
fn kept(target: &str) -> PathBuf {
    workspace::root().join("fuzz/corpus").join(target)
}

/// The inputs found so far on this machine.
fn found(target: &str) -> PathBuf {
    workspace::root().join("target/fuzz-corpus").join(target)
}

/// Where inputs are left that made a target fail.
fn artifacts(target: &str) -> PathBuf {
    workspace::root().join("fuzz/artifacts").join(target)
}

fn make(folder: &Path) -> Result<(), shell::Failure> {
    fs::create_dir_all(folder).map_err(shell::file(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_those_of_the_manifest() {
        let manifest = fs::read_to_string(workspace::root().join(MANIFEST)).unwrap();
        let bins = manifest.split("[[bin]]").skip(1);
        let names: Vec<&str> = bins.filter_map(|bin| bin.split('"').nth(1)).collect();
        assert_eq!(names, target::ALL.map(|target| target.name));
    }

    #[test]
    fn an_unknown_target_is_named_beside_those_there_are() {
        let error = chosen(&["attach".into(), "atach".into()]).unwrap_err().to_string();
        assert!(error.contains("`atach`") && error.contains("hostile_threads"), "{error}");
        assert_eq!(chosen(&[]).unwrap().len(), target::ALL.len());
    }

    #[test]
    fn inputs_are_kept_for_every_target() {
        for target in target::ALL {
            assert!(fs::read_dir(kept(target.name)).unwrap().count() > 0, "{target}");
        }
    }
}
