//! Builds in which the compiler puts checks into the code: for fuzzing and for sanitizers.

use std::env;
use std::process::Command;

use crate::shell::{self, Failure};

/// AddressSanitizer: accesses out of bounds, after freeing, and memory that is lost.
pub(crate) const ADDRESS: &str = "-Zsanitizer=address";

/// What rustc calls this machine. Naming it keeps the checks out of build scripts and macros, which run in the compiler.
pub(crate) fn host() -> Result<String, Failure> {
    let text = shell::run(Command::new("rustc").arg("-vV"), "Install Rust")?;
    let host =
        text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("x86_64-unknown-linux-gnu");
    Ok(host.to_owned())
}

/// What to set for cargo, for a build with these flags of the compiler in a folder of its own: code with checks and without must not be mixed.
///
/// Sanitizers are not stable as far as rustc is concerned, but its stable form has what they need; this variable unlocks them.
pub(crate) fn variables(folder: &str, flags: &[&str]) -> [(&'static str, String); 3] {
    let target = env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    [
        ("RUSTC_BOOTSTRAP", "1".to_owned()),
        ("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}")),
        ("CARGO_TARGET_DIR", format!("{target}/{folder}")),
    ]
}
