//! The compiler from Debian packages, unpacked and not installed: they would take the place of rustup's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use perdix_build::{Toolchain, toolchain};

use super::pins::{DEBIAN_FAMILIES, OLDEST_RUSTC};
use crate::say::say;
use crate::shell::{self, Failure};

const REMEDY: &str = "Run `apt-get update` as root, or use `cargo xtask setup --from rustup`";

/// Why the packages do not help.
#[derive(Debug, thiserror::Error)]
pub(super) enum DebianError {
    #[error(transparent)]
    Step(#[from] Failure),
    #[error("apt offers no rustc of at least {}.{}. {REMEDY}", OLDEST_RUSTC.0, OLDEST_RUSTC.1)]
    NotOffered,
    #[error(
        "the unpacked compiler {0}. Remove target/gpu-toolchain/debian and run `cargo xtask setup` again"
    )]
    Unusable(String),
}

/// Whether this system has apt and its index lists a new enough compiler, after an update if need be.
pub(super) fn is_possible() -> bool {
    packages().is_ok()
}

/// Unpacks the compiler unless it is there.
pub(super) fn provide(folder: &Path) -> Result<Toolchain, DebianError> {
    if let Ok(found) = Toolchain::unpacked(folder) {
        return Ok(found);
    }
    let packages = packages()?;
    let partial = folder.join("debian.partial");
    let root = folder.join(toolchain::PACKAGES);
    for stale in [&partial, &root].into_iter().filter(|stale| stale.exists()) {
        fs::remove_dir_all(stale).map_err(shell::file(stale))?;
    }
    fetch(&packages, &partial, &folder.join("download"))?;
    fs::rename(&partial, &root).map_err(shell::file(&root))?;
    match Toolchain::unpacked(folder) {
        Err(reason) if reason.contains("shared libraries") => {
            add_libraries(&packages, &root, &folder.join("download"))?;
            Toolchain::unpacked(folder).map_err(DebianError::Unusable)
        }
        other => other.map_err(DebianError::Unusable),
    }
}

/// The packages to fetch: compiler, standard library for the host, shared libraries, source, LLVM.
fn packages() -> Result<Vec<String>, DebianError> {
    if let Some(found) = DEBIAN_FAMILIES.iter().find_map(family) {
        return Ok(found);
    }
    say!("updating apt's index ...");
    update()?;
    DEBIAN_FAMILIES.iter().find_map(family).ok_or(DebianError::NotOffered)
}

/// Updates apt's index, which only root may; a machine for continuous integration often has `sudo` without a password.
fn update() -> Result<(), Failure> {
    let plain = shell::run(Command::new("apt-get").args(["update", "--quiet"]), REMEDY);
    if plain.is_ok() {
        return Ok(());
    }
    let sudo = shell::run(Command::new("sudo").args(["-n", "apt-get", "update", "--quiet"]), REMEDY);
    if sudo.is_ok() { Ok(()) } else { plain.map(drop) }
}

fn family([rustc, library, source]: &[&str; 3]) -> Option<Vec<String>> {
    let version = field(rustc, "Version")?;
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    if (numbers.next()??, numbers.next()??) < OLDEST_RUSTC {
        return None;
    }
    let shared = depends(library).into_iter().find(|name| name.starts_with("libstd-rust-"))?;
    let llvm = depends(&shared).into_iter().find(|name| name.starts_with("libllvm"))?;
    let fixed = [*rustc, library, source].map(|name| name.to_owned());
    Some(fixed.into_iter().chain([shared, llvm]).collect())
}

fn depends(package: &str) -> Vec<String> {
    let list = field(package, "Depends").unwrap_or_default();
    list.split(',').filter_map(|entry| entry.split_whitespace().next()).map(str::to_owned).collect()
}

/// A field of the newest version that apt knows.
fn field(package: &str, name: &str) -> Option<String> {
    let mut show = Command::new("apt-cache");
    let text = shell::run(show.args(["show", "--no-all-versions", package]), REMEDY).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
}

fn fetch(packages: &[String], root: &Path, download: &Path) -> Result<(), Failure> {
    say!("fetching {} ...", packages.join(" "));
    for folder in [root, download] {
        fs::create_dir_all(folder).map_err(shell::file(folder))?;
    }
    // As root, apt would drop its rights and then fail to write here.
    let mut apt = Command::new("apt-get");
    apt.args(["download", "--quiet", "-o", "APT::Sandbox::User=root"]).args(packages).current_dir(download);
    shell::run(&mut apt, REMEDY)?;
    for entry in fs::read_dir(download).map_err(shell::file(download))?.flatten() {
        say!("unpacking {} ...", entry.file_name().to_string_lossy());
        unpack(&entry.path(), root)?;
    }
    fs::remove_dir_all(download).map_err(shell::file(download))
}

/// Unpacks a package. Of the source package only the library counts; the compiler's own source is ten times that.
fn unpack(package: &Path, root: &Path) -> Result<(), Failure> {
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    if !name.starts_with("rust-") || !name.contains("src_") {
        return shell::run(Command::new("dpkg").arg("-x").arg(package).arg(root), REMEDY).map(drop);
    }
    let failed = |source| Failure::Start { program: "dpkg".to_owned(), source, remedy: REMEDY };
    let mut dpkg = Command::new("dpkg")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut tar = Command::new("tar");
    tar.arg("-x").arg("-C").arg(root).args([
        "--wildcards",
        "./usr/src/*/library",
        "./usr/lib/rustlib/src/rust",
    ]);
    let archive = dpkg.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let status = tar.stdin(archive).status();
    dpkg.wait().map_err(failed)?;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Failure::Ended { line: "tar -x".to_owned(), message: status.to_string(), remedy: REMEDY })
        }
        Err(source) => Err(Failure::Start { program: "tar".to_owned(), source, remedy: REMEDY }),
    }
}

/// Adds the shared libraries that LLVM needs and a small system does not have.
fn add_libraries(packages: &[String], root: &Path, download: &Path) -> Result<(), Failure> {
    // Part of every system, and the compiler must share them with what it loads.
    const PRESENT: [&str; 4] = ["libc6", "libgcc-s1", "libcrypt1", "libc-bin"];
    let Some(llvm) = packages.iter().find(|name| name.starts_with("libllvm")) else { return Ok(()) };
    let mut depends = Command::new("apt-cache");
    depends.args([
        "depends",
        "--recurse",
        "--no-recommends",
        "--no-suggests",
        "--no-conflicts",
        "--no-breaks",
    ]);
    let tree = shell::run(depends.args(["--no-replaces", "--no-enhances"]).arg(llvm), REMEDY)?;
    let is_library = |line: &&str| line.starts_with("lib") || *line == "zlib1g";
    let names: Vec<String> = tree
        .lines()
        .filter(is_library)
        .filter(|name| *name != llvm && !PRESENT.contains(name))
        .map(str::to_owned)
        .collect();
    fetch(&names, root, download)?;
    join_library_folders(root)
}

/// Some packages still use `/lib` beside `/usr/lib`: moves theirs to where the compiler's own libraries lie.
fn join_library_folders(root: &Path) -> Result<(), Failure> {
    let outer = root.join("lib");
    for folder in fs::read_dir(&outer).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let target: PathBuf = root.join("usr/lib").join(folder.file_name().unwrap_or_default());
        fs::create_dir_all(&target).map_err(shell::file(&target))?;
        for library in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let to = target.join(library.file_name());
            fs::rename(library.path(), &to).map_err(shell::file(&to))?;
        }
    }
    Ok(())
}
