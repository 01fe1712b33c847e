//! Proves that a typed message is read as the value that was sent, or not at all, and that nothing is lost when it is not.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

use std::time::Duration;

use bytemuck::{AnyBitPattern, CheckedBitPattern, NoUninit, Pod, Zeroable};
use perdix_host::{
    Buffer, ConsumeError, Consumer, Mode, ProduceError, ReceiveError, TypeMismatch, Typed, Wait, messages,
};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Tile {
    index: u32,
    residual: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(C)]
struct Done {
    steps: u32,
    state: State,
    any: bool,
    rest: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, NoUninit, CheckedBitPattern)]
#[repr(u8)]
enum State {
    Converged = 1,
    Diverged = 2,
}

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C, align(16))]
struct Full([[u64; 2]; 15]);

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Nothing;

messages! {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Frame<'m> {
        1 => Tile(&Tile),
        2 => Done(Done),
        3 => Full(&Full),
        4 => Nothing(&Nothing),
    }
}

const DONE: Done = Done { steps: 7, state: State::Diverged, any: true, rest: 9 };

fn full(seed: u64) -> Full {
    Full(std::array::from_fn(|i| [seed ^ i as u64, !seed]))
}

#[test]
fn values_come_back_where_they_lie() {
    for mode in [Mode::Fenced, Mode::FenceFree] {
        let mut buffer = Buffer::builder().slots(8).mode(mode).build().unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        let tile = Tile { index: 5, residual: f32::NAN };
        producer.value(&tile).send().unwrap();
        producer.value(&DONE).wait(Wait::No).send().unwrap();
        assert!(producer.value(&full(3)).send_or_drop().unwrap());
        producer.value(&Nothing).wait(Duration::ZERO).send().unwrap();
        let mut grant = producer.reserve_value::<Full>(Wait::Forever).unwrap();
        *grant = full(4);
        assert_eq!(*grant, full(4));
        grant.commit();
        drop(producer.reserve_value::<Tile>(Wait::No).unwrap());

        let received = consumer.value::<Tile>(Wait::Forever).unwrap();
        assert_eq!((received.number(), received.residual.to_bits()), (0, f32::NAN.to_bits()));
        drop(received);
        assert_eq!(consumer.value_copy::<Done>(Wait::Forever).unwrap(), DONE);
        let received = consumer.value::<Full>(Wait::No).unwrap();
        assert_eq!(*received, full(3));
        // In the slot: no copy was made.
        let address = std::ptr::from_ref::<Full>(&received).cast::<u8>();
        assert_eq!(received.into_message().as_ptr(), address);
        consumer.value::<Nothing>(Duration::ZERO).unwrap();
        let message = consumer.consume().unwrap().to_owned();
        assert_eq!(message.read(), Ok(Frame::Full(&full(4))));
        assert_eq!(message.value::<Full>(), Ok(&full(4)));
        assert_eq!(consumer.value::<Tile>(Wait::No).unwrap_err(), ConsumeError::Empty.into());
        drop(producer);
        let end = consumer.value::<Tile>(Wait::Forever).unwrap_err();
        assert_eq!(end, ReceiveError::Stream(ConsumeError::EndOfStream));
        assert_eq!(consumer.value_copy::<Done>(Wait::Forever).unwrap_err(), end);
    }
}

#[test]
fn a_batch_is_read_by_kind() {
    let mut buffer = Buffer::new(8).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.value(&Tile { index: 1, residual: 0.5 }).send().unwrap();
    producer.value(&DONE).send().unwrap();
    producer.finish();
    let mut frames = 0;
    let all = [Frame::Tile(&Tile { index: 1, residual: 0.5 }), Frame::Done(DONE)];
    consumer
        .for_each(|message| {
            assert_eq!(message.read(), Ok(all[frames]));
            assert_eq!(message.value::<Tile>().is_ok(), frames == 0);
            assert_eq!(message.value_copy::<Done>().is_ok(), frames == 1);
            frames += 1;
        })
        .unwrap();
    assert_eq!(frames, 2);
}

/// The reason why the next message is no `T`, however it is asked for; the message stays.
fn mismatch<T: Typed + AnyBitPattern + std::fmt::Debug>(consumer: &mut Consumer<'_>) -> TypeMismatch {
    let number = consumer.position();
    let ReceiveError::Mismatch { message, mismatch } = consumer.value::<T>(Wait::Forever).unwrap_err() else {
        panic!()
    };
    let again = ReceiveError::Mismatch { message, mismatch };
    assert_eq!(message, number);
    assert_eq!(consumer.value::<T>(Wait::No).unwrap_err(), again);
    assert_eq!(consumer.value::<T>(Duration::ZERO).unwrap_err(), again);
    assert_eq!(consumer.value_copy::<T>(Wait::Forever).unwrap_err(), again);
    assert_eq!(consumer.position(), number);
    mismatch
}

