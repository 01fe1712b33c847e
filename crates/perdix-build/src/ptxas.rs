//! NVIDIA's assembler, as a check that needs no GPU: what `ptxas` accepts, the driver loads.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment variable that names a ptxas to use before any other.
pub const VARIABLE: &str = "PERDIX_PTXAS";

/// Why an assembler could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PtxasError {
    /// It does not start.
    #[error("cannot run {}: {source}. Run `cargo xtask setup`, or set {VARIABLE} to the path of a ptxas", path.display())]
    Run {
        /// Its path.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// It refused the PTX.
    #[error("ptxas {version} refuses {} for sm_{arch}:\n{log}", ptx.display())]
    Refused {
        /// The assembler's version.
        version: String,
        /// The file.
        ptx: PathBuf,
        /// The architecture's number.
        arch: u32,
        /// What the assembler wrote.
        log: String,
    },
}

/// An assembler.
#[derive(Clone, Debug)]
pub struct Ptxas {
    path: PathBuf,
    version: String,
    architectures: Vec<u32>,
}

/// What one kernel takes of a GPU's multiprocessor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The kernel.
    pub kernel: String,
    /// Registers per thread.
    pub registers: u32,
    /// Bytes of stack per thread.
    pub stack: u32,
    /// Bytes stored per thread because the registers did not suffice.
    pub spill_stores: u32,
    /// Bytes loaded back.
    pub spill_loads: u32,
}

impl Ptxas {
    /// Every assembler there is: the one that `PERDIX_PTXAS` names, else those in the `ptxas*` folders of `folders`, which
    /// `cargo xtask setup` fills, and the one on `PATH`.
    ///
    /// # Errors
    /// When one that was found does not run.
    pub fn find_all(folders: &[PathBuf]) -> Result<Vec<Self>, PtxasError> {
        if let Some(path) = env::var_os(VARIABLE) {
            return Ok(vec![Self::open(path.into())?]);
        }
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("ptxas") {
                paths.push(entry.path().join("ptxas"));
            }
        }
        paths.sort();
        let on_path = env::var_os("PATH").unwrap_or_default();
        paths.extend(
            env::split_paths(&on_path).map(|folder| folder.join("ptxas")).find(|path| path.is_file()),
        );
        paths.into_iter().filter(|path| path.is_file()).map(Self::open).collect()
    }

    /// The assembler at `path`.
    ///
    /// # Errors
    /// When it does not run.
    pub fn open(path: PathBuf) -> Result<Self, PtxasError> {
        let ask = |argument: &str| match Command::new(&path).arg(argument).output() {
            Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Err(source) => Err(PtxasError::Run { path: path.clone(), source }),
        };
        let version = version(&ask("--version")?);
        let architectures = architectures(&ask("--help")?);
        Ok(Self { path, version, architectures })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, as in `12.9.86`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The numbers of the architectures it assembles for, lowest first. Variants such as `sm_90a` are left out.
    #[must_use]
    pub fn architectures(&self) -> &[u32] {
        &self.architectures
    }

    /// Assembles a file for the architecture with this number, keeps nothing, and tells what the kernels take.
    ///
    /// # Errors
    /// When the assembler refuses the file.
    pub fn assemble(&self, ptx: &Path, arch: u32) -> Result<Vec<Usage>, PtxasError> {
        let mut command = Command::new(&self.path);
        command.arg("-v").arg(format!("-arch=sm_{arch}")).args(["-o", "/dev/null"]).arg(ptx);
        let output =
            command.output().map_err(|source| PtxasError::Run { path: self.path.clone(), source })?;
        let log =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            return Ok(usage(&log));
        }
        Err(PtxasError::Refused { version: self.version.clone(), ptx: ptx.to_owned(), arch, log })
    }
}

/// `13.5.37` from `Cuda compilation tools, release 13.5, V13.5.37`.
fn version(text: &str) -> String {
    text.split_whitespace().find_map(|word| word.strip_prefix('V')).unwrap_or("unknown").to_owned()
}

/// The numbers of the quoted `'sm_NN'` in the help text.
fn architectures(help: &str) -> Vec<u32> {
    let quoted = help.split('\'').filter_map(|word| word.strip_prefix("sm_")?.parse().ok());
    let mut found: Vec<u32> = quoted.collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// What `-v` says about each kernel.
fn usage(log: &str) -> Vec<Usage> {
    let mut found: Vec<Usage> = Vec::new();
    let mut described = "";
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            let kernel = rest.split('\'').next().unwrap_or_default().to_owned();
            found.push(Usage { kernel, ..Usage::default() });
        } else if let Some((_, name)) = line.split_once("Function properties for ") {
            described = name.trim();
        } else if let Some(last) = found.last_mut() {
            // The figures of a kernel's callees stand between its own lines and must not replace them.
            if line.contains("stack frame") && described == last.kernel {
                last.stack = figure(line, "bytes stack frame");
                last.spill_stores = figure(line, "bytes spill stores");
                last.spill_loads = figure(line, "bytes spill loads");
            } else if line.contains(" registers") {
                last.registers = figure(line, "registers");
            }
        }
    }
    found
}

/// The number ahead of `unit`.
fn figure(line: &str, unit: &str) -> u32 {
    let ahead = line.split_once(unit).map_or("", |(ahead, _)| ahead);
    ahead.split_whitespace().next_back().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_for_each_kernel() {
        let log = "ptxas info    : 0 bytes gmem\n\
                   ptxas info    : Compiling entry function 'a' for 'sm_90'\n\
                   ptxas info    : Function properties for a\n    16 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads\n\
                   ptxas info    : Used 22 registers, used 1 barriers, 16 bytes cumulative stack size\n\
                   ptxas info    : Function properties for helper\n    99 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n\
                   ptxas info    : Compiling entry function 'b' for 'sm_90'\n\
                   ptxas info    : Used 8 registers\n";
        let a = Usage { kernel: "a".into(), registers: 22, stack: 16, spill_stores: 4, spill_loads: 8 };
        let b = Usage { kernel: "b".into(), registers: 8, ..Usage::default() };
        assert_eq!(usage(log), [a, b]);
    }

    #[test]
    fn plain_architectures_are_read_from_the_help_text() {
        let help =
            "'compute_90','lto_90','sm_100','sm_100a',\n'sm_75','sm_90','sm_90a'. Default value:  'sm_75'.";
        assert_eq!(architectures(help), [75, 90, 100]);
        assert_eq!(version("Cuda compilation tools, release 13.5, V13.5.37\n"), "13.5.37");
    }
}
