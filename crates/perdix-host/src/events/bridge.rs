//! Kernels' events as those of `tracing` (feature `tracing`).

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use perdix_core::events::{Level, Scope};
use tracing_core::callsite::{Callsite, Identifier};
use tracing_core::field::{FieldSet, Value, display};
use tracing_core::metadata::{Kind, LevelFilter};
use tracing_core::subscriber::Interest;
use tracing_core::{Event as TracingEvent, Metadata, dispatcher};

use super::error::EventError;
use super::event::Event;
use super::reader::EventReader;
use super::sites::Site;
use crate::consumer::Consumer;
use crate::error::ConsumeError;
use crate::wait::Wait;

const NAME: &str = "kernel event";

impl Event<'_> {
    /// Hands the event to the current `tracing` subscriber: its site's level, file, line and module (as target too), its text as `message`,
    /// and the fields `block`, `thread`, `scope` (`thread`, `warp` or `block`), `gpu_ns` (the GPU's clock) and `age_us`: how long ago it
    /// was, in microseconds, as a subscriber stamps it with the time when it hears of it.
    pub fn to_tracing(&self) {
        let level = level_of(self.level());
        if level > LevelFilter::current() {
            return;
        }
        let metadata = metadata_of(self.site());
        dispatcher::get_default(|dispatch| {
            if !dispatch.enabled(metadata) {
                return;
            }
            let scope = match self.scope() {
                Scope::Thread => "thread",
                Scope::Warp => "warp",
                Scope::Block => "block",
            };
            let age = u64::try_from(self.time().elapsed().as_micros()).unwrap_or(u64::MAX);
            let (message, block, thread) = (display(self), self.block(), self.thread());
            let gpu_ns = self.gpu_ns();
            let values: [Option<&dyn Value>; 6] =
                [Some(&message), Some(&block), Some(&thread), Some(&scope), Some(&gpu_ns), Some(&age)];
            let values = metadata.fields().value_set_all(&values);
            dispatch.event(&TracingEvent::new(metadata, &values));
        });
    }
}

impl EventReader<'_> {
    /// Hands every event to `tracing` until the end of the stream, waiting for them, and says how many there were. Where events were
    /// dropped because the ring was full, it says so with a warning.
    ///
    /// # Errors
    /// As [`for_each`](Self::for_each), but for gaps.
    pub fn forward(&mut self, consumer: &mut Consumer<'_>) -> Result<u64, EventError> {
        let mut count = 0;
        loop {
            match self.next(consumer, Wait::Forever) {
                Ok(event) => {
                    event.to_tracing();
                    count += 1;
                }
                Err(EventError::Stream(ConsumeError::EndOfStream)) => return Ok(count),
                Err(EventError::Stream(ConsumeError::Gap { dropped, .. })) => warn_of_gap(dropped),
                Err(error) => return Err(error),
            }
        }
    }
}

fn level_of(level: Level) -> tracing_core::Level {
    match level {
        Level::Error => tracing_core::Level::ERROR,
        Level::Warn => tracing_core::Level::WARN,
        Level::Info => tracing_core::Level::INFO,
        Level::Debug => tracing_core::Level::DEBUG,
        Level::Trace => tracing_core::Level::TRACE,
    }
}

/// The site as `tracing` knows it. Such descriptions must live for ever: one of each site is made.
fn metadata_of(site: &Site) -> &'static Metadata<'static> {
    static KNOWN: OnceLock<Mutex<HashMap<Site, &'static Metadata<'static>>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(metadata) = known.get(site) {
        return metadata;
    }
    let lasting: &'static Site = Box::leak(Box::new(site.clone()));
    let metadata = Box::leak(Box::new(Metadata::new(
        NAME,
        lasting.module(),
        level_of(lasting.level()),
        Some(lasting.file()),
        Some(lasting.line()),
        Some(lasting.module()),
        FieldSet::new(&FIELDS, Identifier(&CALLSITE)),
        Kind::EVENT,
    )));
    known.insert(site.clone(), metadata);
    metadata
}

fn warn_of_gap(dropped: u64) {
    if tracing_core::Level::WARN > LevelFilter::current() {
        return;
    }
    dispatcher::get_default(|dispatch| {
        if dispatch.enabled(&GAP) {
            let message =
                format!("{dropped} events of kernels were dropped here, because their ring was full");
            let message = display(&message);
            let values: [Option<&dyn Value>; 6] = [Some(&message), None, None, None, None, None];
            dispatch.event(&TracingEvent::new(&GAP, &GAP.fields().value_set_all(&values)));
        }
    });
}

static FIELDS: [&str; 6] = ["message", "block", "thread", "scope", "gpu_ns", "age_us"];

/// Says where fields belong. Whether anybody is interested is asked with every event: what the levels are is not known at compile time.
struct EventCallsite;

static CALLSITE: EventCallsite = EventCallsite;

static GAP: Metadata<'static> = Metadata::new(
    NAME,
    "perdix_host::events",
    tracing_core::Level::WARN,
    None,
    None,
    None,
    FieldSet::new(&FIELDS, Identifier(&CALLSITE)),
    Kind::EVENT,
);

impl Callsite for EventCallsite {
    fn set_interest(&self, _interest: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &GAP
    }
}
