//! Proves that events of kernels (on emulated lanes) arrive with their text, place and time, while the kernel runs; that nothing else is
//! taken for one; and that texts are those of `format!`.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use perdix_core::events::{Argument, ArgumentType, Head, Place, types_of};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::events::Waiting;
use perdix_gpu::{Mode, ThreadProducer, event};
use perdix_host::events::{DecodeError, EVENT_KIND, EventError, EventReader, HeadError, Level, Scope, Sites};
use perdix_host::{Buffer, ConsumeError, Wait};
use proptest::prelude::*;

const MODES: [Mode; 2] = [Mode::Fenced, Mode::FenceFree];

fn sites() -> &'static Sites {
    static SITES: std::sync::OnceLock<Sites> = std::sync::OnceLock::new();
    SITES.get_or_init(|| Sites::of_this_program().unwrap())
}

/// The bytes of the messages that `log` sends.
fn sent(log: impl Fn(&mut ThreadProducer)) -> Vec<(u16, Vec<u8>)> {
    let mut ring = EmulatedRing::new(256, Mode::Fenced);
    // SAFETY: the ring's only producer, and this thread is a launch of its own.
    let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
    log(&mut producer);
    producer.finish();
    ring.received()
}

fn texts(messages: &[(u16, Vec<u8>)]) -> Vec<String> {
    let mut reader = EventReader::new(sites());
    let events = messages.iter().flat_map(|(kind, bytes)| reader.decode(*kind, bytes).unwrap());
    events.map(|event| event.to_string()).collect()
}

/// Logs a value and formats it here, with the same format.
macro_rules! same_text {
    ($value:expr; $($format:literal)+) => {{
        let value = $value;
        let messages = sent(|producer| { $(event!(producer, INFO, $format, value);)+ });
        assert_eq!(texts(&messages), [$(format!($format, value)),+]);
    }};
}

#[test]
fn texts_are_those_of_format() {
    for value in [0_u8, 7, 255] {
        same_text!(value; "{}" "{:?}" "{:x}" "{:#x}" "{:#010X}" "{:b}" "{:#b}" "{:5}|" "{:<5}|" "{:^6}|" "{:>5}|" "{:05}" "{:+}" "{:+05}" "{:o}" "{:e}" "{:E}");
    }
    for value in [0_i16, -7, i16::MIN, i16::MAX] {
        same_text!(value; "{}" "{:x}" "{:#X}" "{:b}" "{:8}|" "{:<8}|" "{:08}" "{:+}" "{:+08}" "{:e}");
    }
    same_text!(u64::MAX; "{}" "{:x}" "{:e}" "{:24}");
    same_text!(i64::MIN; "{}" "{:x}" "{:+}" "{:024}");
    same_text!(-5_i8; "{}" "{:x}" "{:b}");
    same_text!(-5_i32; "{}" "{:x}");
    same_text!(5_usize; "{}");
    same_text!(-5_isize; "{}");
    for value in [0.0_f32, -0.0, 1.5, -1234.5678, 1e20, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.1] {
        same_text!(value; "{}" "{:?}" "{:.2}" "{:10.3}|" "{:<10.1}|" "{:010.1}" "{:+.1}" "{:e}" "{:.2e}" "{:E}" "{:+}");
        let value = f64::from(value);
        same_text!(value; "{}" "{:?}" "{:.2}" "{:^12.3}|" "{:012.1}" "{:+e}");
    }
    for value in [true, false] {
        same_text!(value; "{}" "{:?}" "{:6}|" "{:>6}|");
    }
    for value in ['a', 'é', '\n'] {
        same_text!(value; "{}" "{:?}" "{:4}|" "{:^4}|");
    }
    same_text!(0x1234_usize as *const u8; "{:p}" "{:?}");
    same_text!(1_u8; "{{{}}}" "}} {} {{");
}

#[test]
fn sites_tell_where_events_come_from() {
    let line = line!() + 1;
    let messages = sent(|producer| assert!(event!(producer, WARN, "two: {} {}", 1_u8, &2.5_f64)));
    let events = EventReader::new(sites()).decode(messages[0].0, &messages[0].1).unwrap();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(
        (event.level(), event.site().line(), event.site().module()),
        (Level::Warn, line, module_path!())
    );
    assert_eq!(event.site().file(), file!());
    assert_eq!((event.block(), event.thread(), event.lane(), event.scope()), (0, 0, 0, Scope::Thread));
    let kinds: Vec<_> = event.arguments().map(|value| value.kind()).collect();
    assert_eq!(kinds, [ArgumentType::U8, ArgumentType::F64]);
    assert_eq!(event.arguments().nth(1).unwrap().as_f64(), Some(2.5));
}

