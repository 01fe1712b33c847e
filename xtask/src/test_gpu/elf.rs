//! What a program needs of the machine that it runs on.

use std::path::Path;
use std::process::Command;

use crate::shell::{self, Failure};

const REMEDY: &str = "It is part of binutils (on Debian: apt install binutils)";

/// Libraries that every machine with NVIDIA's driver has; the C library's parts go by several names.
const EXPECTED: [&str; 7] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "ld-linux-x86-64.so.2",
    "libcuda.so.1",
];

/// Copies the program without its symbols and debugging information.
pub(super) fn strip(from: &Path, to: &Path) -> Result<(), Failure> {
    shell::run(Command::new("strip").arg("-o").arg(to).arg(from), REMEDY).map(drop)
}

/// A version of the C library: major and minor.
pub(super) type Version = (u32, u32);

/// What the program needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// The oldest C library that it runs with.
    pub(super) glibc: Version,
    /// Libraries that are not on every machine.
    pub(super) unexpected: Vec<String>,
}

/// Reads what the program needs from its dynamic section.
pub(super) fn needs(program: &Path) -> Result<Needs, Failure> {
    Ok(parse(&shell::run(Command::new("objdump").arg("-p").arg(program), REMEDY)?))
}

fn parse(private_headers: &str) -> Needs {
    let mut needs = Needs::default();
    for line in private_headers.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["NEEDED", library] = words[..] {
            if !EXPECTED.contains(&library) {
                needs.unexpected.push(library.to_owned());
            }
        }
        if let Some(version) = words.last().and_then(|word| version(word)) {
            needs.glibc = needs.glibc.max(version);
        }
    }
    needs
}

/// The number in `GLIBC_2.34`.
fn version(symbol: &str) -> Option<Version> {
    let (major, rest) = symbol.strip_prefix("GLIBC_")?.split_once('.')?;
    Some((major.parse().ok()?, rest.split('.').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_versions_are_read() {
        let text = "Dynamic Section:\n  NEEDED               libcuda.so.1\n  NEEDED               libodd.so.3\n\
                    Version References:\n  required from libc.so.6:\n    0x06969194 0x00 07 GLIBC_2.14\n\
                    \x20   0x069691b4 0x00 03 GLIBC_2.34\n    0x09691a75 0x00 02 GLIBC_2.2.5\n";
        assert_eq!(parse(text), Needs { glibc: (2, 34), unexpected: vec!["libodd.so.3".to_owned()] });
    }
}
