//! A ring's counters for the [`metrics`](https://docs.rs/metrics) facade. (Feature `metrics`.)
//!
//! Nothing is counted twice: rings count anyway, and a sample hands their counters to whatever recorder the program has installed
//! (Prometheus or another). Every metric carries the label `ring`.
//!
//! | metric | | what |
//! |---|---|---|
//! | `perdix_sent_messages_total`, `perdix_sent_bytes_total` | counters | published (payload bytes) |
//! | `perdix_received_messages_total`, `perdix_received_bytes_total` | counters | taken; lag by up to a batch while the consumer is busy |
//! | `perdix_full_waits_total` | counter | how often the producer found the ring full |
//! | `perdix_dropped_messages_total` | counter | dropped at the user's wish, because the ring was full |
//! | `perdix_gap_messages_total` | counter | dropped messages of which gaps have told the consumer |
//! | `perdix_lost_messages_total` | counter | claimed by device producers that gave up |
//! | `perdix_fill_slots` | gauge | published and not counted as taken. Not while kernels produce |
//! | `perdix_highest_fill_slots`, `perdix_capacity_slots` | gauges | |
//!
//! Kernels count in shared memory when they pause or finish, so what a GPU producer counts stands still until then.
//!
//! ```
//! use perdix_host::Buffer;
//! use perdix_host::metrics::{RingMetrics, Sampler};
//! use std::time::Duration;
//!
//! let mut buffer = Buffer::new(64)?;
//! // Once a second, and a last time when the sampler is dropped.
//! let sampler = Sampler::start(vec![RingMetrics::new("results", buffer.counters())], Duration::from_secs(1))?;
//! let (mut producer, _consumer) = buffer.split_mut();
//! producer.produce(b"abc")?;
//! drop(sampler);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::counters::Counters;
use crate::fork::Home;

/// A ring's counters under a name.
#[derive(Clone, Debug)]
pub struct RingMetrics {
    ring: String,
    counters: Counters,
}

impl RingMetrics {
    /// These counters, with this value of the label `ring`. Keeps the ring's memory, as any handle to its counters.
    pub fn new(ring: impl Into<String>, counters: Counters) -> Self {
        Self { ring: ring.into(), counters }
    }

    /// Hands the counters as they are now to the recorder. Costs a look-up for each metric; meant for every second or so.
    pub fn sample(&self) {
        let now = self.counters.read();
        let label = || self.ring.clone();
        counter!("perdix_sent_messages_total", "ring" => label()).absolute(now.sent);
        counter!("perdix_sent_bytes_total", "ring" => label()).absolute(now.sent_bytes);
        counter!("perdix_received_messages_total", "ring" => label()).absolute(now.received);
        counter!("perdix_received_bytes_total", "ring" => label()).absolute(now.received_bytes);
        counter!("perdix_full_waits_total", "ring" => label()).absolute(now.full);
        counter!("perdix_dropped_messages_total", "ring" => label()).absolute(now.dropped);
        counter!("perdix_gap_messages_total", "ring" => label()).absolute(now.told);
        counter!("perdix_lost_messages_total", "ring" => label()).absolute(now.lost);
        if self.counters.are_current() {
            let fill = now.sent.saturating_sub(now.received).min(now.capacity);
            gauge!("perdix_fill_slots", "ring" => label()).set(fill as f64);
        }
        gauge!("perdix_highest_fill_slots", "ring" => label()).set(now.highest_fill as f64);
        gauge!("perdix_capacity_slots", "ring" => label()).set(now.capacity as f64);
    }
}

/// Tells the recorder what the metrics mean. Once, after it was installed.
pub fn describe() {
    describe_counter!("perdix_sent_messages_total", Unit::Count, "Messages published");
    describe_counter!("perdix_sent_bytes_total", Unit::Bytes, "Bytes of payload published");
    describe_counter!("perdix_received_messages_total", Unit::Count, "Messages taken by the consumer");
    describe_counter!("perdix_received_bytes_total", Unit::Bytes, "Bytes of payload taken by the consumer");
    describe_counter!("perdix_full_waits_total", Unit::Count, "How often the producer found the ring full");
    describe_counter!(
        "perdix_dropped_messages_total",
        Unit::Count,
        "Messages dropped because the ring was full"
    );
    describe_counter!(
        "perdix_gap_messages_total",
        Unit::Count,
        "Dropped messages of which the consumer was told"
    );
    describe_counter!(
        "perdix_lost_messages_total",
        Unit::Count,
        "Messages claimed by device producers that gave up"
    );
    describe_gauge!("perdix_fill_slots", Unit::Count, "Slots published and not counted as taken");
    describe_gauge!("perdix_highest_fill_slots", Unit::Count, "The most slots seen occupied");
    describe_gauge!("perdix_capacity_slots", Unit::Count, "Slots of the ring");
}

/// A thread that samples rings at an interval, and a last time when it is dropped. A child that was forked has no such thread: it samples
/// nothing.
#[derive(Debug)]
pub struct Sampler {
    /// Dropped first: that is the sign to end.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    home: Home,
}

impl Sampler {
    /// Starts it. It samples at once, then every `interval`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(rings: Vec<RingMetrics>, interval: Duration) -> io::Result<Self> {
        let (alive, ended) = channel::<()>();
        let sample = move || loop {
            rings.iter().for_each(RingMetrics::sample);
            if ended.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                return rings.iter().for_each(RingMetrics::sample);
            }
        };
        let thread = Builder::new().name("perdix-metrics".into()).spawn(sample)?;
        Ok(Self { alive: Some(alive), thread: Some(thread), home: Home::here() })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        if !self.home.is_here() {
            // In a child that was forked there is no such thread to end.
            std::mem::forget((self.alive.take(), self.thread.take()));
            return;
        }
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // A recorder that panicked has said so.
            let _ = thread.join();
        }
    }
}
