//! What is said of a ring to `tracing` and to `metrics`.
#![allow(clippy::unwrap_used, clippy::panic)] // tests

mod common;

/// Held by each test: `tracing` remembers for the whole process whether anybody listens to a place
/// in the code, and a ring made elsewhere while a listener begins would make it forget that one.
#[cfg(any(feature = "metrics", feature = "tracing"))]
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(feature = "metrics")]
mod metrics {
    use std::collections::BTreeMap;

    use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
    use perdix_host::Buffer;
    use perdix_host::metrics::{RingMetrics, describe};

    fn read(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
        let all = snapshotter.snapshot().into_vec().into_iter().map(|(key, unit, text, value)| {
            assert!(unit.is_some() && text.is_some(), "{key:?} is not described");
            let key = key.key().clone();
            assert_eq!(
                key.labels().map(|label| (label.key(), label.value())).collect::<Vec<_>>(),
                [("ring", "one")]
            );
            let value = match value {
                DebugValue::Counter(value) => value,
                DebugValue::Gauge(value) => value.0 as u64,
                DebugValue::Histogram(_) => panic!("{key}"),
            };
            (key.name().to_owned(), value)
        });
        all.collect()
    }

    #[test]
    fn a_sample_is_what_the_ring_counts() {
        let _alone = super::alone();
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let mut buffer = Buffer::new(4).unwrap();
        let ring = RingMetrics::new("one", buffer.counters());
        let (mut producer, mut consumer) = buffer.split_mut();
        let sample = || {
            ring.sample();
            read(&snapshotter)
        };
        ::metrics::with_local_recorder(&recorder, || {
            describe();
            for _ in 0..6 {
                producer.message(&[7; 10]).send_or_drop().unwrap();
            }
            let all = sample();
            let expect =
                |name: &str, value| assert_eq!(all[&format!("perdix_{name}")], value, "{name}: {all:?}");
            expect("sent_messages_total", 4);
            expect("sent_bytes_total", 40);
            expect("received_messages_total", 0);
            expect("received_bytes_total", 0);
            expect("full_waits_total", 1);
            expect("dropped_messages_total", 2);
            expect("gap_messages_total", 0);
            expect("lost_messages_total", 0);
            expect("fill_slots", 4);
            expect("highest_fill_slots", 4);
            expect("capacity_slots", 4);
            assert_eq!(all.len(), 11);
            assert_eq!(consumer.drain(|_| ()), Ok(4));
            producer.message(&[7; 10]).send_or_drop().unwrap();
            assert!(matches!(consumer.status(), Err(perdix_host::ConsumeError::Gap { dropped: 2, .. })));
            assert_eq!(consumer.drain(|_| ()), Ok(1));
            assert!(consumer.try_consume().is_none());
            let all = sample();
            assert_eq!((all["perdix_gap_messages_total"], all["perdix_fill_slots"]), (2, 0));
            assert_eq!(all["perdix_received_bytes_total"], 50);
        });
    }
}

#[cfg(feature = "tracing")]
mod tracing {
    use std::fmt::{Debug, Write};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use perdix_host::Buffer;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// Writes down what it is told.
    #[derive(Clone, Default)]
    struct Listener(Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<String>>>);

    impl Listener {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            match field.name() {
                "message" => self.0.insert_str(0, &format!("{value:?}")),
                "ring" => assert!(format!("{value:?}").starts_with("0x"), "{value:?}"),
                "waited" => {}
                name => write!(self.0, ", {name}: {value:?}").unwrap(),
            }
        }
    }

    impl Subscriber for Listener {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "perdix"
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let mut text = Text(String::new());
            span.record(&mut text);
            self.1.lock().unwrap().push(format!("{} begins{}", span.metadata().name(), text.0));
            Id::from_u64(1)
        }
        fn try_close(&self, _: Id) -> bool {
            self.1.lock().unwrap().push("it ends".into());
            true
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().push(format!("{} {}", event.metadata().level(), text.0));
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn beginnings_ends_and_troubles_are_told_and_no_messages() {
        let _alone = super::alone();
        let listener = Listener::default();
        tracing::subscriber::with_default(listener.clone(), || {
            let buffer = Buffer::builder().slots(4).memory(perdix_host::MemoryKind::Heap).build().unwrap();
            assert_eq!(listener.take(), ["DEBUG ring made, slots: 4, mode: fenced, place: asked for"]);
            let (mut producer, mut consumer) = buffer.split();
            for _ in 0..100 {
                producer.produce(b"abc").unwrap();
                consumer.consume().unwrap();
                assert!(consumer.try_consume().is_none());
            }
            assert_eq!(listener.take(), [""; 0]);
            consumer.next(Duration::ZERO).unwrap_err();
            assert_eq!(listener.take(), ["TRACE timed out, half: \"consumer\""]);
            drop(consumer);
            assert_eq!(listener.take(), ["DEBUG the consumer left, messages: 100"]);
            producer.try_produce(b"abc").unwrap_err(); // a ring full has passed, so it looks
            assert_eq!(listener.take(), ["DEBUG the producer found the consumer gone"]);
            drop(producer);
            assert_eq!(listener.take(), ["DEBUG the producer ended the stream, messages: 100"]);

            let (producer, mut consumer) = Buffer::new(4).unwrap().split();
            listener.take();
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _producer = producer;
                panic!("on purpose");
            }))
            .unwrap_err();
            let broke = "ERROR the producer panicked; the stream broke off, messages: 0";
            assert_eq!(listener.take(), [broke]);
            consumer.consume().unwrap_err();
            let told = listener.take();
            assert!(told[0].starts_with("WARN the producer gave up, fault: "), "{told:?}");
        });
    }

    #[test]
    fn a_ring_is_a_span_until_both_halves_are_gone() {
        let _alone = super::alone();
        let listener = Listener::default();
        let spans = || std::mem::take(&mut *listener.1.lock().unwrap());
        tracing::subscriber::with_default(listener.clone(), || {
            let (producer, consumer) = Buffer::new(4).unwrap().split();
            assert_eq!(spans(), ["ring begins, slots: 4, mode: fenced"]);
            drop(consumer);
            assert_eq!(spans(), [""; 0]);
            drop(producer);
            assert_eq!(spans(), ["it ends"]);
        });
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn rings_between_processes_tell_who_attached() {
        let _alone = super::alone();
        use perdix_host::process::SharedRing;
        let listener = Listener::default();
        tracing::subscriber::with_default(listener.clone(), || {
            let ring = Buffer::builder().slots(4).create_anonymous().unwrap();
            assert!(listener.take()[0].starts_with("DEBUG ring made, slots: 4"));
            let mut consumer =
                SharedRing::from_fd(ring.to_fd().unwrap()).unwrap().into_copying_consumer().unwrap();
            assert!(listener.take()[0].starts_with("DEBUG attached, role: \"consumer\", file: "));
            let producer = ring.into_copying_producer().unwrap();
            assert!(listener.take()[0].starts_with("DEBUG attached, role: \"producer\", file: "));
            std::mem::forget(producer); // it does not end the stream, and is here still
            consumer.next(Duration::ZERO).unwrap_err();
            assert_eq!(listener.take(), ["TRACE timed out, half: \"consumer\""]);
        });
    }
}
