//! Assembles PTX with every assembler for every architecture, and shows what the kernels take.

use std::path::Path;

use perdix_build::ptxas::{Ptxas, Usage};

use crate::say::say;
use crate::{Outcome, workspace};

/// The architecture whose figures are shown.
const SHOWN: u32 = 90;

/// Why nothing was assembled.
#[derive(Debug, thiserror::Error)]
#[error("no ptxas was found: run `cargo xtask setup`, or set PERDIX_PTXAS to the path of one")]
struct NoAssembler;

/// Assembles the file for every architecture from `oldest` on that an assembler knows.
pub(super) fn everywhere(ptx: &Path, oldest: u32) -> Outcome {
    let assemblers = Ptxas::find_all(&[workspace::toolchain_folder()])?;
    if assemblers.is_empty() {
        return Err(NoAssembler.into());
    }
    let mut shown = None;
    for ptxas in &assemblers {
        let able: Vec<u32> = ptxas.architectures().iter().copied().filter(|arch| *arch >= oldest).collect();
        for arch in &able {
            let usage = ptxas.assemble(ptx, *arch)?;
            if *arch == SHOWN {
                shown = Some(usage);
            }
        }
        let names: Vec<String> = able.iter().map(|arch| format!("sm_{arch}")).collect();
        say!(
            "ptxas {}: {} of {} architectures pass: {}",
            ptxas.version(),
            able.len(),
            able.len(),
            names.join(" ")
        );
    }
    if let Some(mut usage) = shown {
        usage.sort_by(|one, other| one.kernel.cmp(&other.kernel));
        say!("{}", table(&usage).trim_end());
    }
    Ok(())
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
    fn the_table_has_a_line_for_each_kernel() {
        let row = |kernel: &str| Usage { kernel: kernel.into(), registers: 22, ..Usage::default() };
        let text = table(&[row("a_long_kernel_name"), row("b")]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("b                          22      0  0, 0"), "{text}");
    }
}
