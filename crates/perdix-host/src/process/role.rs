//! A role that this process has in a ring, and what it can tell of the other's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use perdix_core::{Attached, Consumer as ConsumerCore, Ring};

use super::error::RoleError;
use super::file::RingFile;
use super::lock::{self, Byte, Lock};
use super::watch::{ConsumerWatch, KernelsLost, Watcher};
use crate::trace;

/// A process that dies lets go of its locks before its kernels are stopped for certain; what these still publish is waited for.
const KERNELS_STOP_WITHIN: Duration = Duration::from_secs(1);

/// Which role, with what it takes.
pub(super) enum Part {
    Producer {
        /// Kernels produce.
        device: bool,
        /// How long a dead consumer may be succeeded before producers are stopped.
        grace: Duration,
        lost: Option<KernelsLost>,
    },
    Consumer,
}

/// A role, held by a lock that goes with this process. Whoever drops it must still have the memory.
#[derive(Debug)]
pub(crate) struct Role {
    /// A producer's; stops before the file is closed.
    watcher: Option<Watcher>,
    /// A producer's, for a process without the watcher's thread.
    watch: Option<Mutex<ConsumerWatch>>,
    file: Arc<RingFile>,
    ring: Ring,
    /// A consumer's: when it first saw that the producer is gone.
    gone_since: Mutex<Option<Instant>>,
}

impl Role {
    /// Takes the role, if nobody has it; the producer's, if nobody ever had it.
    pub(super) fn take(file: RingFile, ring: Ring, part: Part) -> Result<Self, RoleError> {
        let (byte, attached_as) = match part {
            Part::Producer { .. } => (Byte::Producer, "producer"),
            Part::Consumer => (Byte::Consumer, "consumer"),
        };
        let ours = lock::lock(&file, byte, Lock::Alone).map_err(RoleError::system("F_OFD_SETLK"))?;
        // Whoever had the role.
        let before = match part {
            Part::Producer { .. } => ring.attached_producer(),
            Part::Consumer => ring.attached_consumer(),
        };
        let process = before.map_or(0, |before| before.process);
        let mut device = false;
        let mut watch = None;
        match part {
            Part::Producer { .. } if !ours => return Err(RoleError::ProducerThere { process }),
            Part::Consumer if !ours => return Err(RoleError::ConsumerThere { process }),
            Part::Producer { .. } if before.is_some() => {
                return Err(RoleError::ProducerWasHere { process, ended: ring.end().is_some() });
            }
            Part::Producer { device: kernels, grace, lost } => {
                device = kernels;
                watch = Some((grace, lost));
            }
            Part::Consumer => {}
        }
        let file = Arc::new(file);
        let watch = watch.map(|(grace, lost)| (ConsumerWatch::new(Arc::clone(&file), ring, grace), lost));
        let (watcher, watch) = match watch {
            None => (None, None),
            Some((watch, lost)) => {
                // SAFETY: the watcher is stopped before the role is gone, and whoever drops the role still has the memory.
                let watcher = unsafe { Watcher::start(watch.clone(), lost) };
                (Some(watcher.map_err(RoleError::system("clone"))?), Some(Mutex::new(watch)))
            }
        };
        // Last, so that a failure above leaves the ring as it was. Whoever sees it and no lock knows that the process is gone.
        let who = Attached { process: std::process::id(), device };
        match byte {
            // SAFETY: the role's lock is ours.
            Byte::Producer => unsafe { ring.attach_producer(who) },
            // SAFETY: as above.
            _ => unsafe { ring.attach_consumer(who) },
        }
        trace::attached(&ring, attached_as, &*file);
        Ok(Self { watcher, watch, file, ring, gone_since: Mutex::new(None) })
    }

    /// Takes the consumer's role, and the state to go on with.
    pub(super) fn take_consumer(file: RingFile, ring: Ring) -> Result<(Self, ConsumerCore), RoleError> {
        let role = Self::take(file, ring, Part::Consumer)?;
        // SAFETY: the role's lock is ours, so no consumer lives; the caller keeps the memory with the state.
        let mut core = unsafe { ConsumerCore::recover(ring) }.map_err(RoleError::Invalid)?;
        core.set_cpu_producer(role.produced_by_core());
        Ok((role, core))
    }

    /// Whether a CPU is known to produce.
    pub(crate) fn produced_by_core(&self) -> bool {
        self.producer().is_some_and(|producer| !producer.device)
    }

    /// Why no more messages will come although the stream has not ended; `None` while some may. Whatever was published before is
    /// visible to the caller then: a look at the ring decides.
    pub(crate) fn lost(&self) -> Option<String> {
        // First who, then whether: a producer that comes between the two has its lock already.
        let producer = self.producer()?;
        // A system that cannot tell leaves the matter open.
        let gone = matches!(lock::is_held(&self.file, Byte::Producer), Ok(false));
        let mut since = self.gone_since.lock().unwrap_or_else(PoisonError::into_inner);
        if !gone {
            *since = None;
            return None;
        }
        if producer.device && since.get_or_insert_with(Instant::now).elapsed() < KERNELS_STOP_WITHIN {
            return None;
        }
        let what = if producer.device {
            "the process whose kernels produced, or its last kernel,"
        } else {
            "the producing process"
        };
        Some(format!("{what} has ended (process {})", producer.process))
    }

    /// Looks for the consumer, in a process that was forked from the one that took the producer's role:
    /// only that one has the watcher's thread. That the consumer has died stands in the ring's tail then.
    pub(crate) fn watch_after_fork(&self) {
        let (Some(watcher), Some(watch)) = (&self.watcher, &self.watch) else { return };
        if watcher.is_of_another_process() {
            // What the system cannot tell is asked again.
            let _ = watch.lock().unwrap_or_else(PoisonError::into_inner).look();
        }
    }

    fn producer(&self) -> Option<Attached> {
        self.ring.attached_producer()
    }

    /// Gives the role up. `over`: a consumer has seen that nothing is left to read and nothing will come. Then nobody needs the ring's
    /// name any more, and it is taken away.
    pub(crate) fn leave(mut self, over: bool) {
        // It may hold the file a moment longer.
        drop(self.watcher.take());
        if over {
            // Nothing can be done about a name that stays: `cleanup` will find it.
            let _ = self.file.remove();
        }
    }
}