/// A ring on which a kernel logs, with a consumer of this crate: messages are carried over as they come.
#[test]
fn events_arrive_while_the_kernel_runs_with_times_of_this_clock() {
    for mode in MODES {
        let ring = EmulatedRing::new(64, mode);
        // SAFETY: the ring's only consumer.
        let mut consumer = unsafe { ring.consumer() };
        let (begun, goes_on) = (Instant::now(), AtomicBool::new(true));
        let mut reader = EventReader::new(sites());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                launch(1, 1, || {
                    // SAFETY: one thread, on a ring that outlives the launch.
                    let mut producer = unsafe { ThreadProducer::new(ring.handle()) }.unwrap();
                    let mut step = 0_u32;
                    while goes_on.load(Ordering::Relaxed) {
                        event!(Waiting(&mut producer), INFO, "step {}", step);
                        step += 1;
                    }
                    producer.finish();
                })
            });
            let (mut seen, mut last) = (0, None);
            loop {
                match consumer.poll().unwrap() {
                    perdix_core::Poll::Ready(message) => {
                        let meta = message.meta();
                        let mut bytes = vec![0; meta.len()];
                        message.copy_to(&mut bytes);
                        message.take();
                        consumer.recycle();
                        for event in reader.decode(meta.kind(), &bytes).unwrap() {
                            assert_eq!(event.to_string(), format!("step {seen}"));
                            assert!(event.time() >= begun && event.time() <= Instant::now());
                            assert!(
                                last.is_none_or(|(gpu, time)| event.gpu_ns() >= gpu && event.time() >= time)
                            );
                            assert!(event.system_time() <= std::time::SystemTime::now());
                            last = Some((event.gpu_ns(), event.time()));
                            seen += 1;
                        }
                    }
                    perdix_core::Poll::Ended => break,
                    other => assert!(matches!(other, perdix_core::Poll::Empty), "{other:?}"),
                }
                // The kernel ends no sooner than this many events were read.
                if seen == 500 {
                    goes_on.store(false, Ordering::Relaxed);
                }
                assert!(begun.elapsed() < Duration::from_secs(60));
            }
            assert!(seen >= 500);
        });
    }
}

fn head(site: u32, types: &[ArgumentType]) -> Head {
    let place = Place { thread: 33, scope: Scope::Warp, room: types.len() as u8 };
    Head { time_ns: 5, site, block: 2, place, types: types_of(types) }
}

fn bytes(head: Head, arguments: &[u64]) -> Vec<u8> {
    head.words().iter().chain(arguments).flat_map(|word| word.to_le_bytes()).collect()
}

/// A site with two arguments.
fn a_site() -> u32 {
    let messages = sent(|producer| assert!(event!(producer, ERROR, "{} and {}", 1_u8, true)));
    u32::from_le_bytes(messages[0].1[8..12].try_into().unwrap())
}

#[test]
fn what_is_no_event_is_an_error_that_says_so() {
    let id = a_site();
    let types = [ArgumentType::U8, ArgumentType::Bool];
    let good = bytes(head(id, &types), &[200, 1]);
    let mut reader = EventReader::new(sites());
    let event = reader.decode(EVENT_KIND, &good).unwrap().remove(0);
    assert_eq!((event.to_string().as_str(), event.warp(), event.lane()), ("200 and true", 1, 1));

    let mut refused = |kind: u16, bytes: &[u8]| reader.decode(kind, bytes).unwrap_err();
    assert_eq!(refused(7, &good), DecodeError::Kind { kind: 7 });
    for cut in 1..good.len() {
        assert_eq!(refused(EVENT_KIND, &good[..cut]), DecodeError::Short { len: cut, at: 0 });
    }
    let two = [&good[..], &good[..39]].concat();
    assert_eq!(refused(EVENT_KIND, &two), DecodeError::Short { len: 79, at: 40 });
    assert_eq!(
        refused(EVENT_KIND, &bytes(head(id ^ 1, &types), &[200, 1])),
        DecodeError::UnknownSite { site: id ^ 1 }
    );
    let short = refused(EVENT_KIND, &bytes(head(id, &types[..1]), &[200]));
    assert!(matches!(short, DecodeError::Arguments { found: 1, expected: 2, .. }), "{short}");
    let long = refused(EVENT_KIND, &bytes(head(id, &[types[0]; 3]), &[200, 1, 1]));
    assert!(matches!(long, DecodeError::Arguments { found: 3, expected: 2, .. }), "{long}");
    for (index, arguments) in [(0, [256, 1]), (1, [255, 2])] {
        let value = refused(EVENT_KIND, &bytes(head(id, &types), &arguments));
        assert!(matches!(value, DecodeError::Value { index: found, .. } if found == index), "{value}");
        assert!(value.to_string().contains("tests/events.rs"), "{value}");
    }
    let no_char = refused(EVENT_KIND, &bytes(head(id, &[types[0], ArgumentType::Char]), &[1, 0xd800]));
    assert!(matches!(no_char, DecodeError::Value { index: 1, word: 0xd800, .. }), "{no_char}");
    let mut scope = head(id, &types).words();
    scope[2] |= 3 << 10;
    let scope: Vec<u8> = scope.iter().chain(&[200, 1]).flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(refused(EVENT_KIND, &scope), DecodeError::Head { at: 0, error: HeadError::Scope });
    assert!(reader.decode(EVENT_KIND, &[]).unwrap().is_empty());
}

