//! `cargo xtask package`: what is to hold before crates are published.

use std::process::Command;

use crate::say::say;
use crate::tools::Tool;
use crate::{Outcome, shell, workspace};

/// The crates that are published, in the order in which they depend on each other.
pub(crate) const PUBLISHED: [&str; 4] = ["perdix-core", "perdix-gpu", "perdix-build", "perdix-host"];

const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", options: &["--no-default-features"] };

/// Package the published crates and build them from their packages; check licences and sources of all dependencies
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Ask for known vulnerabilities too, which needs github.com
    #[arg(long)]
    advisories: bool,
    /// Package what is not committed
    #[arg(long)]
    allow_dirty: bool,
}

/// A check failed, and has said why.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` failed: see above")]
struct Failed(String);

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut package = Command::new("cargo");
    package.args(["package", "--quiet"]).args(PUBLISHED.iter().flat_map(|name| ["-p", name]));
    if arguments.allow_dirty {
        package.arg("--allow-dirty");
    }
    checked(&mut package)?;
    say!("{} package, and build from their packages", PUBLISHED.join(", "));

    let mut deny = Command::new(DENY.find()?);
    deny.args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
    if arguments.advisories {
        deny.arg("advisories");
    }
    checked(&mut deny)
}

fn checked(command: &mut Command) -> Outcome {
    let status = command.current_dir(workspace::root()).status();
    let program = command.get_program().to_string_lossy().into_owned();
    let status = status.map_err(shell::file(program.as_ref()))?;
    if status.success() { Ok(()) } else { Err(Failed(program).into()) }
}
