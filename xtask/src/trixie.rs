//! Programs of Debian 13 on any Debian: unpacked, not installed, and run with the C library that they were built for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::say::say;
use crate::shell::{self, Failure};
use crate::workspace;

const SOURCE: &str = "deb http://deb.debian.org/debian trixie main\n";
const REMEDY: &str = "This needs apt and a way to deb.debian.org";
/// The shared libraries that a C++ or Rust program of it needs.
const LIBRARIES: [&str; 3] = ["libc6", "libgcc-s1", "libstdc++6"];

/// Whether this system has apt.
pub(crate) fn is_possible() -> bool {
    shell::run(Command::new("apt-get").arg("--version"), REMEDY).is_ok()
}

/// A program of these packages: the path of a script that runs it. `packages` are all that it needs beyond the C and C++ libraries.
pub(crate) fn provide(program: &str, packages: &[&str]) -> Result<PathBuf, Failure> {
    let folder = workspace::root().join("target/tools/trixie").join(program);
    let script = folder.join(program);
    if script.exists() {
        return Ok(script);
    }
    say!("fetching {} of Debian 13 ...", packages.join(" "));
    let (root, download) = (folder.join("root"), folder.join("download"));
    for folder in [&root, &download] {
        fs::create_dir_all(folder).map_err(shell::file(folder))?;
    }
    let apt = Apt::new(&folder)?;
    apt.run(&["update", "--quiet"], &folder)?;
    let all: Vec<&str> = ["download", "--quiet"].iter().chain(&LIBRARIES).chain(packages).copied().collect();
    apt.run(&all, &download)?;
    for entry in fs::read_dir(&download).map_err(shell::file(&download))?.flatten() {
        shell::run(Command::new("dpkg").arg("-x").arg(entry.path()).arg(&root), REMEDY)?;
    }
    fs::remove_dir_all(&download).map_err(shell::file(&download))?;
    write_script(&script, &root, program)?;
    Ok(script)
}

/// apt with a source list and state of its own; the system's is neither read nor changed.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let list = folder.join("sources.list");
        fs::write(&list, SOURCE).map_err(shell::file(&list))?;
        for below in ["lists/partial", "cache/archives/partial"] {
            let below = folder.join(below);
            fs::create_dir_all(&below).map_err(shell::file(&below))?;
        }
        let folder = folder.display();
        // As root, apt would drop its rights and then fail to write here.
        let options = format!(
            "Dir::Etc::SourceList={folder}/sources.list Dir::Etc::SourceParts=/dev/null Dir::State::Lists={folder}/lists \
             Dir::State::status=/dev/null Dir::Cache={folder}/cache APT::Sandbox::User=root Acquire::Languages=none"
        );
        Ok(Self {
            options: options.split(' ').flat_map(|option| ["-o".to_owned(), option.to_owned()]).collect(),
        })
    }

    fn run(&self, arguments: &[&str], folder: &Path) -> Result<(), Failure> {
        let mut apt = Command::new("apt-get");
        shell::run(apt.args(&self.options).args(arguments).current_dir(folder), REMEDY).map(drop)
    }
}

fn write_script(script: &Path, root: &Path, program: &str) -> Result<(), Failure> {
    let root = root.display();
    let text = format!(
        "#!/bin/sh\nlibraries={root}/usr/lib/x86_64-linux-gnu\n\
         exec \"$libraries/ld-linux-x86-64.so.2\" --library-path \"$libraries\" {root}/usr/bin/{program} \"$@\"\n"
    );
    fs::write(script, text).map_err(shell::file(script))?;
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).map_err(shell::file(script))
}
