//! Proves that events of kernels reach a `tracing` subscriber with their own level and place, that its filters hold, and that it hears of
//! dropped ones.
#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use perdix_gpu::emulation::EmulatedRing;
use perdix_gpu::{Mode, ThreadProducer, event};
use perdix_host::Buffer;
use perdix_host::events::{EventReader, Sites};
use tracing_core::field::{Field, Visit};
use tracing_core::metadata::LevelFilter;
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, Metadata, Subscriber};

/// Writes down what it hears, down to INFO.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if !matches!(field.name(), "gpu_ns" | "age_us") {
            write!(self.0, " {}={value:?}", field.name()).unwrap();
        }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event(&self, event: &Event<'_>) {
        let about = event.metadata();
        let (level, target, line) = (about.level(), about.target(), about.line().is_some());
        let mut text = Line(format!("{level} {target} {line}"));
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[test]
fn a_subscriber_hears_of_events_and_of_dropped_ones() {
    let mut ring = EmulatedRing::new(8, Mode::Fenced);
    // SAFETY: the ring's only producer, and this thread is a launch of its own.
    let mut device = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
    event!(device, WARN, "tile {} residual {:.1}", 3_u32, 0.25_f32);
    event!(device, DEBUG, "not heard of");
    event!(device, INFO, "the end");
    device.finish();
    let messages = ring.received();

    let mut buffer = Buffer::new(2).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    let listener = Listener::default();
    let sites = Sites::of_this_program().unwrap();
    let mut reader = EventReader::new(&sites);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The last finds the ring full: it is told of at the end.
            for (kind, bytes) in messages.iter().chain(&messages[..1]) {
                let sent = producer.message(bytes).kind(*kind).send_or_drop().unwrap();
                assert_eq!(sent, producer.unreported_drops() == 0);
            }
            producer.finish();
        });
    });
    let heard =
        tracing_core::dispatcher::with_default(&listener.clone().into(), || reader.forward(&mut consumer));
    assert_eq!(heard.unwrap(), 2);
    let module = module_path!();
    assert_eq!(
        *listener.0.lock().unwrap(),
        [
            format!("WARN {module} true message=tile 3 residual 0.2 block=0 thread=0 scope=\"thread\""),
            "WARN perdix_host::events false message=2 events of kernels were dropped here, because their ring was full".into(),
        ]
    );
}