#[test]
fn what_is_another_message_is_an_error_and_stays() {
    let mut buffer = Buffer::new(8).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    producer.produce(&[0; 8]).unwrap();
    producer.message(&[0; 12]).kind(1).send().unwrap();
    producer.message(&[0, 0, 0, 0, 1, 2, 0, 0]).kind(2).send().unwrap();
    producer.message(&[0; 300]).kind(1).send_large().unwrap();
    let kind = mismatch::<Tile>(&mut consumer);
    assert!(matches!(kind, TypeMismatch::Kind { found: 0, expected: 1, .. }));
    let message = kind.to_string();
    assert!(
        message.contains("kind 0") && message.contains("Tile`") && message.contains("kind 1"),
        "{message}"
    );
    let untyped = consumer.consume().unwrap();
    assert!(matches!(untyped.read::<Frame<'_>>(), Err(TypeMismatch::Unknown { found: 0, .. })));
    assert_eq!(&untyped[..], [0; 8]);
    drop(untyped);

    let size = mismatch::<Tile>(&mut consumer);
    assert!(matches!(size, TypeMismatch::Size { kind: 1, found: 12, expected: 8, .. }));
    assert_eq!(consumer.consume().unwrap().read::<Frame<'_>>(), Err(size));

    let ReceiveError::Mismatch { message: 2, mismatch: value } =
        consumer.value_copy::<Done>(Wait::Forever).unwrap_err()
    else {
        panic!()
    };
    assert!(matches!(value, TypeMismatch::Value { kind: 2, .. }));
    let message = consumer.consume().unwrap();
    assert_eq!(message.value_copy::<Done>(), Err(value));
    assert_eq!(message.read::<Frame<'_>>(), Err(value));
    drop(message);

    assert!(matches!(mismatch::<Tile>(&mut consumer), TypeMismatch::Large { kind: 1, .. }));
    let mut large = Vec::new();
    assert!(consumer.large(&mut large, Wait::No).is_ok());
    assert_eq!(large, [0; 300]);
}

#[test]
fn a_full_ring_hands_the_value_back() {
    let mut buffer = Buffer::new(2).unwrap();
    let (mut producer, mut consumer) = buffer.split_mut();
    let first = Done { state: State::Converged, ..DONE };
    producer.value(&first).send().unwrap();
    producer.value(&DONE).send().unwrap();
    assert!(matches!(producer.value(&DONE).wait(Wait::No).send(), Err(ProduceError::Full { .. })));
    assert!(matches!(
        producer.value(&DONE).wait(Duration::from_millis(1)).send(),
        Err(ProduceError::TimedOut { .. })
    ));
    assert!(matches!(producer.reserve_value::<Tile>(Wait::No).err(), Some(ProduceError::Full { .. })));
    assert!(!producer.value(&DONE).send_or_drop().unwrap());
    assert_eq!(consumer.value_copy::<Done>(Wait::Forever).unwrap(), first);
    drop(consumer);
    assert_eq!(producer.value(&DONE).send(), Err(ProduceError::ConsumerGone));
}

proptest! {
    /// A message of any kind and bytes is the one frame that it is, byte for byte, or an error.
    #[test]
    fn any_message_is_a_frame_or_an_error(kind in 0..6_u16, bytes in prop::collection::vec(0..4_u8, 0..20), fits: bool) {
        let mut bytes = bytes;
        if fits {
            bytes.resize([0, 8, 8, 240, 0, 0][usize::from(kind)], 1);
        }
        let mut buffer = Buffer::new(2).unwrap();
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.message(&bytes).kind(kind).send().unwrap();
        let message = consumer.consume().unwrap();
        let sent: Vec<u8> = match message.read() {
            Ok(Frame::Tile(tile)) => bytemuck::bytes_of(tile).to_vec(),
            Ok(Frame::Done(done)) => bytemuck::bytes_of(&done).to_vec(),
            Ok(Frame::Full(full)) => bytemuck::bytes_of(full).to_vec(),
            Ok(Frame::Nothing(_)) => Vec::new(),
            Err(TypeMismatch::Unknown { found, .. }) => {
                prop_assert!(found == kind && !(1..5).contains(&kind));
                return Ok(());
            }
            Err(TypeMismatch::Size { found, expected, .. }) => {
                prop_assert!(found == bytes.len() && found != expected);
                return Ok(());
            }
            Err(TypeMismatch::Value { .. }) => {
                prop_assert!(kind == 2 && (!(1..3).contains(&bytes[4]) || bytes[5] > 1));
                return Ok(());
            }
            Err(other) => panic!("{other}"),
        };
        prop_assert_eq!(sent, bytes);
    }
}
