//! Proves that the record packer sends the records of active lanes, all of them, once and in order, and that after an error it
//! holds exactly what it did not send.

use std::sync::Mutex;

use perdix_core::sentinel::SENTINEL;
use perdix_core::{Consumer, DeviceRing, Poll, RecordLayout};
use perdix_gpu::emulation::{EmulatedRing, launch};
use perdix_gpu::intrinsics::lane_id;
use perdix_gpu::{Error, GridProducer, Mode, PackError, RecordPacker, Warp, WarpProducer};
use perdix_kernels::records::{RECORD_KIND, RECORD_SIZES, TestRecord, has_record, pack_of, record_bytes};
use perdix_kernels::{pack_records, pack_sized_records};

use crate::common::{End, MODES, Messages, Reader, line, run};
use crate::records::{check_messages, check_warps, packed, with_every_type};

/// The identities that `pack_sized_records` has one warp send.
fn identities(rounds: u64, density: u64) -> impl Iterator<Item = u64> {
    (0..32 * rounds).filter(move |id| has_record(*id, density))
}

fn packs<T: TestRecord>(mode: Mode) {
    // Enough to pass a full slot, and with it the end of the circle of registers.
    let rounds = (2 * RecordLayout::<T>::PER_SLOT as u64).div_ceil(32) + 1;
    // Long records of odd sizes take thousands of shuffles, which are slow on emulated lanes.
    let is_slow = RecordLayout::<T>::SIZE % 4 != 0 && RecordLayout::<T>::SIZE > 20;
    let cases: &[(u64, u64)] = if is_slow { &[(4, 1)] } else { &[(1, 9), (2, 4), (64, 8)] };
    for &(slots, density) in cases {
        let ring = EmulatedRing::new(slots, mode);
        let outcome = run(&ring, (1, 32), Reader::Steady, || {
            // SAFETY: one warp, on a ring that lives on.
            unsafe { pack_of::<T>(ring.handle(), rounds, density) }
        });
        check_messages::<T>(&ring, &outcome, &packed(identities(rounds, density).map(T::make)));
    }
}

#[test]
fn every_size_arrives_fenced() {
    with_every_type!(packs(Mode::Fenced));
}

#[test]
fn every_size_arrives_fence_free() {
    with_every_type!(packs(Mode::FenceFree));
}

#[test]
fn any_lanes_may_have_records() {
    for mode in MODES {
        for density in 0..10 {
            for slots in [1, 2, 4, 8] {
                let ring = EmulatedRing::new(slots, mode);
                let outcome = run(&ring, (1, 32), Reader::Steady, || {
                    // SAFETY: one warp, on a ring that lives on.
                    unsafe { pack_sized_records(ring.handle(), 16, 30, density) }
                });
                check_messages::<[u64; 2]>(
                    &ring,
                    &outcome,
                    &packed(identities(30, density).map(<[u64; 2]>::make)),
                );
            }
        }
    }
}

/// Records that hold the fence-free mode's sentinel, beside places of the registers that hold older ones.
#[test]
fn sentinels_arrive() {
    let record = |id: u64| if id % 3 == 0 { id } else { SENTINEL };
    for slots in [1, 4] {
        let ring = EmulatedRing::new(slots, Mode::FenceFree);
        let outcome = run(&ring, (1, 32), Reader::Steady, || {
            // SAFETY: the ring's only producer.
            let mut producer = unsafe { WarpProducer::new(ring.handle()) }.unwrap();
            let mut packer = RecordPacker::new(RECORD_KIND);
            for round in 0..20 {
                let id = 32 * round + u64::from(lane_id());
                packer.push(&mut producer, has_record(id, 5), record(id)).unwrap();
            }
            packer.flush(&mut producer).unwrap();
            assert_eq!((packer.flush(&mut producer), packer.pending()), (Ok(()), 0));
            producer.finish();
        });
        check_messages::<u64>(&ring, &outcome, &packed(identities(20, 5).map(record)));
    }
}

