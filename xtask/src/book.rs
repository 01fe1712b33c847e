//! `cargo xtask book`: the chapters in docs/ as pages.

use std::process::{Command, Stdio};

use crate::say::say;
use crate::tools::Tool;
use crate::{Outcome, shell, trixie, workspace};

const MDBOOK: Tool =
    Tool { name: "mdbook", version: "0.4.52", options: &["--no-default-features", "--features", "search"] };

/// Build the book in docs/ with mdBook, into target/book; any warning is an error
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Why there is no book.
#[derive(Debug, thiserror::Error)]
enum BookError {
    #[error("mdbook is not content:\n{0}")]
    Warned(String),
}

pub(crate) fn run(_: &Arguments) -> Outcome {
    let program = if !MDBOOK.is_there() && trixie::is_possible() {
        trixie::provide(MDBOOK.name, &["mdbook"])?
    } else {
        MDBOOK.find()?
    };
    let mut command = Command::new(&program);
    command.args(["build", "book"]).current_dir(workspace::root()).stdin(Stdio::null());
    let output = command.output().map_err(shell::file(&program))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || complaints(&said) {
        return Err(BookError::Warned(said).into());
    }
    say!("{}", workspace::shown(&workspace::root().join("target/book/index.html")));
    Ok(())
}

/// Whether something was said beyond how it goes on.
fn complaints(said: &str) -> bool {
    said.lines().any(|line| ["WARN", "ERROR", "warning", "error:"].iter().any(|word| line.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::complaints;

    #[test]
    fn warnings_are_seen() {
        assert!(!complaints("2026-01-01 00:00:00 [INFO] (mdbook::book): Running the html backend"));
        assert!(complaints("2026-01-01 00:00:00 [WARN] (mdbook::utils): no such file"));
    }
}
