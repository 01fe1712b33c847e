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
leak:safe_api::
leak:cxa_thread_atexit_impl
";

/// The standard library is built without the tool's checks, which so do not see how it orders the threads that use it: its channels, its
/// scopes, and the last owner of an `Arc` (who looks with a fence). Each name is that of a function which no test's own stack has in it:
/// the name of any caller, as `test::` or `thread::scoped::scope`, would silence every report of the tests that it calls.
pub(super) const RACES: &str = "\
race:drop_slow
race:std::sync::mpmc
race:ScopeData
race:Arc<std::
";

/// Writes the list where the tool can read it.
pub(super) fn write(name: &str, list: &str) -> Result<PathBuf, Failure> {
    let folder = workspace::root().join("target/sanitize");
    fs::create_dir_all(&folder).map_err(shell::file(&folder))?;
    let file = folder.join(name);
    fs::write(&file, list).map_err(shell::file(&file))?;
    Ok(file)
}
