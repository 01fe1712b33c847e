//! What a producing process does for those who cannot ask the system: its kernels, and calls that do not wait.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use perdix_core::Ring;

use super::file::RingFile;
use super::lock::{self, Byte};
use super::role::{KernelsLost, mark_gone};

/// How often it looks: a system call of about a microsecond.
const EVERY: Duration = Duration::from_millis(10);

/// A thread that tells the producers, through the ring's tail, that the consumer has died; and the consumer, by letting the
/// producer's lock go, that the kernels have ended without ending the stream. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Dropped first: that is the sign to end.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// # Safety
    /// The ring's memory outlives the watcher.
    pub(super) unsafe fn start(
        file: Arc<RingFile>,
        ring: Ring,
        grace: Duration,
        lost: Option<KernelsLost>,
    ) -> Result<Self, Errno> {
        let (alive, ended) = channel();
        let mut watch = Watch { file, ring, grace, lost, gone_since: None };
        let thread = Builder::new()
            .name("perdix-watch".into())
            .spawn(move || watch.run(&ended))
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?;
        Ok(Self { alive: Some(alive), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic; and if it did, it has ended too.
            let _ = thread.join();
        }
    }
}

struct Watch {
    file: Arc<RingFile>,
    ring: Ring,
    grace: Duration,
    /// `None` without kernels, and when they are lost and the consumer knows.
    lost: Option<KernelsLost>,
    /// When the consumer was first seen dead.
    gone_since: Option<Instant>,
}

impl Watch {
    fn run(&mut self, ended: &Receiver<()>) {
        while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            // A system that cannot tell leaves the matter open, and is asked again.
            let _ = self.look_for_consumer();
            let _ = self.look_for_kernels();
        }
    }

    fn look_for_consumer(&mut self) -> Result<(), Errno> {
        // First whether one ever came, then whether it is there.
        let came = self.ring.attached_consumer().is_some();
        let knows = self.ring.tail().flag();
        if !came || knows || lock::is_held(&*self.file, Byte::Consumer)? {
            self.gone_since = None;
            return Ok(());
        }
        if self.gone_since.get_or_insert_with(Instant::now).elapsed() >= self.grace {
            mark_gone(&self.file, &self.ring)?;
        }
        Ok(())
    }

    fn look_for_kernels(&mut self) -> Result<(), Errno> {
        let lost = self.lost.as_ref().is_some_and(|lost| lost());
        // Asked after the kernels: the end of one that ended well is there when it has ended.
        let ended = self.ring.end().is_some();
        if lost && !ended {
            self.lost = None;
            lock::unlock(&*self.file, Byte::Producer)?;
        }
        Ok(())
    }
}
