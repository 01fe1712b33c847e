//! The other process of a ring that two share.
//!
//! Where the system has no such rings there is none, and nothing to ask.

#[cfg(target_os = "linux")]
pub(crate) use crate::process::Peer;

/// The other process of a ring that has none.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Peer {
    /// Whether the other half is another process's.
    pub(crate) is_process: bool,
}

#[cfg(not(target_os = "linux"))]
impl Peer {
    /// Both halves are here.
    pub(crate) fn none() -> Self {
        Self { is_process: false }
    }

    /// Why no more messages will come from the other process.
    pub(crate) fn lost(&self) -> Option<String> {
        None
    }

    /// Whether the producer is known to be a core of this machine.
    pub(crate) fn produced_by_core(&self) -> Option<bool> {
        None
    }

    /// Gives the role up.
    pub(crate) fn leave(&self, _over: bool) {}

    /// Keeps the role until this process ends.
    #[cfg(feature = "cuda")]
    pub(crate) fn keep_for_ever(&self) {}
}
