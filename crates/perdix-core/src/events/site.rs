//! Sites: the places in a kernel's source that events come from.

use super::format::count_arguments;
use super::record::MAX_ARGUMENTS;

/// What the text of a site begins with, in the kernel's module.
pub const SITE_MAGIC: &str = "\u{1}perdix-event 1\u{1f}";

/// What follows each field of a site's text but the last: level, line, file, module, format.
pub const SITE_FIELD: char = '\u{1f}';

/// What ends a site's text.
pub const SITE_END: char = '\u{4}';

/// How much an event matters, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Something went wrong.
    Error = 1,
    /// Something may be wrong.
    Warn = 2,
    /// What users want to know.
    Info = 3,
    /// What developers want to know.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

impl Level {
    /// [`Level::Error`], as `event!` names it.
    pub const ERROR: Self = Self::Error;
    /// [`Level::Warn`], as `event!` names it.
    pub const WARN: Self = Self::Warn;
    /// [`Level::Info`], as `event!` names it.
    pub const INFO: Self = Self::Info;
    /// [`Level::Debug`], as `event!` names it.
    pub const DEBUG: Self = Self::Debug;
    /// [`Level::Trace`], as `event!` names it.
    pub const TRACE: Self = Self::Trace;

    /// The name in a site's text.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    /// The level of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace]
            .into_iter()
            .find(|level| level.name() == name)
    }
}

impl core::fmt::Display for Level {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}

/// The number of the site with this text: FNV-1a, 32 bits. The host notices when two texts have the same.
pub const fn site_id(text: &str) -> u32 {
    let mut rest = text.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    while let [byte, others @ ..] = rest {
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
        rest = others;
    }
    hash
}

/// A site's text as bytes for a static.
///
/// # Panics
/// When it is compiled: if the text has not `N` bytes.
pub const fn site_bytes<const N: usize>(text: &str) -> [u8; N] {
    assert!(text.len() == N);
    let mut bytes = [0; N];
    let mut rest = text.as_bytes();
    while let [byte, others @ ..] = rest {
        bytes[N - rest.len()] = *byte;
        rest = others;
    }
    bytes
}

/// Makes sure of a site's format.
///
/// # Panics
/// When it is compiled: unless the format is right and asks for so many arguments.
pub const fn check_site(format: &str, arguments: usize) {
    let mut rest = format.as_bytes();
    while let [byte, others @ ..] = rest {
        assert!(
            *byte >= b' ' || *byte == b'\n' || *byte == b'\t',
            "an event's format has a control character"
        );
        rest = others;
    }
    assert!(arguments <= MAX_ARGUMENTS, "an event has at most 12 arguments");
    match count_arguments(format) {
        Ok(count) => {
            assert!(count <= arguments, "the format asks for more arguments than there are");
            assert!(count >= arguments, "there are more arguments than the format asks for");
        }
        Err(_) => {
            assert!(
                format.is_empty(),
                "an argument of the format is not understood: see docs/events.md for what is"
            );
        }
    }
}
