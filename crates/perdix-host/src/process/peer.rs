//! Another process as a half's counterpart.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::mapping::Mapping;
use super::role::Role;
use crate::counterpart::{Counterpart, StillInUse};
use crate::memory::{Memory, MemoryKind};

/// The process on the other side of a ring, as seen by this one's role.
#[derive(Debug)]
pub(super) struct OtherProcess {
    /// Whether it produces.
    produces: bool,
    /// `None` once it was given up.
    role: Mutex<Option<Role>>,
}

impl OtherProcess {
    /// The producer of a ring of which this process is the consumer.
    pub(super) fn producer(role: Role) -> Self {
        Self { produces: true, role: Mutex::new(Some(role)) }
    }

    /// The consumer of a ring of which this process is the producer.
    pub(super) fn consumer(role: Role) -> Self {
        Self { produces: false, role: Mutex::new(Some(role)) }
    }

    fn role(&self) -> MutexGuard<'_, Option<Role>> {
        self.role.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counterpart for OtherProcess {
    /// Of a consumer that died the role's own thread tells the producer, in the ring's tail. Where a
    /// fork has left that thread behind, whoever waits looks itself.
    fn lost(&self) -> Option<String> {
        let role = self.role();
        let role = role.as_ref()?;
        if self.produces {
            role.lost()
        } else {
            role.watch_after_fork();
            None
        }
    }

    fn may_vanish(&self) -> bool {
        true
    }

    /// The memory here is a mapping of its own.
    fn ended(&self, _: Option<Duration>) -> Result<(), StillInUse> {
        Ok(())
    }

    fn is_core(&self) -> bool {
        self.role().as_ref().is_some_and(Role::produced_by_core)
    }

    fn counts_at_once(&self) -> bool {
        self.is_core()
    }

    fn is_elsewhere(&self) -> bool {
        true
    }

    fn leave(&self, over: bool) {
        let role = self.role().take();
        if let Some(role) = role {
            role.leave(over);
        }
    }
}

impl Memory for Mapping {
    fn as_ptr(&self) -> *mut u8 {
        self.as_ptr()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn kind(&self) -> MemoryKind {
        MemoryKind::Shared
    }
}
