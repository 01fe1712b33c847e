//! Where things lie in the repository, whatever folder a verb is called from.

use std::path::{Path, PathBuf};

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}

/// The folder that `setup` fills.
pub(crate) fn toolchain_folder() -> PathBuf {
    root().join(perdix_build::toolchain::FOLDER)
}

/// A path as seen from the root, for messages.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
