//! A folder for a GPU machine that has neither cargo nor this repository.

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::elf::{self, Version};
use super::{COMMANDS, TESTS};
use crate::say::say;
use crate::shell::Failure;
use crate::{Outcome, cargo, example, shell, workspace};

/// The most that a bundle may take: what can be sent around without a thought.
const MOST_BYTES: u64 = 60 * 1024 * 1024;
const SCRIPT: &str = include_str!("run.sh");
/// Where the script says which C library is needed.
const GLIBC: &str = "@GLIBC@";

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
enum BundleError {
    #[error("{} is not empty and is no bundle: name another folder", .0.display())]
    Occupied(PathBuf),
    #[error("{program} needs {libraries}, which other machines may not have")]
    Libraries { program: String, libraries: String },
    #[error("the bundle takes {total} bytes, more than {MOST_BYTES}:\n{sizes}")]
    TooLarge { total: u64, sizes: String },
}

pub(super) fn make(folder: &Path) -> Outcome {
    check_free(folder)?;
    fs::create_dir_all(folder).map_err(shell::file(folder))?;
    let mut programs = super::build()?;
    let examples: Vec<&str> = [example::PROGRAM].into_iter().chain(example::TOUR).collect();
    programs.extend(example::build(&examples, true)?);

    let mut glibc = Version::default();
    for name in [TESTS].into_iter().chain(COMMANDS).chain(examples) {
        glibc = glibc.max(add(cargo::find(&programs, name)?, &folder.join(name), name)?);
    }
    copy("kernels/ptx/perdix_kernels.ptx", folder)?;
    copy(example::TEXT, folder)?;
    write_script(&folder.join("run"), glibc)?;
    report(folder, glibc)
}

/// Adds a file of the repository.
fn copy(path: &str, folder: &Path) -> Result<(), Failure> {
    let to = folder.join(Path::new(path).file_name().unwrap_or_default());
    fs::copy(workspace::root().join(path), &to).map(drop).map_err(shell::file(&to))
}

/// An earlier bundle is written over; anything else is left alone.
fn check_free(folder: &Path) -> Result<(), BundleError> {
    let occupied = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !folder.join(TESTS).is_file() {
        return Err(BundleError::Occupied(folder.to_owned()));
    }
    Ok(())
}

/// Adds a program and returns the C library that it needs.
fn add(from: &Path, to: &Path, name: &str) -> Result<Version, Box<dyn Error>> {
    elf::strip(from, to)?;
    let needs = elf::needs(to)?;
    if needs.unexpected.is_empty() {
        return Ok(needs.glibc);
    }
    let libraries = needs.unexpected.join(", ");
    Err(BundleError::Libraries { program: name.to_owned(), libraries }.into())
}

fn write_script(path: &Path, (major, minor): Version) -> Result<(), Failure> {
    fs::write(path, SCRIPT.replace(GLIBC, &format!("{major}.{minor}"))).map_err(shell::file(path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(shell::file(path))
}

fn report(folder: &Path, (major, minor): Version) -> Outcome {
    let mut sizes = Vec::new();
    for entry in fs::read_dir(folder).map_err(shell::file(folder))?.flatten() {
        let bytes = entry.metadata().map_err(shell::file(&entry.path()))?.len();
        sizes.push((entry.file_name().to_string_lossy().into_owned(), bytes));
    }
    sizes.sort();
    let total = sizes.iter().map(|(_, bytes)| bytes).sum();
    let sizes: Vec<String> = sizes.iter().map(|(name, bytes)| format!("{bytes:>10}  {name}")).collect();
    let sizes = sizes.join("\n");
    if total > MOST_BYTES {
        return Err(BundleError::TooLarge { total, sizes }.into());
    }
    say!("{sizes}\n{total:>10}  bytes in {}", folder.display());
    say!(
        "needs x86-64 Linux with glibc {major}.{minor} or later and NVIDIA's driver; run {}/run",
        folder.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_says_which_c_library_it_needs() {
        assert_eq!(SCRIPT.matches(GLIBC).count(), 1);
    }

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let source = workspace::root().join("xtask/src");
        assert!(matches!(check_free(&source), Err(BundleError::Occupied(_))));
        assert!(check_free(Path::new("/nowhere/bundle")).is_ok());
    }
}
