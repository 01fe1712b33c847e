//! The public safe functions that need no half of a ring.

use std::sync::atomic::{AtomicU64, Ordering};

use bytemuck::{Pod, Zeroable};
use perdix_core::events::{
    Argument, ArgumentType, Head, Level, Place, Scope, check_site, count_arguments, next_piece, site_bytes,
    site_id, types_of,
};
use perdix_core::policy::recovery::{GapRecord, Place as Recovered};
use perdix_core::policy::{
    Claims, Credit, Plan, StreamEnd, batch, claimants_margin, crosses_eighth, marker_and, tail_interval,
    unreported, until_end,
};
use perdix_core::{
    AnyOf, Attached, Config, Control, Cursor, DeviceRing, DeviceState, Fault, Identity, MessageLayout, Meta,
    Mode, Name, ProducerLine, ProducerStats, StaticRing, Word, layout_versions, messages, read_checked,
    read_in_place, sentinel,
};

use super::driver::{Call, Source, meta, slot};

/// Aligned as a slot's payload is.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Payload([u8; 64]);

#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Pair {
    low: u64,
    high: u64,
}

messages! {
    #[derive(Debug)]
    pub enum Any<'m> {
        1 => Pair(&Pair),
    }
}

static SPLIT: StaticRing<2> = StaticRing::new();

fn seen<T>(value: T) {
    std::hint::black_box(value);
}

fn credit(s: &mut dyn Source) -> Credit {
    Credit::new(1 << s.below(31), s.number())
}

fn words(s: &mut dyn Source) -> Vec<AtomicU64> {
    (0..s.below(40)).map(|_| AtomicU64::new(if s.flag() { sentinel::SENTINEL } else { s.word() })).collect()
}

fn text(s: &mut dyn Source) -> String {
    (0..s.below(12))
        .map(|_| ['{', '}', ':', '?', 'x', '0', '9', '#', 'ä', '>'][s.below(10) as usize])
        .collect()
}

fn head(s: &mut dyn Source) -> Head {
    let place = Place { thread: s.word() as u16, scope: Scope::Warp, room: s.word() as u8 };
    Head { time_ns: s.word(), site: s.word() as u32, block: s.word() as u32, place, types: s.word() }
}

/// Safe code may make one, and can do nothing with it.
fn handle(s: &mut dyn Source) -> DeviceRing {
    let config = Config { capacity: s.number(), mode: s.mode(), start: s.number() };
    DeviceRing::new(s.number() as usize as *mut u8, std::ptr::null_mut(), config, s.number())
}

fn records(s: &mut dyn Source) -> [GapRecord; 2] {
    [0; 2].map(|_| GapRecord { position: s.number(), dropped: s.number() })
}

/// What panics when it is compiled may do so when it is run.
fn caught<T>(call: impl FnOnce() -> T + std::panic::UnwindSafe) {
    let hook = std::panic::catch_unwind(call);
    seen(hook.is_ok());
}

macro_rules! calls {
    ($($name:literal, |$source:ident| $call:expr;)+) => {
        &[$(($name, |(), $source| {
            let _: &mut dyn Source = $source;
            seen($call);
        })),+]
    };
}