#[test]
fn other_messages_stay_in_the_ring_and_drops_are_told() {
    let mut buffer = Buffer::new(4).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    let messages = sent(|producer| {
        for step in 0..8_u32 {
            event!(producer, INFO, "event {}", step);
        }
    });
    let mut reader = EventReader::new(sites());
    assert_eq!(reader.try_next(&mut consumer).unwrap_err(), EventError::Stream(ConsumeError::Empty));
    producer.message(&messages[0].1).kind(EVENT_KIND).send().unwrap();
    producer.produce(b"other").unwrap();
    producer.message(&[1; 40]).kind(EVENT_KIND).send().unwrap();
    producer.message(&messages[1].1).kind(EVENT_KIND).send().unwrap();
    producer.message(&messages[2].1).kind(EVENT_KIND).send_or_drop().unwrap();
    producer.message(&messages[3].1).kind(EVENT_KIND).send_or_drop().unwrap();
    assert_eq!(reader.next(&mut consumer, Wait::Forever).unwrap().to_string(), "event 0");
    for _ in 0..2 {
        let other = reader.next(&mut consumer, Wait::Forever).unwrap_err();
        assert_eq!(other, EventError::Decode { message: 1, error: DecodeError::Kind { kind: 0 } });
    }
    assert_eq!(&consumer.try_consume().unwrap()[..], b"other");
    let malformed = reader.next(&mut consumer, Duration::ZERO).unwrap_err();
    assert!(
        matches!(malformed, EventError::Decode { message: 2, error: DecodeError::Head { .. } }),
        "{malformed}"
    );
    assert_eq!(consumer.try_consume().unwrap().len(), 40);
    assert_eq!(reader.try_next(&mut consumer).unwrap().to_string(), "event 1");
    producer.finish();
    let gap = reader.next(&mut consumer, Wait::Forever).unwrap_err();
    assert!(matches!(gap, EventError::Stream(ConsumeError::Gap { dropped: 2, .. })), "{gap}");
    assert_eq!(reader.for_each(&mut consumer, |event| panic!("{event}")).unwrap(), 0);
}

proptest! {
    /// Any bytes are events of known sites, or an error; never a panic, and never beyond the message.
    #[test]
    fn any_bytes_are_decoded_or_refused(mut message in prop::collection::vec(any::<u8>(), 0..241), known: bool, types in 0..1_u64 << 16, place: u16) {
        if known && message.len() >= 24 {
            message[8..12].copy_from_slice(&a_site().to_le_bytes());
            message[16..24].copy_from_slice(&(u64::from(place) | types << 16).to_le_bytes());
        }
        let mut reader = EventReader::new(sites());
        if let Ok(events) = reader.decode(EVENT_KIND, &message) {
            let used: usize = events.iter().map(|event| 24 + 8 * event.arguments().len()).sum();
            prop_assert!(used <= message.len());
            for event in events {
                let _ = event.to_string();
            }
        }
    }

    /// What was sent comes back.
    #[test]
    fn events_come_back(time_ns: u64, block: u32, thread in 0..1024_u16, number: u8, flag: bool) {
        let place = Place { thread, scope: Scope::Thread, room: 3 };
        let types = types_of(&[ArgumentType::U8, ArgumentType::Bool]);
        let head = Head { time_ns, site: a_site(), block, place, types };
        let message = bytes(head, &[number.word(), flag.word(), 99]);
        let events = EventReader::new(sites()).decode(EVENT_KIND, &[&message[..], &message[..]].concat()).unwrap();
        prop_assert_eq!(events.len(), 2);
        for event in events {
            prop_assert_eq!((event.block(), event.thread(), event.gpu_ns()), (block, thread, time_ns));
            prop_assert_eq!(event.to_string(), format!("{number} and {flag}"));
        }
    }
}
