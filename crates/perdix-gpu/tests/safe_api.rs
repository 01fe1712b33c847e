//! Calls every public safe function in random order with random arguments. Whatever safe code does with this crate, it is no
//! undefined behaviour: sanitizers and Miri look on.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)] // a test

#[path = "../../perdix-core/tests/public_api/mod.rs"]
mod public_api;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;

use perdix_gpu::emulation::{self, EmulatedRing, EmulatedRings, StoreOutcome};
use perdix_gpu::events::{Draft, EventSink, LaneEvents, Level, Value, keep};
use perdix_gpu::intrinsics::{self, Warp};
use perdix_gpu::{
    BatchError, Error, FromFn, Mode, PackInto, RecordPacker, Records, Source, Typed, Values, event,
};

/// Types of which safe code gets no value: each is made by an unsafe constructor, or by what was made so.
const UNREACHABLE: [(&str, &str); 15] = [
    ("Bytes", "made of an address"),
    ("ThreadProducer", "made of a handle"),
    ("ConvergedProducer", "made of a handle"),
    ("WarpProducer", "made of a handle"),
    ("GridProducer", "made of a handle"),
    ("BlockProducer", "made of a handle"),
    ("Events", "made of a handle"),
    ("ThreadConsumer", "made of a handle"),
    ("WarpConsumer", "made of a handle"),
    ("BlockConsumer", "made of a handle"),
    ("WarpService", "made of a handle"),
    ("Received", "what a consumer hands out"),
    ("WarpMessage", "what a consumer hands out"),
    ("Shard", "made of a handle"),
    ("Warp", "the token of a warp"),
];

/// [`UNREACHABLE`] and the block's token, whose name begins as that of its producer.
fn unreachable_types() -> Vec<(&'static str, &'static str)> {
    UNREACHABLE.into_iter().chain([("Block", "the token of a block")]).collect()
}

/// Numbers that look random and can be had again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 29
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Small, large, or near a border.
    fn any(&mut self) -> u64 {
        match self.below(4) {
            0 => self.below(300),
            1 => u64::MAX - self.below(300),
            2 => 1 << self.below(64),
            _ => self.next(),
        }
    }

    fn mode(&mut self) -> Mode {
        if self.below(2) == 0 { Mode::Fenced } else { Mode::FenceFree }
    }
}

/// What the calls leave for the next ones.
struct World {
    random: Random,
    ring: EmulatedRing,
    rings: EmulatedRings,
    packer: RecordPacker<[u32; 3]>,
    events: LaneEvents<6>,
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Wide([u64; 30]);

impl Typed for Wide {
    const KIND: u16 = 3;
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Odd([u8; 7]);

impl Typed for Odd {
    const KIND: u16 = 4;
}

/// A producer that lies, and has no token.
struct Liar<'r>(&'r mut Random);

impl PackInto for Liar<'_> {
    fn slots(&self) -> u64 {
        self.0.0
    }

    fn warp(&mut self) -> &mut Warp {
        resume_unwind(Box::new("safe code has no token"))
    }

    fn send(&mut self, count: u64, source: &impl Source) -> Result<(), BatchError> {
        ask(source, self.0);
        if self.0.below(2) == 0 {
            return Ok(());
        }
        Err(BatchError { sent: count.min(self.0.any()), error: Error::Full })
    }
}

/// A place for events that only looks at them.
struct Looks;

impl EventSink for Looks {
    fn send_event<const N: usize>(&mut self, level: Level, event: &Draft<N>) -> bool {
        black_box((level, event));
        true
    }
}

/// Asks a source for what it may not have.
fn ask(source: &impl Source, random: &mut Random) {
    for _ in 0..8 {
        let (index, chunk) = (random.any(), random.any() as usize);
        black_box(source.len(index));
        black_box(source.kind(index));
        black_box(source.chunk(index, chunk));
        black_box(source.chunk_within(index, chunk, random.any() as usize));
    }
}

/// Does what may panic, and must do no other harm.
fn caught(call: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(call));
}

type Call = fn(&mut World);

