//! Assembles PTX with every assembler for every architecture, and shows what the kernels take.

use std::fmt;
use std::path::Path;

use perdix_build::ptxas::{Ptxas, Usage};

use crate::say::say;
use crate::{Outcome, side_by_side, workspace};

/// The architecture whose figures are shown.
const SHOWN: u32 = 90;

/// Why nothing was assembled.
#[derive(Debug, thiserror::Error)]
#[error("no ptxas was found: run `cargo xtask setup`, or set PERDIX_PTXAS to the path of one")]
struct NoAssembler;

/// Assembles the file for every architecture from `oldest` on that an assembler knows, or in `short` form for a few of them.
pub(super) fn everywhere(ptx: &Path, oldest: u32, short: bool) -> Outcome {
    let assemblers = Ptxas::find_all(&[workspace::toolchain_folder()])?;
    if assemblers.is_empty() {
        return Err(NoAssembler.into());
    }
    let jobs: Vec<Job<'_>> = assemblers.iter().flat_map(|ptxas| Job::of(ptxas, oldest, short)).collect();
    let mut shown = None;
    for (job, usage) in jobs.iter().zip(side_by_side::run(&jobs, |job| job.ptxas.assemble(ptx, job.arch))) {
        let usage = usage?;
        if job.arch == SHOWN {
            shown = Some(usage);
        }
    }
    for ptxas in &assemblers {
        let names: Vec<String> =
            Job::of(ptxas, oldest, short).map(|job| format!("sm_{}", job.arch)).collect();
        say!("ptxas {}: {} architectures pass: {}", ptxas.version(), names.len(), names.join(" "));
    }
    if let Some(mut usage) = shown {
        usage.sort_by(|one, other| one.kernel.cmp(&other.kernel));
        say!("{}", table(&usage).trim_end());
    }
    Ok(())
}

/// One assembler's work for one architecture.
struct Job<'a> {
    ptxas: &'a Ptxas,
    arch: u32,
}

impl<'a> Job<'a> {
    /// One for every architecture from `oldest` on that the assembler knows; in `short` form for the ends of that range and the one shown.
    fn of(ptxas: &'a Ptxas, oldest: u32, short: bool) -> impl Iterator<Item = Self> {
        wanted(ptxas.architectures(), oldest, short).into_iter().map(move |arch| Self { ptxas, arch })
    }
}

impl fmt::Display for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ptxas {} for sm_{}", self.ptxas.version(), self.arch)
    }
}

fn wanted(known: &[u32], oldest: u32, short: bool) -> Vec<u32> {
    let able: Vec<u32> = known.iter().copied().filter(|arch| *arch >= oldest).collect();
    let ends = [able.first().copied(), able.last().copied(), Some(SHOWN)];
    able.iter().copied().filter(|arch| !short || ends.contains(&Some(*arch))).collect()
}

fn table(usage: &[Usage]) -> String {
    let width = usage.iter().map(|row| row.kernel.len()).max().unwrap_or(0).max("kernel".len());
    let mut text =
        format!("{:width$}  registers  stack  spilled (bytes stored, loaded), sm_{SHOWN}\n", "kernel");
    for Usage { kernel, registers, stack, spill_stores, spill_loads } in usage {
        text += &format!("{kernel:width$}  {registers:9}  {stack:5}  {spill_stores}, {spill_loads}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_takes_the_ends() {
        let known = [50, 70, 75, 80, 90, 100, 120];
        assert_eq!(wanted(&known, 70, false), [70, 75, 80, 90, 100, 120]);
        assert_eq!(wanted(&known, 70, true), [70, 90, 120]);
        assert_eq!(wanted(&[70, 75], 75, true), [75]);
    }

    #[test]
    fn the_table_has_a_line_for_each_kernel() {
        let row = |kernel: &str| Usage { kernel: kernel.into(), registers: 22, ..Usage::default() };
        let text = table(&[row("a_long_kernel_name"), row("b")]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("b                          22      0  0, 0"), "{text}");
    }
}
