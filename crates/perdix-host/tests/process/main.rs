//! Proves that rings between processes deliver every byte, and what each side sees when the other dies, whatever it was doing.
//! The other process is this program again, with a task in its environment.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

mod attach;
mod child;
#[path = "../common/mod.rs"]
mod common;
mod consumer_dies;
mod descriptor;
mod examples;
mod fork;
mod hostile;
mod limits;
mod names;
mod places;
mod producer_dies;
mod transfer;

use std::time::Duration;

use perdix_host::process::{Directory, ShareError, SharedRing, Untrusted};
use perdix_host::{Buffer, Builder, Mode};
use tempfile::TempDir;

/// How long a test waits for anything before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory for rings in memory, removed on drop.
struct Place {
    outer: TempDir,
    directory: Directory,
}

impl Place {
    fn new() -> Self {
        common::watch_process();
        let outer = tempfile::tempdir_in("/dev/shm").unwrap();
        let directory = Directory::at(outer.path().join("rings")).unwrap();
        Self { outer, directory }
    }

    fn create(&self, name: &str, builder: Builder) -> Result<SharedRing, ShareError> {
        create(&self.directory, name, builder)
    }

    fn open(&self, name: &str) -> Result<SharedRing, ShareError> {
        open(&self.directory, name)
    }

    fn names(&self) -> Vec<String> {
        self.directory.list().unwrap().into_iter().map(|ring| ring.name).collect()
    }
}

fn create(directory: &Directory, name: &str, builder: Builder) -> Result<SharedRing, ShareError> {
    // SAFETY: the processes of these tests keep to the protocol where halves lend what is in the ring.
    unsafe { directory.create(name, builder) }
}

fn open(directory: &Directory, name: &str) -> Result<SharedRing, ShareError> {
    // SAFETY: as above.
    unsafe { directory.open(name) }
}

fn trust(ring: SharedRing<Untrusted>) -> SharedRing {
    // SAFETY: as above.
    unsafe { ring.trust_peers() }
}

fn builder(slots: usize, mode: Mode) -> Builder {
    Buffer::builder().slots(slots).mode(mode)
}
