//! A promise that was broken.

/// What a soak saw that must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Violation {
    what: String,
}

impl Violation {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    /// Something failed that should not have.
    pub(crate) fn unexpected(call: &str, error: &dyn std::fmt::Display) -> Self {
        Self::new(format!("{call}: {error}"))
    }

    /// The same, of ring `ring`.
    pub(crate) fn of_ring(self, ring: usize) -> Self {
        Self::new(format!("ring {ring}: {}", self.what))
    }
}
