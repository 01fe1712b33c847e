//! `crossbeam`: its bounded queue and its bounded channel, both for many producers and consumers.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use crossbeam_queue::ArrayQueue;

use super::{CAPACITY, by_value};

by_value!(
    Array,
    Arc<ArrayQueue<[u64; N]>>,
    Arc<ArrayQueue<[u64; N]>>,
    {
        let queue = Arc::new(ArrayQueue::new(CAPACITY));
        (Arc::clone(&queue), queue)
    },
    |tx, message| tx.push(*message).ok(),
    |rx| rx.pop()
);

by_value!(
    Channel,
    Sender<[u64; N]>,
    Receiver<[u64; N]>,
    bounded(CAPACITY),
    |tx, message| tx.try_send(*message).ok(),
    |rx| rx.try_recv().ok()
);
