//! Wakers that do more than wake.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::StreamExt;
use perdix_host::{MessageStream, Mode};

use crate::{Count, ring};

/// A task that is polled by whoever wakes it, as inline executors do; when nobody can wake it any more, it is dropped.
struct Inline {
    messages: Mutex<MessageStream<'static>>,
    got: Count,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let mut messages = self.messages.lock().unwrap();
        while let Poll::Ready(Some(_)) = messages.poll_next_unpin(&mut Context::from_waker(&waker)) {
            self.got.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn the_poller_may_run_and_drop_the_task_that_it_wakes() {
    let (mut producer, consumer) = ring(4, Mode::Fenced).split();
    let task = Arc::new(Inline { messages: Mutex::new(consumer.into_stream()), got: Count::default() });
    Arc::clone(&task).wake();
    for times in 1..=100 {
        producer.produce(b"abc").unwrap();
        task.got.wait(times);
    }
    let gone = Arc::downgrade(&task);
    drop(task); // only the poller has it now
    producer.finish();
    while gone.strong_count() != 0 {
        std::thread::yield_now();
    }
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("on purpose");
    }
}

#[test]
fn a_waker_that_panics_stops_no_others() {
    let (mut producer, consumer) = ring(4, Mode::Fenced).split();
    let mut first = consumer.into_stream();
    assert!(first.poll_next_unpin(&mut Context::from_waker(&Waker::from(Arc::new(Panicking)))).is_pending());
    producer.produce(b"abc").unwrap();
    for _ in 0..10 {
        let (mut producer, consumer) = ring(4, Mode::Fenced).split();
        let mut messages = consumer.into_stream();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        assert!(messages.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        producer.produce(b"abc").unwrap();
        count.wait(1);
    }
}
