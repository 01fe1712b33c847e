//! `cargo xtask bench-gpu`: measures on this machine's GPU.

use std::process::Command;

use crate::cargo::{self, Build};
use crate::say::say;
use crate::{Outcome, cuda_library, shell, workspace};

/// The program that measures.
pub(crate) const PROGRAM: &str = "bench-gpu";
/// Its package.
pub(crate) const PACKAGE: &str = "perdix-gpu-bench";

/// Build and run the benchmark on this machine's GPU: the bare link, Perdix and baselines in one run
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Arguments of the benchmark: --quick, --json FILE, --html FILE, --report FILE, ...; --help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

pub(crate) fn run(Arguments { arguments }: &Arguments) -> Outcome {
    // Rendering a report and showing the options need no GPU, and so neither the driver nor a program that is linked to it.
    let measures = !arguments.iter().any(|argument| {
        ["--report", "--help", "-h"].contains(&argument.as_str()) || argument.starts_with("--report=")
    });
    if measures && !cuda_library::is_loadable() {
        return Err(crate::test_gpu::NoDriver.into());
    }
    let build = Build::new("Cargo.toml").args(["-p", PACKAGE]);
    let build = if measures {
        build.args(["--features", "perdix-gpu-bench/cuda"]).cuda(&cuda_library::provide()?)
    } else {
        build
    };
    let programs = build.run()?;
    let program = cargo::find(&programs, PROGRAM)?;
    if measures {
        say!("running {}", workspace::shown(program));
    }
    let status = Command::new(program).args(arguments).status().map_err(shell::file(program))?;
    if status.success() { Ok(()) } else { Err(shell::ended(status).into()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn all_arguments_go_to_the_program() {
        let line = ["bench-gpu", "--quick", "--json", "a.json", "--help"];
        let cli = Cli::try_parse_from(line).map(|cli| cli.arguments.arguments);
        assert_eq!(cli.unwrap(), line[1..]);
    }
}
