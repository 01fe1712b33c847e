//! `cargo xtask model`: checks the protocol's models in `models/` with spin, and that every mutation of them is found.

mod check;
mod plan;
mod report;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use check::{Finding, ModelError};
use indicatif::{ProgressBar, ProgressStyle};
use plan::{Job, Plan};
use report::Report;

use crate::say::say;
use crate::{Outcome, workspace};

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
    let findings = run_all(&jobs)?;
    let report = Report::new(&jobs, &findings);
    say!("{report}");
    match report.unexpected() {
        0 => Ok(()),
        count => Err(Unexpected(count).into()),
    }
}

/// Runs the jobs side by side, as many as there are cores.
fn run_all(jobs: &[Job]) -> Result<Vec<Finding>, ModelError> {
    let bar = ProgressBar::new(jobs.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    bar.set_message(job.to_string());
                    let finding = check::check(job);
                    bar.inc(1);
                    if let Ok(mut done) = done.lock() {
                        done.push((index, finding));
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, finding)| finding).collect()
}
