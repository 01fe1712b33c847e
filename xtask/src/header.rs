//! `cargo xtask header`: the layout of ring and handles as a C++ header, from `perdix-core`'s own types.

mod text;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::say::say;
use crate::{Outcome, shell, workspace};

const HEADER: &str = "include/perdix/perdix.h";

/// A program that compiles only if a host compiler sees the layout that Rust sees.
const PROGRAM: &str = "#include \"perdix.h\"\nint main() { return perdix::VERSION == 0; }\n";

const REMEDY: &str = "It needs a C++17 compiler: on Debian, apt install g++; or set CXX to the path of one";

/// Write include/perdix/perdix.h, the layout for C++, from perdix-core
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing: compare with the file that is kept, and compile it with the host's C++ compiler
    #[arg(long)]
    check: bool,
}

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
#[error("{HEADER} is not what perdix-core says, from line {line} on: run `cargo xtask header` and commit it")]
struct Stale {
    line: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let path = workspace::root().join(HEADER);
    let made = text::header();
    if arguments.check {
        let kept = fs::read_to_string(&path).map_err(shell::file(&path))?;
        compare(&kept, &made)?;
        say!("{HEADER} is what perdix-core says");
        compile(&path)?;
        emulate()
    } else {
        fs::write(&path, &made).map_err(shell::file(&path))?;
        say!("wrote {HEADER}, {} bytes", made.len());
        Ok(())
    }
}

fn compare(kept: &str, made: &str) -> Result<(), Stale> {
    if kept == made {
        return Ok(());
    }
    let same = kept.lines().zip(made.lines()).take_while(|(one, other)| one == other).count();
    Err(Stale { line: same + 1 })
}

/// Has the host's compiler check every offset that the header asserts, and that a wrong one is an error.
fn compile(header: &Path) -> Outcome {
    let folder = workspace::root().join("target/header");
    fs::create_dir_all(&folder).map_err(shell::file(&folder))?;
    let program = folder.join("layout.cpp");
    fs::write(&program, PROGRAM).map_err(shell::file(&program))?;
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".into());
    let mut command = Command::new(&compiler);
    command.args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"]);
    command.arg(header.parent().unwrap_or(header)).arg(&program);
    shell::run(&mut command, REMEDY)?;
    say!("{compiler} sees the same layout");
    Ok(())
}

/// Has the producers of the header send, compiled for the CPU.
fn emulate() -> Outcome {
    let mut test = Command::new("cargo");
    test.current_dir(workspace::root()).args([
        "test",
        "--quiet",
        "-p",
        "perdix-gpu",
        "--test",
        "cpp",
        "--",
        "--ignored",
    ]);
    shell::run(&mut test, "See what the test says above").map(drop)?;
    say!("the C++ producers keep the protocol on emulated lanes");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_header_is_what_the_core_says() {
        let kept = fs::read_to_string(workspace::root().join(HEADER)).unwrap_or_default();
        assert!(compare(&kept, &text::header()).is_ok());
    }

    #[test]
    fn a_changed_line_is_named() {
        let made = text::header();
        let kept = made.replace("CAPACITY = 16", "CAPACITY = 24");
        assert_ne!(kept, made);
        let error = compare(&kept, &made).unwrap_err();
        let line = 1 + made.lines().position(|line| line.contains("CAPACITY = 16")).unwrap_or(0);
        assert_eq!(error.line, line);
    }
}
