//! A child that was forked has no helper threads of its parent's: waits in it work all the same.
//! One test, as a fork copies the whole process.
#![cfg(all(target_os = "linux", feature = "futures", feature = "metrics"))]
#![allow(clippy::unwrap_used)] // tests

mod common;

use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use futures_util::{FutureExt, StreamExt};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use perdix_host::metrics::Sampler;
use perdix_host::poller::{self, PollerConfig};
use perdix_host::{Buffer, WaitStrategy};

/// Forks; the child does its work, or ends after ten seconds with another status.
fn in_child(work: impl FnOnce()) {
    // SAFETY: the child only waits, computes and ends; the allocator and threads work in a child of glibc.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            thread::spawn(|| {
                thread::sleep(Duration::from_secs(10));
                // SAFETY: ends this process at once, without its parent's exit handlers.
                unsafe { nix::libc::_exit(3) }
            });
            work();
            // SAFETY: as above.
            unsafe { nix::libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).unwrap();
            assert_eq!(status, WaitStatus::Exited(child, 0), "a wait in the child does not end");
        }
    }
}

#[test]
fn waits_in_a_child_end() {
    common::watch_process();
    // The poller is busy, so that forks find its lock held.
    poller::configure(PollerConfig { wait: WaitStrategy::Spin, ..PollerConfig::default() });
    let mut cx = Context::from_waker(Waker::noop());
    let mut quiet: Vec<_> = (0..200).map(|_| Buffer::new(1).unwrap().split()).collect();
    let mut waits: Vec<_> = quiet.iter_mut().map(|(_, consumer)| consumer.ready()).collect();
    waits.iter_mut().for_each(|wait| assert!(wait.poll_unpin(&mut cx).is_pending()));
    let sampler = Sampler::start(Vec::new(), Duration::from_secs(60)).unwrap();

    for _ in 0..20 {
        let (mut producer, consumer) = Buffer::new(8).unwrap().split();
        let mut stream = consumer.into_stream();
        assert!(stream.poll_next_unpin(&mut cx).is_pending(), "it waits in the parent");
        in_child(|| {
            assert_eq!(poller::stats().waiting, 0);
            let producing = thread::spawn(move || {
                thread::sleep(Duration::from_millis(5));
                producer.produce(b"child").unwrap();
            });
            // A wait that began in the parent, and one that begins here.
            assert_eq!(&block_on(stream.next()).unwrap().unwrap()[..], b"child");
            producing.join().unwrap();
            assert!(block_on(stream.next()).is_none());
        });
    }
    in_child(|| drop(sampler));
    assert_eq!(poller::stats().waiting, 200, "the parent's waits go on");
}
