//! Kernels as a half's counterpart: those that were launched on one split of its ring.

use std::time::Duration;

use super::error::GpuError;
use super::memory::Mapped;
#[cfg(target_os = "linux")]
use super::registered::Registered;
use super::session::Session;
use crate::counterpart::{Counterpart, StillInUse};
use crate::memory::{Memory, MemoryKind};

/// How long dropping a buffer waits for its kernels beyond the time limit that they have.
const GRACE: Duration = Duration::from_secs(2);

impl Counterpart for Session {
    fn lost(&self) -> Option<String> {
        self.lost()
    }

    fn may_vanish(&self) -> bool {
        true
    }

    fn ended(&self, limit: Option<Duration>) -> Result<(), StillInUse> {
        let limit = limit.unwrap_or_else(|| self.limit().saturating_add(GRACE));
        // A driver that did not answer is asked once more.
        let waited = self.wait(limit).or_else(|error| match error {
            GpuError::StillRunning(_) => Err(error),
            _ => self.wait(Duration::ZERO),
        });
        match waited {
            Ok(()) => Ok(()),
            Err(GpuError::StillRunning(waited)) => Err(StillInUse::Running { waited }),
            Err(error) => Err(StillInUse::Unknown { why: error.to_string() }),
        }
    }

    fn is_core(&self) -> bool {
        false
    }

    fn counts_at_once(&self) -> bool {
        false
    }
}

impl Memory for Mapped {
    fn as_ptr(&self) -> *mut u8 {
        self.as_ptr()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn kind(&self) -> MemoryKind {
        self.kind()
    }
}

#[cfg(target_os = "linux")]
impl Memory for Registered {
    fn as_ptr(&self) -> *mut u8 {
        self.mapping().as_ptr()
    }

    fn len(&self) -> usize {
        self.mapping().len()
    }

    fn kind(&self) -> MemoryKind {
        MemoryKind::Shared
    }
}
