//! What the tools would report although nothing is wrong.

use std::fs;
use std::path::PathBuf;

use crate::shell::{self, Failure};
use crate::workspace;

/// Tests that forget halves, and so lose their share of the ring, on purpose.
pub(super) const LEAKS: &str = "\
leak:resplit::
leak:forgotten::
leak:memory_is_freed_in_time_and_its_lack_is_an_error
leak:model::
leak:cxa_thread_atexit_impl
";

/// The standard library is built without the tool's checks, so it does not see how that orders the threads that use it.
pub(super) const RACES: &str = "\
race:std::sync::mpmc
race:std::thread::scoped
race:std::thread::Packet
race:test::
";

/// Writes the list where the tool can read it.
pub(super) fn write(name: &str, list: &str) -> Result<PathBuf, Failure> {
    let folder = workspace::root().join("target/sanitize");
    fs::create_dir_all(&folder).map_err(shell::file(&folder))?;
    let file = folder.join(name);
    fs::write(&file, list).map_err(shell::file(&file))?;
    Ok(file)
}
