//! What a ring may be called.

use std::fmt;

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// A ring's name: 1 to 64 ASCII letters, digits, `.`, `_` and `-`, not beginning with a dot. So it is one file in one directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    pub(super) fn new(name: &str) -> Result<Self, NameError> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let why = if name.is_empty() {
            "it is empty"
        } else if name.len() > LONGEST {
            "it is longer than 64 bytes"
        } else if name.starts_with('.') {
            "it begins with a dot"
        } else if !name.bytes().all(legal) {
            "only ASCII letters, digits, '.', '_' and '-' are allowed"
        } else {
            return Ok(Self(name.to_owned()));
        };
        // The longest error is no longer than the longest name, whatever was passed.
        Err(NameError { name: name.chars().take(LONGEST).collect(), why })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that no ring can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no name for a ring: {why}")]
pub struct NameError {
    /// The name, cut to 64 characters.
    pub name: String,
    /// What is wrong with it.
    pub why: &'static str,
}
