//! Proves that rings work with tasks: `Stream`, `Sink` and futures on two executors, whoever leaves, whatever is dropped, and whenever
//! a waker changes.
#![cfg(feature = "futures")]
#![allow(clippy::unwrap_used, clippy::panic)] // tests

#[path = "../common/mod.rs"]
mod common;
mod executors;
mod gone;
mod polls;
mod shards;
mod wakers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::thread;

use perdix_host::{Buffer, Mode, poller};

const MODES_AND_SLOTS: [(Mode, usize); 4] =
    [(Mode::Fenced, 1), (Mode::FenceFree, 8), (Mode::Fenced, 64), (Mode::FenceFree, 1)];

fn ring(slots: usize, mode: Mode) -> Buffer {
    common::watch_process();
    Buffer::builder().slots(slots).mode(mode).build().unwrap()
}

/// Counts how often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether it was not woken although the poller has looked since this was called.
    fn stays_asleep(&self) -> bool {
        let (woken, looks) = (self.get(), poller::stats().looks);
        while poller::stats().looks < looks + 2 && self.get() == woken {
            thread::yield_now();
        }
        self.get() == woken
    }

    /// Waits until it was woken `times` times in all; the process's watchdog ends it if that never happens.
    fn wait(&self, times: usize) {
        while self.get() < times {
            thread::yield_now();
        }
        assert_eq!(self.get(), times);
    }
}
