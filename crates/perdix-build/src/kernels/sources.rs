//! Which files the PTX was made from, read from the dep-info that the inner cargo leaves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::BuildError;

/// The crate's sources and those of its path dependencies, with their manifests.
pub(super) fn of(folder: &Path, artifacts: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let mut files = BTreeSet::from([folder.join("Cargo.toml")]);
    for entry in fs::read_dir(artifacts).map_err(BuildError::file(artifacts))?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "d") {
            let text = fs::read_to_string(&path).map_err(BuildError::file(&path))?;
            files.extend(parse(&text).into_iter().filter(|file| file.is_file()));
        }
    }
    let manifests: Vec<PathBuf> = files.iter().filter_map(|file| manifest(file)).collect();
    files.extend(manifests);
    // The lock file of a workspace member lies above it.
    let mut locks = folder.ancestors().map(|above| above.join("Cargo.lock"));
    files.extend(locks.find(|lock| lock.is_file()));
    Ok(files.into_iter().collect())
}

/// The manifest of the package that a source file belongs to.
fn manifest(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file())
}

/// The right-hand side of a make rule, in which a space inside a name is written `\ `.
fn parse(dep_info: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in dep_info.lines() {
        let Some((_, right)) = line.split_once(": ") else { continue };
        let mut name = String::new();
        let mut letters = right.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if letters.peek() == Some(&' ') => name.extend(letters.next()),
                ' ' => files.push(std::mem::take(&mut name)),
                _ => name.push(letter),
            }
        }
        files.push(name);
    }
    files.into_iter().filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_spaces_stay_whole() {
        let files = parse("/t/libk.a: /k/src/lib.rs /my\\ code/src/lib.rs\n");
        assert_eq!(files, [Path::new("/k/src/lib.rs"), Path::new("/my code/src/lib.rs")]);
        assert!(parse("").is_empty());
    }
}