const CALLS: &[(&str, Call)] = &[
    ("EmulatedRing::new", |w| w.ring = EmulatedRing::new(1 << w.random.below(7), w.random.mode())),
    ("EmulatedRing::starting_at", |w| {
        let slots = w.random.any() % 70;
        // Most numbers of slots are refused, by a panic.
        caught(|| w.ring = EmulatedRing::starting_at(slots, w.random.mode(), w.random.any()));
    }),
    ("EmulatedRing::handle", |w| {
        let copy = w.ring.handle();
        black_box((copy, copy.is_current()));
    }),
    ("EmulatedRing::input", |w| {
        black_box(w.ring.input());
    }),
    ("EmulatedRing::state", |w| {
        let (state, order) = (w.ring.state(), Ordering::Relaxed);
        for word in [&state.head, &state.tail, &state.unsent, &state.fault, &state.unreported, &state.paused]
        {
            word.store(w.random.any(), order);
        }
    }),
    ("EmulatedRing::received", |w| {
        black_box(w.ring.received());
    }),
    ("EmulatedRings::new", |w| {
        w.rings = EmulatedRings::new(w.random.below(4) as usize, 1 << w.random.below(4), w.random.mode());
    }),
    ("EmulatedRings::handle", |w| {
        black_box(w.rings.handle());
    }),
    ("EmulatedRings::set_limit", |w| w.rings.set_limit(w.random.any())),
    ("EmulatedRings::len", |w| assert_eq!(w.rings.len(), w.rings.iter().len())),
    ("EmulatedRings::is_empty", |w| assert_eq!(w.rings.is_empty(), w.rings.iter().next().is_none())),
    ("EmulatedRings::iter", |w| w.rings.iter().for_each(|ring| _ = black_box(ring.handle()))),
    ("EmulatedRings::iter_mut", |w| {
        for ring in w.rings.iter_mut() {
            std::mem::swap(ring, &mut w.ring);
            black_box(ring.received());
        }
    }),
    ("launch", |w| {
        let (blocks, threads) = (w.random.below(3) as u32, w.random.below(70) as u32);
        assert!(emulation::launch(blocks, threads, || {
            assert!(intrinsics::thread_rank() < intrinsics::threads_per_block());
            assert!(intrinsics::block_rank() < intrinsics::blocks());
        }));
    }),
    ("launch_with", |w| {
        let threads = w.random.below(40) as u32;
        let trapped = w.random.below(40) as u32;
        let whole = emulation::launch_with(
            1,
            threads,
            |_| StoreOutcome::Lost,
            || {
                if intrinsics::thread_rank() == trapped {
                    intrinsics::trap();
                }
                intrinsics::sleep_ns(1);
            },
        );
        assert_eq!(whole, trapped >= threads);
    }),
    ("FromFn::new", |w| {
        let made = FromFn::new(w.random.any() as usize, 7, |index, chunk| [index, chunk as u64]);
        ask(&made, &mut w.random);
    }),
    ("Values::new", |w| {
        ask(&Values::new(|index| Wide([index; 30])), &mut w.random);
        ask(&Values::new(|index| Odd([index as u8; 7])), &mut w.random);
    }),
    ("Records::new", |w| {
        ask(&Records::new(w.random.any(), 1, |index| [index; 2]), &mut w.random);
        ask(&Records::new(w.random.any(), 1, |index| [index as u8; 5]), &mut w.random);
        ask(&Records::new(w.random.any(), 1, |index| [index; 30]), &mut w.random);
    }),
    ("Records::messages", |w| {
        black_box(Records::new(w.random.any(), 1, |index| [index as u32; 7]).messages());
    }),
    ("RecordPacker::new", |w| w.packer = RecordPacker::new(w.random.any() as u16)),
    ("RecordPacker::push", |w| {
        let active = w.random.below(2) == 0;
        caught(|| _ = w.packer.push(&mut Liar(&mut w.random), active, [1, 2, 3]));
    }),
    ("RecordPacker::flush", |w| caught(|| _ = w.packer.flush(&mut Liar(&mut w.random)))),
    ("RecordPacker::pending", |w| {
        black_box(w.packer.pending());
    }),
    ("LaneEvents::new", |w| w.events = LaneEvents::new()),
    ("LaneEvents::lanes", |w| {
        let active = w.random.below(2) == 0;
        let (events, random) = (&mut w.events, &mut w.random);
        caught(|| _ = event!(events.lanes(&mut Liar(random), active), INFO, "{} of {}", 1_u8, 2.0_f32));
    }),
    ("LaneEvents::flush", |w| caught(|| _ = w.events.flush(&mut Liar(&mut w.random)))),
    ("Draft::new", |w| {
        let draft = Draft::new(w.random.any() as u32, [Value::of(w.random.any()); 12]);
        Looks.send_event(Level::Warn, &draft);
    }),
    ("Value::of", |w| {
        black_box((Value::of(w.random.any() as i8), Value::of('x'), Value::of(true), Value::of(f64::NAN)));
    }),
    ("EventSink::send_event", |w| {
        assert!(event!(Looks, TRACE, "{}", w.random.any()));
    }),
    ("keep", |_| keep(b"text")),
    ("Source::len", |w| ask(&FromFn::new(0, 0, |_, _| [0; 2]), &mut w.random)),
    ("Source::kind", |w| ask(&Records::new(0, 9, |_| 0_u8), &mut w.random)),
    ("Source::chunk", |w| ask(&Values::new(|_| Odd([1; 7])), &mut w.random)),
    ("Source::chunk_within", |w| ask(&FromFn::new(240, 0, |_, _| [0; 2]), &mut w.random)),
    ("PackInto::slots", |w| {
        black_box(Liar(&mut w.random).slots());
    }),
    ("PackInto::warp", |w| caught(|| _ = black_box(Liar(&mut w.random).warp()))),
    ("PackInto::send", |w| {
        let count = w.random.any();
        _ = Liar(&mut w.random).send(count, &FromFn::new(1, 0, |_, _| [0; 2]));
    }),
    ("thread_idx", |_| assert_eq!(intrinsics::thread_idx(), [0; 3])),
    ("block_dim", |_| assert_eq!(intrinsics::block_dim(), [1; 3])),
    ("block_idx", |_| assert_eq!(intrinsics::block_idx(), [0; 3])),
    ("grid_dim", |_| assert_eq!(intrinsics::grid_dim(), [1; 3])),
    ("now_ns", |_| assert!(intrinsics::now_ns() <= intrinsics::now_ns())),
    ("sleep_ns", |w| intrinsics::sleep_ns(w.random.any() as u32)),
    ("trap", |_| caught(|| intrinsics::trap())),
    ("device_fence", |_| intrinsics::device_fence()),
    ("thread_rank", |_| assert_eq!(intrinsics::thread_rank(), 0)),
    ("threads_per_block", |_| assert_eq!(intrinsics::threads_per_block(), 1)),
    ("lane_id", |_| assert_eq!(intrinsics::lane_id(), 0)),
    ("warp_id", |_| assert_eq!(intrinsics::warp_id(), 0)),
    ("warps_per_block", |_| assert_eq!(intrinsics::warps_per_block(), 1)),
    ("block_rank", |_| assert_eq!(intrinsics::block_rank(), 0)),
    ("blocks", |_| assert_eq!(intrinsics::blocks(), 1)),
];

#[test]
fn any_order_with_any_arguments() {
    for seed in 0..if cfg!(miri) { 2 } else { 20 } {
        let mut world = World {
            random: Random(seed),
            ring: EmulatedRing::new(4, Mode::Fenced),
            rings: EmulatedRings::new(2, 4, Mode::FenceFree),
            packer: RecordPacker::new(0),
            events: LaneEvents::new(),
        };
        for _ in 0..if cfg!(miri) { 60 } else { 600 } {
            let (_, call) = CALLS[world.random.below(CALLS.len() as u64) as usize];
            call(&mut world);
        }
    }
}

#[test]
fn every_public_safe_function_is_called() {
    let public = public_api::safe_functions(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &[]);
    let called: BTreeSet<String> = CALLS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(called.len(), CALLS.len(), "a name is there twice");
    public_api::assert_all_called(&public, &called, &unreachable_types());
}