pub(crate) const VALUES: &[Call<()>] = calls! {
    "AnyOf::read", |s| Any::read(meta(s), s.payload().get(..16).unwrap_or_default()).is_ok();
    "Argument::word", |s| (s.word() as i8).word();
    "ArgumentType::from_code", |s| ArgumentType::from_code(s.word() as u8);
    "Attached::from_word", |s| Attached::from_word(s.number());
    "Attached::word", |s| Attached { process: s.word() as u32, device: s.flag() }.word();
    "Chunk16::words", |s| slot().chunk16(s.word() as u32).words().map(|word| word.load(Ordering::Relaxed));
    "Claims::end_of", |s| Claims::end_of(s.number(), s.number(), s.number(), s.number());
    "Config::bytes", |s| Config { capacity: s.number(), mode: s.mode(), start: s.number() }.bytes();
    "Control::from_bytes", |s| Control::from_bytes(&[s.word() as u8; Control::SIZE]).identity.check(s.length());
    "Credit::covers", |s| credit(s).covers(s.number());
    "Credit::covers_outdated", |s| credit(s).covers_outdated(s.number());
    "Credit::free", |s| credit(s).free(s.number());
    "Credit::new", |s| Credit::new(s.number(), s.number()).free(s.number());
    "Credit::newest", |s| credit(s).newest(s.number());
    "Credit::none", |s| Credit::none(s.number(), s.number());
    "Credit::renew", |s| credit(s).renew(s.number(), s.number());
    "Credit::renew_early", |s| credit(s).renew_early(s.number(), s.number());
    "Credit::runs_low", |s| credit(s).runs_low(s.number());
    "Credit::tail", |s| credit(s).tail();
    "Credit::used", |s| credit(s).used(s.number());
    "Cursor::distance_from", |s| Cursor::from_word(s.number()).distance_from(s.number());
    "Cursor::distance_to", |s| Cursor::from_word(s.number()).distance_to(s.number());
    "Cursor::flag", |s| Cursor::from_word(s.number()).flag();
    "Cursor::from_word", |s| Cursor::from_word(s.number());
    "Cursor::new", |s| Cursor::new(s.number(), s.flag());
    "Cursor::word", |s| Cursor::new(s.number(), s.flag()).word();
    "DeviceRing::format_of", |s| DeviceRing::format_of(s.mode());
    "DeviceRing::is_current", |s| DeviceRing { format: s.number(), ..handle(s) }.is_current();
    "DeviceRing::new", |s| handle(s);
    "DeviceState::new", |s| DeviceState::new(s.number(), s.number());
    "DeviceState::of_consumer", |s| DeviceState::of_consumer(s.number(), (s.number(), 0), s.number(), s.number());
    "DeviceState::with_gap", |s| DeviceState::new(0, 0).with_gap(s.number(), s.number());
    "Fault::from_word", |s| Fault::from_word(s.number());
    "GapRecord::invalid_position", |s| GapRecord::invalid_position(s.number());
    "GapRecord::latest", |s| GapRecord::latest(s.number(), s.number(), records(s));
    "Head::argument_type", |s| head(s).argument_type(s.number() as usize);
    "Head::from_words", |s| Head::from_words([s.word(), s.word(), s.number()]);
    "Head::words", |s| head(s).words();
    "Identity::check", |s| Identity {
        magic: perdix_core::MAGIC, format: 256 << 32 | 3, capacity: s.number(), mode: s.below(3), start: s.number(),
    }.check(s.length());
    "Level::from_name", |s| Level::from_name(&text(s));
    "Level::name", |s| Level::Debug.name();
    "MessageLayout::check", |s| MessageLayout::<Pair>::check(meta(s)).map_err(|error| error.to_string());
    "Meta::flags", |s| meta(s).flags();
    "Meta::followers", |s| meta(s).followers();
    "Meta::from_word", |s| Meta::from_word(s.number());
    "Meta::has_more", |s| meta(s).has_more();
    "Meta::is_empty", |s| meta(s).is_empty();
    "Meta::is_gap", |s| Meta::is_gap(s.number());
    "Meta::kind", |s| meta(s).kind();
    "Meta::len", |s| assert!(meta(s).len() <= 240);
    "Meta::mask", |s| meta(s).mask();
    "Meta::new", |s| Meta::new(s.number() as usize, s.word() as u8, s.word() as u16);
    "Meta::with_followers", |s| meta(s).with_followers(s.word() as u32);
    "Meta::with_mask", |s| meta(s).with_mask(s.word() as u32);
    "Meta::word", |s| meta(s).word();
    "Mode::from_word", |s| Mode::from_word(s.number());
    "Name::get", |s| Name::of::<Pair>().get();
    "Name::of", |s| Name::of::<Any<'_>>();
    "Place::bits", |s| head(s).place.bits();
    "Place::from_bits", |s| Place::from_bits(s.word() as u16);
    "Place::read", |s| Recovered::read(1 << s.below(31), s.number(), s.number(), s.flag().then(|| s.number()));
    "Plan::or_drop", |s| Plan::or_drop(s.number(), s.number(), s.number(), s.number());
    "Plan::or_wait", |s| Plan::or_wait(s.number(), s.number(), s.number());
    "Plan::slots_or_drop", |s| Plan::slots_or_drop(s.number(), s.number(), s.number());
    "Plan::with_room", |s| Plan::with_room(s.number(), s.number(), s.number());
    "ProducerLine::end_and_fault", |s| {
        let line = ProducerLine {
            end: s.word(), fault: 2, padding: [0; 14], stats: ProducerStats::default(), spare: [0; 2], attached: 0,
        };
        assert_eq!(line.end_and_fault().words(), [&line.end, &2]);
    };
    "Slot::chunk16", |s| { slot().chunk16(s.word() as u32); };
    "Slot::payload_chunks", |s| slot().payload_chunks().len();
    "Slot::payload_ptr", |s| slot().payload_ptr();
    "StaticRing::new", |s| StaticRing::<8>::new();
    "StaticRing::split", |s| SPLIT.split(s.mode()).is_some();
    "StaticRing::split_from", |s| SPLIT.split_from(s.mode(), s.number()).is_some();
    "StreamEnd::read", |s| StreamEnd::read(s.number(), s.number(), s.number());
    "Word::any_pending", |s| AtomicU64::any_pending(&words(s));
    "Word::fence", |s| <AtomicU64 as Word>::fence(Ordering::AcqRel);
    "Word::load", |s| Word::load(&AtomicU64::new(s.word()), Ordering::Acquire);
    "Word::pending", |s| AtomicU64::pending(&words(s));
    "Word::read_published", |s| Word::read_published(&AtomicU64::new(s.word()));
    "Word::prefetch", |s| Word::prefetch(&AtomicU64::new(0));
    "Word::prefetch_once", |s| AtomicU64::prefetch_once(&slot());
    "Word::rearm", |s| words(s).iter().for_each(Word::rearm);
    "Word::store", |s| Word::store(&AtomicU64::new(0), s.word(), Ordering::Release);
    "Word::store_chunk", |s| AtomicU64::store_chunk(slot().chunk16(s.word() as u32), [s.word(), s.word()]);
    "Word::write_back", |s| words(s).iter().for_each(Word::write_back);
    "acquired_end", |s| batch::acquired_end(s.number(), s.number(), s.number(), s.number());
    "check_site", |s| {
        let (format, arguments) = (text(s), s.below(3) as usize);
        if count_arguments(&format) == Ok(arguments) {
            caught(|| check_site(&format, arguments));
        }
    };
    "claimants_margin", |s| claimants_margin(s.number(), s.number());
    "count_arguments", |s| count_arguments(&text(s));
    "crosses_eighth", |s| crosses_eighth(s.number(), s.number(), s.number());
    "escape_chunk", |s| sentinel::escape_chunk([s.word(), sentinel::SENTINEL]);
    "free", |s| batch::free(s.number(), s.number());
    "head_header", |s| batch::head_header(s.number(), s.number(), meta(s), s.word() as u32);
    "header", |s| batch::header(s.number(), meta(s));
    "layout_versions", |s| layout_versions(&s.payload()).count();
    "marker_and", |s| marker_and(s.number(), s.number());
    "next_piece", |s| next_piece(text(s).as_bytes(), s.number() as usize);
    "publish_chunks", |s| sentinel::publish_chunks(&slot(), s.number(), meta(s), |i| [i as u64; 2]);
    "publish_header", |s| sentinel::publish_header(&slot(), s.number(), meta(s));
    "publish_unordered", |s| sentinel::publish_unordered(&slot(), s.number(), meta(s), &[s.word(); 7]);
    "published", |s| batch::published(s.number());
    "read_checked", |s| read_checked::<Pair>(meta(s), &s.payload()).is_ok();
    "read_in_place", |s| {
        let (payload, from, meta) = (Payload([s.word() as u8; 64]), s.below(32) as usize, meta(s));
        read_in_place::<Pair>(meta, &payload.0[from..from + 16]).map(|pair| pair.low ^ pair.high).is_ok()
    };
    "site_bytes", |s| site_bytes::<5>("level");
    "site_id", |s| site_id(&text(s));
    "slot_index", |s| assert!(batch::slot_index(8, s.number()) < 8);
    "tail_interval", |s| tail_interval(s.number());
    "types_of", |s| types_of(&vec![ArgumentType::F64; s.below(40) as usize]);
    "unreported", |s| unreported(s.number(), s.number());
    "until_end", |s| until_end(s.number(), s.number());
};
