//! The names of the driver's functions, read from the bindings that `cust` uses.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{self, Failure};

/// The crate with the bindings; the version that `cust` 0.3.2 depends on.
const BINDINGS: &str = "cust_raw";
const VERSION: &str = "0.11.3";

/// Functions that are called but are not in the bindings, which were made for CUDA 11.
const ADDED: [&str; 6] = [
    "cuGetProcAddress",
    "cuGetProcAddress_v2",
    "cuMemAdvise_v2",
    "cuMemPrefetchAsync_v2",
    "cuCtxCreate_v4",
    "cuEventElapsedTime_v2",
];

const REMEDY: &str =
    "It fetches the crate `cust_raw`: check the network, or put its index into cargo's cache";

/// Why there are no names.
#[derive(Debug, thiserror::Error)]
pub(super) enum NamesError {
    #[error(transparent)]
    Step(#[from] Failure),
    #[error("cargo does not say where {BINDINGS} {VERSION} lies. {REMEDY}")]
    NoBindings,
}

/// Every name, sorted. `folder` is free for use: an empty crate in it makes cargo fetch the bindings.
pub(super) fn all(folder: &Path) -> Result<Vec<String>, NamesError> {
    let bindings = bindings(folder)?.join("src/cuda.rs");
    let text = fs::read_to_string(&bindings).map_err(shell::file(&bindings))?;
    let names: BTreeSet<&str> = parse(&text).chain(ADDED).collect();
    Ok(names.into_iter().map(str::to_owned).collect())
}

fn bindings(folder: &Path) -> Result<PathBuf, NamesError> {
    let manifest = folder.join("Cargo.toml");
    let source = folder.join("src");
    fs::create_dir_all(&source).map_err(shell::file(&source))?;
    let library = source.join("lib.rs");
    fs::write(&library, "").map_err(shell::file(&library))?;
    let text = format!(
        "[package]\nname = \"names\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
         [dependencies]\n{BINDINGS} = \"={VERSION}\"\n[workspace]\n"
    );
    fs::write(&manifest, text).map_err(shell::file(&manifest))?;
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--manifest-path"]).arg(&manifest);
    let metadata = shell::run(&mut cargo, REMEDY)?;
    locate(&metadata).ok_or(NamesError::NoBindings)
}

/// The folder of the bindings' manifest, out of cargo's JSON.
fn locate(metadata: &str) -> Option<PathBuf> {
    let paths = metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let wanted = format!("{BINDINGS}-{VERSION}");
    paths
        .filter_map(|path| Path::new(path).parent())
        .find(|folder| folder.ends_with(&wanted))
        .map(Path::to_owned)
}

/// The names in `pub fn cuName(`.
fn parse(bindings: &str) -> impl Iterator<Item = &str> {
    bindings.lines().filter_map(|line| {
        let name = line.trim_start().strip_prefix("pub fn ")?.split('(').next()?;
        name.starts_with("cu").then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_from_other_lines() {
        let text = "extern \"C\" {\n    pub fn cuInit(Flags: u32) -> CUresult;\n    pub fn cuMemAdvise(\n        a: u32,\n}\n\
                    pub fn_: CUhostFn,\nfn cut() {}";
        assert_eq!(parse(text).collect::<Vec<_>>(), ["cuInit", "cuMemAdvise"]);
    }

    #[test]
    fn the_bindings_are_found_in_the_metadata() {
        let json = r#"{"manifest_path":"/r/bitflags-1.3.2/Cargo.toml","x":1},{"manifest_path":"/r/cust_raw-0.11.3/Cargo.toml"}"#;
        assert_eq!(locate(json), Some(PathBuf::from("/r/cust_raw-0.11.3")));
        assert_eq!(locate("{}"), None);
    }
}
