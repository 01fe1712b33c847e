//! One look as JSON.

use serde::Serialize;

use super::model::{Live, Model};
use crate::rings::{Ring, Role};

/// What was found; the field names are stable. What cannot be known is `null`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    command: &'static str,
    directory: String,
    rings: Vec<Ring<Figures>>,
}

#[derive(Debug, Serialize)]
struct Figures {
    slots: u64,
    mode: String,
    producer: Role,
    /// Kernels produce; until they have ended the stream, what they count is `null`.
    device: bool,
    consumer: Role,
    ended: bool,
    /// Why the stream ended early.
    fault: Option<String>,
    /// Messages published and not counted as taken.
    fill: Option<u64>,
    highest_fill: Option<u64>,
    sent: Option<u64>,
    sent_bytes: Option<u64>,
    received: u64,
    received_bytes: u64,
    /// How often the producer found the ring full.
    full: Option<u64>,
    dropped: Option<u64>,
    lost: Option<u64>,
}

impl Report {
    pub(super) fn of(model: &Model) -> Self {
        let ring = |ring: &super::model::Ring| Ring {
            name: ring.name.clone(),
            bytes: ring.bytes,
            in_use: ring.in_use,
            unreadable: ring.live.as_ref().err().cloned(),
            state: ring.live.as_ref().ok().map(Figures::of),
        };
        let rings = model.rings.iter().map(ring).collect();
        Self { command: "top", directory: model.directory.clone(), rings }
    }
}

impl Figures {
    fn of(live: &Live) -> Self {
        let Live { state, produced, fill, .. } = live;
        Self {
            slots: state.capacity,
            mode: state.mode.to_string(),
            producer: state.producer.into(),
            device: state.device,
            consumer: state.consumer.into(),
            ended: state.ended,
            fault: state.fault.map(|fault| fault.to_string()),
            fill: *fill,
            highest_fill: produced.map(|counters| counters.highest_fill),
            sent: produced.map(|counters| counters.sent),
            sent_bytes: produced.map(|counters| counters.sent_bytes),
            received: state.counters.received,
            received_bytes: state.counters.received_bytes,
            full: produced.map(|counters| counters.full),
            dropped: produced.map(|counters| counters.dropped),
            lost: produced.map(|counters| counters.lost),
        }
    }
}
