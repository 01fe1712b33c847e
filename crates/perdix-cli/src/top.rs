//! `perdix top`: the rings in this user's shared memory, live.

mod cells;
mod figures;
mod model;
mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use crate::args::seconds;
use crate::error::Error;
use crate::report::To;
use crate::rings::{Places, WHERE};
use figures::Report;
use model::Model;

/// Watches the rings with a name that processes of this user share: how full they are, how fast they go, who waits, who has died.
///
/// It only looks: what rings say of themselves is copied, and no lock is taken. Keys: arrows (or j and k) select a ring, q ends.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Look once and print a table; no rates, which take two looks
    #[arg(long)]
    once: bool,
    /// Look once and print one JSON object
    #[arg(long)]
    json: bool,
    #[arg(long, value_name = "DIR", help = WHERE)]
    directory: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &TopArgs) -> Result<(), Error> {
    let places = Places::new(args.directory.as_deref())?;
    let mut model = Model::new(places.to_string());
    if !args.once && !args.json {
        if !std::io::stdout().is_terminal() {
            return Err(Error::Arguments(
                "perdix top draws on a terminal, and standard output is none; use --once or --json",
            ));
        }
        return terminal::run(&places, &mut model, args.interval);
    }
    model.update(places.list()?, Instant::now());
    if args.json { To::Stdout.json(&Report::of(&model)) } else { To::Stdout.print(&cells::table(&model)) }
}
