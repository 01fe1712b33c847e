//! The poller has nothing to do while nobody waits, and forgets waits that are given up. One test, as it watches the process's poller.
#![cfg(feature = "futures")]
#![allow(clippy::unwrap_used)] // tests

mod common;

use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt;
use perdix_host::poller::{self, PollerConfig};
use perdix_host::{Buffer, WaitStrategy};

#[test]
fn it_stands_still_while_nobody_waits() {
    common::watch_process();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(poller::stats(), poller::PollerStats::default());
    for wait in [WaitStrategy::Spin, WaitStrategy::Yield, WaitStrategy::Backoff] {
        poller::configure(PollerConfig { wait, longest_sleep: Duration::from_micros(100) });
        let (mut producers, mut streams) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let (producer, consumer) = Buffer::new(4).unwrap().split();
            producers.push(producer);
            streams.push(consumer.into_stream());
        }
        let wakes = poller::stats().wakes;
        for stream in &mut streams {
            assert!(stream.poll_next_unpin(&mut cx).is_pending());
        }
        assert_eq!(poller::stats().waiting, 10);
        let looks = poller::stats().looks;
        while poller::stats().looks < looks + 200 {
            thread::yield_now();
        }
        drop(streams.split_off(5)); // given up
        assert_eq!((poller::stats().waiting, poller::stats().wakes), (5, wakes));
        drop(producers); // all that wait are woken
        while poller::stats().waiting != 0 {
            thread::yield_now();
        }
        // Nobody waits: what it may have begun ends, then it does nothing.
        thread::sleep(Duration::from_millis(20));
        let before = poller::stats();
        thread::sleep(Duration::from_millis(50));
        assert_eq!(poller::stats(), before);
        assert_eq!(before.wakes, wakes + 5);
    }
}