#[test]
fn the_kernels_send_what_they_say() {
    for mode in MODES {
        for size in RECORD_SIZES {
            let ring = EmulatedRing::new(4, mode);
            let outcome = run(&ring, (1, 32), Reader::Steady, || {
                // SAFETY: one warp, on a ring that lives on.
                unsafe { pack_sized_records(ring.handle(), size, 4, 8) }
            });
            assert!(outcome.launched && outcome.end == End::Ended);
            let bytes: Vec<u8> = outcome.messages.into_iter().flat_map(|(_, bytes)| bytes).collect();
            let expected: Vec<u8> = (0..128).flat_map(|id| record_bytes(size, id)).collect();
            assert!(bytes == expected, "{size}");
        }
        let ring = EmulatedRing::new(16, mode);
        let outcome = run(&ring, (2, 64), Reader::Steady, || {
            // SAFETY: nothing else is launched, on a ring that lives on.
            unsafe { pack_records(ring.handle(), 20) }
        });
        assert!(outcome.launched && outcome.end == End::Ended);
        check_warps(&outcome.messages, 4, 20 * 32);
    }
}

/// What a packer must do on a ring that nobody reads meanwhile, by counting.
struct Model {
    per_slot: u64,
    slots: u64,
    free: u64,
    held: u64,
}

impl Model {
    fn send(&mut self, flush: bool, taken: bool) -> Result<(), PackError> {
        let mut sent = 0;
        while self.held >= self.per_slot || flush && self.held != 0 {
            let (slots, records) = match self.held / self.per_slot {
                0 => (1, self.held),
                full => (full.min(6).min(self.slots), self.per_slot),
            };
            if slots > self.free {
                return Err(PackError { sent, taken, error: Error::Full });
            }
            (self.free, self.held, sent) =
                (self.free - slots, self.held - slots * records, sent + slots * records);
        }
        Ok(())
    }

    fn push(&mut self, records: u64) -> Result<(), PackError> {
        let before = self.held;
        self.send(false, false)?;
        let sent = before - self.held;
        self.held += records;
        self.send(false, true).map_err(|failed| PackError { sent: failed.sent + sent, ..failed })
    }
}

fn read(consumer: &mut Consumer, most: u64, messages: &mut Messages) -> u64 {
    let before = messages.len();
    while messages.len() - before < most as usize {
        let Ok(Poll::Ready(message)) = consumer.poll() else { break };
        let meta = message.meta();
        let mut bytes = vec![0; meta.len()];
        message.copy_to(&mut bytes);
        message.take();
        consumer.recycle();
        messages.push((meta.kind(), bytes));
    }
    consumer.publish_tail();
    (messages.len() - before) as u64
}

