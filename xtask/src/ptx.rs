//! `cargo xtask ptx`: the repository's own kernels, as PTX that is kept in the repository.

mod assemble;

use std::fs;
use std::path::{Path, PathBuf};

use perdix_build::{Arch, Header, Kernels, inspect};

use crate::say::say;
use crate::{Outcome, shell, workspace};

/// Build the repository's kernels and write their PTX
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing: compare with the file that is kept, inspect it, and assemble it for every architecture
    #[arg(long)]
    check: bool,
    /// Assemble only for the oldest and the newest architecture that each assembler knows, and the one whose figures are shown
    #[arg(long)]
    short: bool,
}

/// Why the check failed.
#[derive(Debug, thiserror::Error)]
enum PtxError {
    #[error("{} has no header that tells its compiler: run `cargo xtask ptx`", workspace::shown(.0))]
    NoHeader(PathBuf),
    #[error(
        "{} is not what the sources give, from line {line} on: run `cargo xtask ptx` and commit it",
        workspace::shown(path)
    )]
    Stale { path: PathBuf, line: usize },
    #[error("{} is refused:\n{source}", workspace::shown(path))]
    Refused { path: PathBuf, source: inspect::InspectError },
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let kernels = Kernels::new(workspace::root().join("kernels"))
        .arch(Arch::default())
        .target_dir(workspace::root().join("target/ptx"))
        .generator("`cargo xtask ptx`");
    let kept = workspace::root().join("kernels/ptx/perdix_kernels.ptx");
    let built = kernels.build()?;
    say!("built {} kernels: {}", built.report.kernels.len(), built.report.kernels.join(", "));
    if arguments.check {
        let text = fs::read_to_string(&kept).map_err(shell::file(&kept))?;
        check(&kept, &text, &built.ptx)?;
    } else {
        let folder = kept.parent().unwrap_or(&kept);
        fs::create_dir_all(folder).map_err(shell::file(folder))?;
        fs::write(&kept, &built.ptx).map_err(shell::file(&kept))?;
        say!("wrote {}, {} bytes", workspace::shown(&kept), built.ptx.len());
    }
    assemble::everywhere(&kept, built.report.target, arguments.short)
}

fn check(path: &Path, kept: &str, built: &str) -> Result<(), PtxError> {
    let recorded = Header::parse(kept).ok_or_else(|| PtxError::NoHeader(path.to_owned()))?;
    let here = Header::parse(built).ok_or_else(|| PtxError::NoHeader(path.to_owned()))?;
    if recorded.compiler != here.compiler {
        say!("not compared: it was made by {}, and this is {}", recorded.compiler, here.compiler);
    } else if kept == built {
        say!("{} is what the sources give, byte for byte", workspace::shown(path));
    } else if outline(kept) == outline(built) && are_alike(kept.lines().count(), built.lines().count()) {
        say!(
            "{} has the kernels, parameters and data that the sources give; the code is ordered otherwise from line {} on, as the compiler \
             goes by hashes of the checkout's path",
            workspace::shown(path),
            first_difference(kept, built)
        );
    } else {
        return Err(PtxError::Stale { path: path.to_owned(), line: first_difference(kept, built) });
    }
    inspect::inspect(kept).map_err(|source| PtxError::Refused { path: path.to_owned(), source })?;
    Ok(())
}

/// What does not depend on where the sources lie: the kernels with their parameters, and the data, in an order of its own.
fn outline(ptx: &str) -> Vec<String> {
    let declared = ptx.split(".visible .entry ").skip(1).filter_map(|rest| rest.split('{').next());
    let kernels = declared.map(|signature| signature.split_whitespace().collect::<String>());
    let data =
        ptx.lines().filter(|line| line.starts_with(".global")).filter_map(|line| line.split_once(" = "));
    let mut all: Vec<String> = kernels.chain(data.map(|(_, values)| values.to_owned())).collect();
    all.sort();
    all
}

/// Whether two numbers of lines differ by 2 % at most.
fn are_alike(one: usize, other: usize) -> bool {
    one.abs_diff(other) * 50 <= one.max(other)
}

fn first_difference(one: &str, other: &str) -> usize {
    1 + one.lines().zip(other.lines()).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ptx(compiler: &str, body: &str) -> String {
        let header = Header {
            generator: "a test".into(),
            compiler: compiler.into(),
            target: "sm_70".into(),
            command: "none".into(),
        };
        format!("{}.version 6.3\n.target sm_70\n.visible .entry k()\n{{\n{body}\n}}\n", header.render())
    }

    #[test]
    fn the_same_compiler_must_give_the_same() {
        let path = Path::new("k.ptx");
        assert!(check(path, &ptx("a", "ret;"), &ptx("a", "ret;")).is_ok());
        let stale =
            check(path, &ptx("a", "ret;"), &ptx("a", "mov.u32 %r1, 1;\nret;")).unwrap_err().to_string();
        assert!(stale.contains("line 9") && stale.contains("cargo xtask ptx"), "{stale}");
    }

    #[test]
    fn code_in_another_order_is_the_same() {
        let path = Path::new("k.ptx");
        assert!(check(path, &ptx("a", "ret;"), &ptx("a", "exit;")).is_ok());
        let renamed = ptx("a", "ret;").replace("k()", "other()");
        assert!(check(path, &ptx("a", "ret;"), &renamed).is_err());
        let data = |value| ptx("a", "ret;") + ".global .align 1 .b8 site[2] = {1, " + value + "};\n";
        assert!(check(path, &data("2"), &data("2")).is_ok());
        assert!(check(path, &data("2"), &data("3")).is_err());
    }

    #[test]
    fn another_compiler_is_no_error_but_bad_ptx_is() {
        let path = Path::new("k.ptx");
        assert!(check(path, &ptx("a", "ret;"), &ptx("b", "exit;")).is_ok());
        let bad = check(path, &ptx("a", "ld.global.nc.u64 %a, [%b];"), &ptx("b", "ret;"));
        assert!(matches!(bad, Err(PtxError::Refused { .. })));
        assert!(matches!(check(path, ".version 6.3", &ptx("b", "ret;")), Err(PtxError::NoHeader(_))));
    }
}
