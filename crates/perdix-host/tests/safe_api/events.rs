//! Calls of what decodes log events.

use std::time::Instant;

use perdix_host::events::{EVENT_KIND, Event, EventReader, GpuClock, Site, Sites, Value};
use perdix_host::{Buffer, Wait};

use super::halves::{bytes, wait};
use super::{Call, done};
use crate::common::Random;

const TEXT: &str =
    "\u{1}perdix-event 1\u{1f}INFO\u{1f}7\u{1f}src/lib.rs\u{1f}solver\u{1f}tile {} residual {:.3}\u{4}";

fn sites() -> Sites {
    Sites::from_bytes(TEXT.as_bytes()).unwrap()
}

/// An event as a kernel sends it, sometimes spoilt.
fn message(sites: &Sites, random: &mut Random) -> Vec<u8> {
    let (id, _) = sites.iter().next().unwrap();
    let (types, room) = (0x93_u64 << 16, 2 << 12);
    let words = [random.next(), u64::from(id), types | room, 7, u64::from(0.25_f32.to_bits())];
    let mut message: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    if random.below(2) == 0 {
        let at = random.below(message.len() as u64) as usize;
        message[at] ^= random.next() as u8;
    }
    if random.below(4) == 0 {
        message.truncate(random.below(41) as usize);
    }
    message
}

fn event(random: &mut Random, call: impl Fn(&Event<'_>)) {
    let sites = sites();
    let events = EventReader::new(&sites).decode(EVENT_KIND, &message(&sites, random));
    for event in events.iter().flatten() {
        call(event);
        assert!(!format!("{event:?} {event}").is_empty());
    }
}

fn value(random: &mut Random, call: impl Fn(Value)) {
    event(random, |event| event.arguments().for_each(&call));
}

fn site(call: impl Fn(&Site)) {
    sites().iter().for_each(|(_, site)| call(site));
}

/// A reader and a ring in which events and other messages lie; the stream has ended.
fn reader(
    random: &mut Random,
    call: impl FnOnce(&mut EventReader<'_>, &mut perdix_host::Consumer<'_>, &mut Random),
) {
    let sites = sites();
    let mut buffer = Buffer::new(8).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    for _ in 0..random.below(8) {
        let _ = if random.below(4) == 0 {
            producer.message(&bytes(random)).send_or_drop()
        } else {
            producer.message(&message(&sites, random)).kind(EVENT_KIND).send_or_drop()
        };
    }
    done(producer);
    call(&mut EventReader::new(&sites), &mut consumer, random);
}

pub(crate) const CALLS: &[(&str, Call)] = &[
    ("Sites::from_bytes", |r| done(Sites::from_bytes(&bytes(r)))),
    ("Sites::from_ptx", |r| done(Sites::from_ptx(&String::from_utf8_lossy(&bytes(r))))),
    // Reads this program's file, which takes long.
    ("Sites::of_this_program", |r| {
        if r.below(200) == 0 {
            done(Sites::of_this_program());
        }
    }),
    ("Sites::get", |r| assert!(sites().get(r.next() as u32).is_none())),
    ("Sites::len", |_| assert_eq!(sites().len(), 1)),
    ("Sites::is_empty", |_| assert!(!sites().is_empty())),
    ("Sites::iter", |_| assert_eq!(sites().iter().count(), 1)),
    ("Sites::extend", |_| sites().extend(&sites()).unwrap()),
    ("Site::level", |_| site(|site| done(site.level()))),
    ("Site::file", |_| site(|site| assert!(!site.file().is_empty()))),
    ("Site::line", |_| site(|site| assert_eq!(site.line(), 7))),
    ("Site::module", |_| site(|site| assert!(!site.module().is_empty()))),
    ("Site::format", |_| site(|site| assert!(!site.format().is_empty()))),
    ("GpuClock::new", |_| done(GpuClock::new())),
    ("GpuClock::observe", |r| {
        let mut clock = GpuClock::new();
        (0..9).for_each(|_| clock.observe(r.next(), Instant::now()));
        clock.time(r.next());
    }),
    ("GpuClock::time", |r| done(GpuClock::new().time(r.next()))),
    ("EventReader::new", |_| done(EventReader::new(&sites()))),
    ("EventReader::decode", |r| {
        let sites = sites();
        let _ = EventReader::new(&sites).decode(EVENT_KIND, &bytes(r));
        let _ = EventReader::new(&sites).decode(r.next() as u16, &message(&sites, r));
    }),
    ("EventReader::next", |r| {
        reader(r, |reader, consumer, r| (0..9).for_each(|_| done(reader.next(consumer, wait(r)))));
    }),
    ("EventReader::try_next", |r| {
        reader(r, |reader, consumer, _| {
            while let Ok(event) = reader.try_next(consumer) {
                assert!(!event.to_string().is_empty());
            }
            done(consumer.next(Wait::No));
        });
    }),
    ("EventReader::for_each", |r| reader(r, |reader, consumer, _| done(reader.for_each(consumer, |_| ())))),
    ("EventReader::clock", |r| {
        reader(r, |reader, consumer, _| {
            let _ = reader.try_next(consumer);
            assert!(!format!("{:?}", reader.clock()).is_empty());
        });
    }),
    #[cfg(feature = "tracing")]
    ("EventReader::forward", |r| reader(r, |reader, consumer, _| done(reader.forward(consumer)))),
    #[cfg(feature = "tracing")]
    ("Event::to_tracing", |r| event(r, |event| event.to_tracing())),
    ("Event::site", |r| event(r, |event| done(event.site().level()))),
    ("Event::level", |r| event(r, |event| done(event.level()))),
    ("Event::block", |r| event(r, |event| done(event.block()))),
    ("Event::thread", |r| event(r, |event| done(event.thread()))),
    ("Event::warp", |r| event(r, |event| done(event.warp()))),
    ("Event::lane", |r| event(r, |event| done(event.lane()))),
    ("Event::scope", |r| event(r, |event| done(event.scope()))),
    ("Event::gpu_ns", |r| event(r, |event| done(event.gpu_ns()))),
    ("Event::time", |r| event(r, |event| done(event.time()))),
    ("Event::system_time", |r| event(r, |event| done(event.system_time()))),
    ("Event::arguments", |r| event(r, |event| done(event.arguments().len()))),
    ("Value::kind", |r| value(r, |value| done(value.kind()))),
    ("Value::bits", |r| value(r, |value| done(value.bits()))),
    ("Value::as_u64", |r| value(r, |value| done(value.as_u64()))),
    ("Value::as_i64", |r| value(r, |value| done(value.as_i64()))),
    ("Value::as_f64", |r| value(r, |value| done(value.as_f64()))),
];
