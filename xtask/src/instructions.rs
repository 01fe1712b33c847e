//! `cargo xtask instructions`: what a message costs in instructions, which does not depend on how busy the machine is.

mod counts;
mod measure;

use std::fs;

use counts::{Counts, Verdict};

use crate::say::say;
use crate::{Outcome, shell, workspace};

/// Count the instructions per message of the hot paths with valgrind, beside the counts that are kept
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Fail if a path needs more than is kept
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Keep the new counts
    #[arg(long)]
    update: bool,
}

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
#[error(
    "too many instructions: {0}. Find out why; if the cost is justified, run `cargo xtask instructions --update` and say why \
     in the commit"
)]
struct Grown(String);

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let file = workspace::root().join("benches/instructions.json");
    let counted = measure::measure()?;
    if arguments.update {
        fs::write(&file, counted.to_json()).map_err(shell::file(&file))?;
        say!("{counted}");
        say!("wrote {}", workspace::shown(&file));
        return Ok(());
    }
    let kept = Counts::from_json(&fs::read_to_string(&file).map_err(shell::file(&file))?)?;
    let comparison = kept.compare(&counted);
    say!("{comparison}");
    if comparison.has(Verdict::Less) {
        say!(
            "fewer than are kept, or not kept yet: run `cargo xtask instructions --update` and commit {}",
            workspace::shown(&file)
        );
    }
    if arguments.check && comparison.has(Verdict::More) {
        return Err(Grown(comparison.names(Verdict::More)).into());
    }
    Ok(())
}
