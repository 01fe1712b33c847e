//! What is known of the rings, from one look to the next.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use perdix_host::Snapshot;
use perdix_host::process::{Listed, RingState};

/// All rings, as of the last look.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) directory: String,
    pub(super) rings: Vec<Ring>,
    /// The place of the selected ring.
    pub(super) selected: usize,
    seen: HashMap<String, Seen>,
}

/// One ring.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) in_use: bool,
    /// Or why this build cannot read it.
    pub(super) live: Result<Live, String>,
}

/// What a ring says, and what two looks tell. `None` is what cannot be known.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) state: RingState,
    /// What the producer counts; not known while kernels produce, which count when they pause or finish.
    pub(super) produced: Option<Snapshot>,
    /// Messages published and not counted as taken.
    pub(super) fill: Option<u64>,
    pub(super) rates: Option<Rates>,
    pub(super) quiet: Quiet,
}

/// Per second, between the last two looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rates {
    /// Messages sent, if the producer counts them.
    pub(super) sent: Option<f64>,
    /// Messages taken.
    pub(super) received: f64,
    /// Bytes of payload taken.
    pub(super) received_bytes: f64,
}

/// How long no message was seen to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Since this long ago, when one was.
    For(Duration),
    /// As long as there was a look at all.
    AtLeast(Duration),
    /// There never was any message.
    Always,
}

/// What is kept of a ring until the next look.
#[derive(Debug)]
struct Seen {
    at: Instant,
    state: RingState,
    first: Instant,
    moved: Option<Instant>,
}

impl Model {
    pub(super) fn new(directory: String) -> Self {
        Self { directory, rings: Vec::new(), selected: 0, seen: HashMap::new() }
    }

    /// Takes what a look at `at` found.
    pub(super) fn update(&mut self, found: Vec<Listed>, at: Instant) {
        let selected = self.rings.get(self.selected).map(|ring| ring.name.clone());
        let mut before = std::mem::take(&mut self.seen);
        self.rings = found
            .into_iter()
            .map(|ring| {
                let live = ring.ring.map_err(|why| why.to_string()).map(|state| {
                    let before = before.remove(&ring.name);
                    let (live, seen) = compare(before, state, at);
                    self.seen.insert(ring.name.clone(), seen);
                    live
                });
                Ring { name: ring.name, bytes: ring.bytes, in_use: ring.in_use, live }
            })
            .collect();
        let place = self.rings.iter().position(|ring| Some(&ring.name) == selected.as_ref());
        self.selected = place.unwrap_or(self.selected);
        self.select(0);
    }

    /// Moves the selection by so many rings, no further than the first and the last.
    pub(super) fn select(&mut self, by: isize) {
        let last = self.rings.len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }
}

/// What this look tells, by itself and beside the one before.
fn compare(before: Option<Seen>, state: RingState, at: Instant) -> (Live, Seen) {
    let now = state.counters;
    let before = before.filter(|before| is_same(&before.state, &state));
    let mut seen = Seen { at, state, first: at, moved: None };
    let mut rates = None;
    if let Some(before) = before {
        let was = before.state.counters;
        let moved = (was.sent, was.received) != (now.sent, now.received);
        (seen.first, seen.moved) = (before.first, if moved { Some(at) } else { before.moved });
        let seconds = at.saturating_duration_since(before.at).as_secs_f64();
        let per_second = |now: u64, was: u64| (now - was) as f64 / seconds;
        if seconds > 0.0 {
            rates = Some(Rates {
                sent: counts(&state).then(|| per_second(now.sent, was.sent)),
                received: per_second(now.received, was.received),
                received_bytes: per_second(now.received_bytes, was.received_bytes),
            });
        }
    }
    let quiet = match seen.moved {
        Some(moved) => Quiet::For(at.saturating_duration_since(moved)),
        None if now.sent == 0 && now.received == 0 && counts(&state) => Quiet::Always,
        None => Quiet::AtLeast(at.saturating_duration_since(seen.first)),
    };
    let produced = counts(&state).then_some(now);
    let fill = produced.map(|now| now.sent.saturating_sub(now.received).min(now.capacity));
    (Live { state, produced, fill, rates, quiet }, seen)
}

/// Whether the producer's counters are up to date.
fn counts(state: &RingState) -> bool {
    !state.device || state.ended
}

/// Whether it can be the same ring, and none that has got its name since.
fn is_same(before: &RingState, now: &RingState) -> bool {
    let numbers = |state: &RingState| {
        let Snapshot { sent, sent_bytes, received, received_bytes, .. } = state.counters;
        [sent, sent_bytes, received, received_bytes]
    };
    let grows = numbers(before).iter().zip(numbers(now)).all(|(before, now)| *before <= now);
    grows && before.capacity == now.capacity && before.mode == now.mode && before.ended <= now.ended
}
