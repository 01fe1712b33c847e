//! `nexus-queue`.

use nexus_queue::spsc::{Consumer, Producer, ring_buffer};

use super::{CAPACITY, by_value};

by_value!(
    Copied,
    Producer<[u64; N]>,
    Consumer<[u64; N]>,
    ring_buffer(CAPACITY),
    |tx, message| tx.push(*message).ok(),
    |rx| rx.pop()
);
