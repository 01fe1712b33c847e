//! `cargo xtask model`: checks the protocol's models in `models/` with spin, and that every mutation of them is found.

mod check;
mod plan;
mod report;

use check::{Finding, ModelError};
use plan::Plan;
use report::Report;

use crate::say::say;
use crate::{Outcome, side_by_side, workspace};

/// Check the protocol's models with spin: no order of events breaks them, and every mutation does
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The large instances too, which take minutes and gigabytes
    #[arg(long)]
    long: bool,
    /// Only what has this in its name: a model, or a mutation
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} of the runs above did not end as they should. To see how, run `cargo xtask model --only NAME`: it leaves the trail, and \
     names the command that prints it"
)]
struct Unexpected(usize);

/// Nothing matches `--only`.
#[derive(Debug, thiserror::Error)]
#[error(
    "no model and no mutation has {0:?} in its name: `ls models` lists the models, their first lines the mutations"
)]
struct NoSuch(String);

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    check::tools()?;
    let plan = Plan::read(&workspace::root().join("models"))?;
    let jobs = plan.jobs(arguments.long, arguments.only.as_deref());
    if jobs.is_empty() {
        return Err(NoSuch(arguments.only.clone().unwrap_or_default()).into());
    }
    let findings: Result<Vec<Finding>, ModelError> =
        side_by_side::run(&jobs, check::check).into_iter().collect();
    let findings = findings?;
    let report = Report::new(&jobs, &findings);
    say!("{report}");
    match report.unexpected() {
        0 => Ok(()),
        count => Err(Unexpected(count).into()),
    }
}