/// A warp pushes on a small ring without waiting, lane 0 reads now and then, and every result must be the model's.
fn errors_are_exact<T: TestRecord>(mode: Mode, slots: u64, seed: u64) {
    let ring = EmulatedRing::new(slots, mode);
    let handle = DeviceRing { limit_ns: 0, ..ring.handle() };
    // SAFETY: the ring's only consumer.
    let reading = Mutex::new((unsafe { ring.consumer() }, Messages::new(), Vec::new(), 0_u32));
    let launched = launch(1, 32, || {
        // SAFETY: the ring's only producer.
        let mut producer = unsafe { WarpProducer::new(handle) }.unwrap();
        let mut packer = RecordPacker::<T>::new(RECORD_KIND);
        let per_slot = RecordLayout::<T>::PER_SLOT as u64;
        let mut model = Model { per_slot, slots, free: slots, held: 0 };
        let read_some = |warp: &mut Warp, most: u64, model: &mut Model| {
            warp.sync();
            if lane_id() == 0 {
                let (consumer, messages, ..) = &mut *reading.lock().unwrap();
                read(consumer, most, messages);
            }
            warp.sync();
            let published = slots - model.free;
            model.free += most.min(published);
        };
        for round in 0..40 {
            let hash = (round + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let id = |lane: u64| 32 * round + lane;
            let is_active = |lane: u64| has_record(id(lane) + seed, hash % 9);
            let active: Vec<u64> = (0..32).filter(|lane| is_active(*lane)).map(id).collect();
            let lane = u64::from(lane_id());
            let result = packer.push(&mut producer, is_active(lane), T::make(id(lane)));
            let expected = model.push(active.len() as u64);
            assert_eq!((result, u64::from(packer.pending())), (expected, model.held), "round {round}");
            if lane == 0 {
                let (_, _, taken, errors) = &mut *reading.lock().unwrap();
                if expected.is_ok() || expected.is_err_and(|failed| failed.taken) {
                    taken.extend(active);
                }
                *errors += u32::from(expected.is_err());
            }
            if (hash >> 8) % 3 == 0 {
                read_some(producer.warp(), (hash >> 12) % (slots + 1), &mut model);
            }
        }
        while packer.pending() != 0 {
            let (result, expected) = (packer.flush(&mut producer), model.send(true, true));
            assert_eq!((result, u64::from(packer.pending())), (expected, model.held));
            read_some(producer.warp(), slots, &mut model);
        }
        producer.finish();
    });
    assert!(launched);
    let (mut consumer, mut messages, taken, errors) = reading.into_inner().unwrap();
    read(&mut consumer, u64::MAX, &mut messages);
    assert!(errors > 0, "the ring was never full");
    let sent: Vec<u8> = messages.into_iter().flat_map(|(_, bytes)| bytes).collect();
    let expected: Vec<u8> =
        packed(taken.into_iter().map(T::make)).into_iter().flat_map(|(_, bytes)| bytes).collect();
    assert!(sent == expected, "{}, {mode:?}, {slots} slots", std::any::type_name::<T>());
}

#[test]
fn what_an_error_leaves_is_held_and_counted() {
    for mode in MODES {
        for (slots, seed) in [(1, 1), (2, 2), (4, 3)] {
            errors_are_exact::<[u64; 1]>(mode, slots, seed);
            errors_are_exact::<[u64; 2]>(mode, slots, seed);
            errors_are_exact::<[u64; 4]>(mode, slots, seed);
            errors_are_exact::<[u32; 3]>(mode, slots, seed);
        }
        errors_are_exact::<[u32; 1]>(mode, 1, 4);
        errors_are_exact::<[u64; 30]>(mode, 2, 5);
        errors_are_exact::<[u8; 17]>(mode, 2, 6);
    }
}

#[test]
fn a_grid_that_gives_up_keeps_the_rest() {
    for mode in MODES {
        let mut ring = EmulatedRing::new(4, mode);
        let handle = DeviceRing { limit_ns: 0, ..ring.handle() };
        assert!(launch(1, 32, || {
            // SAFETY: the launch's only producer.
            let mut producer = unsafe { GridProducer::new(handle) }.unwrap();
            let mut packer = RecordPacker::<[u64; 2]>::new(RECORD_KIND);
            let mut push = |round: u64| {
                let id = 32 * round + u64::from(lane_id());
                let result = packer.push(&mut producer, true, <[u64; 2]>::make(id));
                (result, packer.pending())
            };
            assert_eq!(push(0), (Ok(()), 2));
            assert_eq!(push(1), (Ok(()), 4));
            // Four slots are full now, and nobody reads.
            assert_eq!(push(2), (Err(PackError { sent: 0, taken: true, error: Error::Full }), 36));
            assert_eq!(push(3), (Err(PackError { sent: 0, taken: false, error: Error::Stopped }), 36));
            let stopped = PackError { sent: 0, taken: true, error: Error::Stopped };
            assert_eq!((packer.flush(&mut producer), packer.pending()), (Err(stopped), 36));
            producer.finish();
        }));
        assert_eq!(ring.received(), packed((0..60).map(<[u64; 2]>::make)));
        assert_eq!(line(&ring).end, Some(4));
    }
}

#[test]
fn a_packer_stops_when_the_consumer_leaves() {
    for mode in MODES {
        let ring = EmulatedRing::new(2, mode);
        let outcome = run(&ring, (2, 64), Reader::Leaves(10), || {
            // SAFETY: nothing else is launched, on a ring that lives on.
            unsafe { pack_records(ring.handle(), u64::MAX) }
        });
        assert!(outcome.launched);
        assert_eq!((outcome.end, outcome.messages.len()), (End::Left, 10));
    }
}
