//! What a producing process does for those who cannot ask the system: its kernels, and calls that
//! do not wait.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use perdix_core::Ring;

use super::file::RingFile;
use super::lock::{self, Byte, Lock};

/// How often it looks: a system call of about a microsecond.
const EVERY: Duration = Duration::from_millis(10);

/// Says whether the kernels that produce for this process have ended without ending the stream.
pub(crate) type KernelsLost = Box<dyn Fn() -> bool + Send>;

/// A thread that tells the producers, through the ring's tail, that the consumer has died; and the
/// consumer, by letting the producer's lock go, that the kernels have ended without ending the
/// stream. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Dropped first: that is the sign to end.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The process that has the thread. A fork of it has none.
    process: u32,
}

impl Watcher {
    /// Starts the thread.
    ///
    /// # Safety
    /// The ring's memory outlives the watcher.
    pub(super) unsafe fn start(watch: ConsumerWatch, lost: Option<KernelsLost>) -> Result<Self, Errno> {
        let (alive, ended) = channel();
        let mut all = Watch { consumer: watch, lost };
        let thread = Builder::new()
            .name("perdix-watch".into())
            .spawn(move || all.run(&ended))
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
        Ok(Self { alive: Some(alive), thread: Some(thread), process: std::process::id() })
    }

    /// Whether this is a copy in a process that was forked from the one that has the thread.
    pub(super) fn is_of_another_process(&self) -> bool {
        self.process != std::process::id()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.is_of_another_process() {
            // The thread is not here: to wait for it, or for a lock that it held, would be for ever.
            std::mem::forget((self.alive.take(), self.thread.take()));
            return;
        }
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic; and if it did, it has ended too.
            let _ = thread.join();
        }
    }
}

/// Looks for the consumer, and says in the ring's tail that it has died.
#[derive(Clone, Debug)]
pub(super) struct ConsumerWatch {
    file: Arc<RingFile>,
    ring: Ring,
    /// How long a dead consumer may be succeeded before producers are stopped.
    grace: Duration,
    /// When the consumer was first seen dead.
    gone_since: Option<Instant>,
}

impl ConsumerWatch {
    pub(super) fn new(file: Arc<RingFile>, ring: Ring, grace: Duration) -> Self {
        Self { file, ring, grace, gone_since: None }
    }

    /// Looks once. A system that cannot tell leaves the matter open, and is to be asked again.
    pub(super) fn look(&mut self) -> Result<(), Errno> {
        // First whether one ever came, then whether it is there.
        let came = self.ring.attached_consumer().is_some();
        let knows = self.ring.tail().flag();
        if !came || knows || lock::is_held(&*self.file, Byte::Consumer)? {
            self.gone_since = None;
            return Ok(());
        }
        if self.gone_since.get_or_insert_with(Instant::now).elapsed() >= self.grace {
            self.mark_gone()?;
        }
        Ok(())
    }

    /// Says in the tail that the consumer is gone, on behalf of one that died.
    fn mark_gone(&self) -> Result<(), Errno> {
        // The tail has one writer: whoever has the consumer's role.
        if lock::try_lock(&*self.file, Byte::Consumer, Lock::Alone)? {
            // SAFETY: the consumer's role is ours for now, so it has none.
            unsafe { self.ring.disconnect_consumer() };
            lock::unlock(&*self.file, Byte::Consumer)?;
        }
        Ok(())
    }
}

struct Watch {
    consumer: ConsumerWatch,
    /// `None` without kernels, and when they are lost and the consumer knows.
    lost: Option<KernelsLost>,
}

impl Watch {
    fn run(&mut self, ended: &Receiver<()>) {
        while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            // What the system cannot tell is asked again.
            let _ = self.consumer.look();
            let _ = self.look_for_kernels();
        }
    }

    fn look_for_kernels(&mut self) -> Result<(), Errno> {
        let lost = self.lost.as_ref().is_some_and(|lost| lost());
        let ConsumerWatch { file, ring, .. } = &self.consumer;
        // Asked after the kernels: the end of one that ended well is there when it has ended.
        let ended = ring.end().is_some();
        if lost && !ended {
            self.lost = None;
            lock::unlock(&**file, Byte::Producer)?;
        }
        Ok(())
    }
}
