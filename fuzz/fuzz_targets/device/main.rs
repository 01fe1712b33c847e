//! Device producers of every granularity on emulated lanes, with any messages, rings, batches, time limits and readers: what the
//! consumer gets is what was sent, and all of it unless somebody stopped.
#![no_main]

mod kernels;

/// A launch beside a consumer, as the lanes' own tests have it.
#[allow(dead_code)] // they use more of it
#[path = "../../../crates/perdix-gpu/tests/lanes/common.rs"]
mod common;

use common::{End, Messages, Outcome, Reader, run_on};
use kernels::{Ending, Shape, Table};
use libfuzzer_sys::fuzz_target;
use perdix_core::DeviceRing;
use perdix_fuzz::input::Input;
use perdix_fuzz::rings;
use perdix_gpu::emulation::EmulatedRing;

/// Long enough for a reader that is only slow, short enough to wait for.
const PATIENT_NS: u64 = 10_000_000_000;
const HASTY_NS: u64 = 1_000_000;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let config = rings::config(&mut input);
    let ring = EmulatedRing::starting_at(config.capacity, config.mode, config.start);
    let shape = Shape::draw(&mut input);
    let reader = match input.below(6) {
        0 => Reader::Leaves(input.byte().into()),
        1 => Reader::Stalls(input.byte().into()),
        2 => Reader::Sleepy(10),
        _ => Reader::Steady,
    };
    let limit_ns = if matches!(reader, Reader::Stalls(_)) { HASTY_NS } else { PATIENT_NS };
    let patient = DeviceRing { limit_ns: PATIENT_NS, ..ring.handle() };
    let handle = DeviceRing { limit_ns, ..patient };
    let (cut, batch) = (input.below(40).into(), u64::from(input.below(70)) + 1);
    let table = Table::draw(&mut input);

    // SAFETY: the ring's only consumer.
    let mut consumer = unsafe { ring.consumer() };
    // The first launch pauses where the table is cut; the second one goes on, if the first one could.
    let first = table.part(0..cut);
    let mut got = run_on(&mut consumer, shape.launch(), Reader::Steady, || {
        shape.send(patient, &first, batch, Ending::Pauses);
    });
    assert!(got.launched, "the first launch faulted");
    if got.end == End::Open {
        let rest = table.part(cut..usize::MAX);
        let later = run_on(&mut consumer, shape.launch(), reader, || {
            shape.send(handle, &rest, batch, Ending::Finishes);
        });
        assert!(later.launched, "the second launch faulted");
        got.messages.extend(later.messages);
        got.end = later.end;
    }
    check(&got, &table, shape, reader);
});

/// Every sender's messages came in order, from its first one on; all of them, if nobody stopped.
fn check(got: &Outcome, table: &Table, shape: Shape, reader: Reader) {
    let mut sent = 0;
    for sender in 0..shape.senders() {
        let own = |(kind, _): &&(u16, Vec<u8>)| shape.senders() == 1 || *kind == sender;
        let came: Messages = got.messages.iter().filter(own).cloned().collect();
        let expected = table.sendable(sender, shape.senders());
        assert!(came.len() <= expected.len(), "{} messages of {}", came.len(), expected.len());
        assert_eq!(came, expected[..came.len()], "{shape:?}, sender {sender}");
        if matches!(reader, Reader::Steady | Reader::Sleepy(_)) && !table.has_too_long() {
            assert_eq!((got.end, came.len()), (End::Ended, expected.len()), "{shape:?}, sender {sender}");
        }
        sent += came.len();
    }
    assert_eq!(sent, got.messages.len(), "a message is nobody's");
}
