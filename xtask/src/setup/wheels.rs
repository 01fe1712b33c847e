//! Programs from the Python index: NVIDIA publishes its assembler there, one download instead of a whole toolkit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::pins::{NVCC, Wheel};
use crate::say::say;
use crate::shell::{self, Failure};

const REMEDY: &str = "It needs python3 with pip (on Debian: apt install python3-pip) and the Python package index; \
                      or set PERDIX_PTXAS to a ptxas that you have";

/// Writes one file of an archive: a wheel is a zip file, and unpacking all of it would take a hundred times the space.
const EXTRACT: &str = "import shutil, sys, zipfile\n\
                       with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as source, open(sys.argv[3], 'wb') as target:\n\
                       \tshutil.copyfileobj(source, target)";

/// Fetches the program unless it is there, and returns its path.
pub(super) fn provide(wheel: &Wheel, toolchain: &Path) -> Result<PathBuf, Failure> {
    let folder = toolchain.join(wheel.folder);
    let name = Path::new(wheel.member).file_name().unwrap_or_default();
    let program = folder.join(name);
    let stamp = program.with_extension("version");
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|version| version == wheel.version) {
        return Ok(program);
    }
    let download = folder.join("download");
    fetch(wheel.package, wheel.version, &download)?;
    for entry in fs::read_dir(&download).map_err(shell::file(&download))?.flatten() {
        let mut python = Command::new("python3");
        shell::run(python.args(["-c", EXTRACT]).arg(entry.path()).arg(wheel.member).arg(&program), REMEDY)?;
    }
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(shell::file(&program))?;
    fs::remove_dir_all(&download).map_err(shell::file(&download))?;
    // Last: what was interrupted has no stamp and is fetched again.
    fs::write(&stamp, wheel.version).map_err(shell::file(&stamp))?;
    Ok(program)
}

/// Fetches and unpacks NVIDIA's C++ compiler unless it is there, and returns its path.
pub(super) fn provide_nvcc(toolchain: &Path) -> Result<PathBuf, Failure> {
    let folder = toolchain.join("nvcc");
    let tools = folder.join("nvidia/cu13");
    let (program, stamp) = (tools.join("bin/nvcc"), folder.join("nvcc.version"));
    let versions = NVCC.map(|(package, version)| format!("{package} {version}\n")).concat();
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|text| text == versions) {
        return Ok(program);
    }
    let download = folder.join("download");
    for (package, version) in NVCC {
        fetch(package, version, &download)?;
    }
    for entry in fs::read_dir(&download).map_err(shell::file(&download))?.flatten() {
        let mut python = Command::new("python3");
        shell::run(python.args(["-m", "zipfile", "-e"]).arg(entry.path()).arg(&folder), REMEDY)?;
    }
    // A wheel keeps no permissions.
    for bin in ["bin", "nvvm/bin"].map(|name| tools.join(name)) {
        for entry in fs::read_dir(&bin).map_err(shell::file(&bin))?.flatten() {
            let program = entry.path();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
                .map_err(shell::file(&program))?;
        }
    }
    fs::remove_dir_all(&download).map_err(shell::file(&download))?;
    fs::write(&stamp, versions).map_err(shell::file(&stamp))?;
    Ok(program)
}

/// Downloads one wheel.
fn fetch(package: &str, version: &str, folder: &Path) -> Result<(), Failure> {
    say!("fetching {package} {version} ...");
    fs::create_dir_all(folder).map_err(shell::file(folder))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"])
        .arg(folder)
        .arg(format!("{package}=={version}"));
    shell::run(&mut pip, REMEDY).map(drop)
}
