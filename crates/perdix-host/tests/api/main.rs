//! Proves that every operation of the public API does what its documentation says, and that every error can be had, says
//! what is wrong, and changes nothing.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

mod buffer;
#[path = "../common/mod.rs"]
mod common;
mod consume;
mod gaps;
mod gone;
mod limits;
mod options;
mod produce;
mod resplit;

use common::MODES;
use perdix_host::{Buffer, ConsumeError, Consumer, Mode};

fn ring(slots: usize, mode: Mode) -> Buffer {
    common::watch_process();
    Buffer::builder().slots(slots).mode(mode).build().unwrap()
}

/// How many messages are missing before the next one.
fn gap(consumer: &mut Consumer<'_>) -> Option<u64> {
    match consumer.status() {
        Err(ConsumeError::Gap { dropped, .. }) => Some(dropped),
        _ => None,
    }
}

/// Everything that is there now, as kind and text.
fn texts(consumer: &mut Consumer<'_>) -> Vec<(u16, String)> {
    let mut all = Vec::new();
    while let Some(message) = consumer.try_consume() {
        all.push((message.kind(), message.escape_ascii().to_string()));
    }
    all
}
