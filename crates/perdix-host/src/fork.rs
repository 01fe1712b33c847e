//! Helper threads exist only in the process that started them: a `fork` copies their state, not
//! them.

/// The process in which something was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home(u32);

impl Home {
    /// This process.
    pub(crate) fn here() -> Self {
        Self(std::process::id())
    }

    /// Whether this is still that process, and not a child that it forked.
    pub(crate) fn is_here(self) -> bool {
        self == Self::here()
    }
}
