//! Proves that a client gets the answer to what it asked, in whatever order answers come, and says what is wrong when none will.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail a test

use std::time::Duration;

use perdix_host::{Buffer, CallError, Client, ConsumeError, Consumer, Mode, Producer, Wait};

const MODES: [Mode; 2] = [Mode::Fenced, Mode::FenceFree];

/// Ids are told apart by 16 bits, which wrap soon.
const FIRST: u64 = 65_450;

fn ring(slots: usize, mode: Mode) -> Buffer {
    Buffer::builder().slots(slots).mode(mode).first_message(FIRST).build().unwrap()
}

/// A client on this thread and `serve` on another.
fn with_server(
    slots: usize,
    mode: Mode,
    serve: impl FnOnce(Consumer<'_>, Producer<'_>) + Send,
    client: impl FnOnce(Client<'_>),
) {
    let (mut there, mut back) = (ring(slots, mode), ring(slots, mode));
    let (requests, asked) = there.split_mut();
    let (answers, responses) = back.split_mut();
    std::thread::scope(|scope| {
        scope.spawn(move || serve(asked, answers));
        client(Client::new(requests, responses));
    });
}

/// Answers each request with its bytes backwards.
fn backwards(mut requests: Consumer<'_>, mut responses: Producer<'_>) {
    while let Ok(request) = requests.consume() {
        let bytes: Vec<u8> = request.iter().rev().copied().collect();
        responses.message(&bytes).kind(request.number() as u16).send().unwrap();
    }
}

#[test]
fn every_call_gets_its_answer() {
    for mode in MODES {
        with_server(4, mode, backwards, |mut client| {
            for len in 0..=240_usize {
                let request: Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
                let response = client.call(&request).unwrap();
                assert_eq!(response.id(), FIRST + len as u64);
                assert!(response.iter().eq(request.iter().rev()));
            }
            let number: u64 = client.call_value(9, &0x0102_0304_0506_0708_u64).unwrap();
            assert_eq!(number, 0x0807_0605_0403_0201);
            let size = client.call_value::<u64, u32>(9, &1).unwrap_err();
            assert_eq!(size, CallError::Size { len: 8, expected: 4 });
            assert!(matches!(client.call(&[0; 241]), Err(CallError::Request(_))));
        });
    }
}

#[test]
fn answers_may_come_in_another_order() {
    let serve = |mut requests: Consumer<'_>, mut responses: Producer<'_>| {
        let mut waiting = Vec::new();
        while let Ok(request) = requests.consume() {
            waiting.push((request.number() as u16, request.to_vec()));
            drop(request);
            if waiting.len() == 4 {
                while let Some((id, bytes)) = waiting.pop() {
                    responses.message(&bytes).kind(id).send().unwrap();
                }
            }
        }
    };
    with_server(4, Mode::Fenced, serve, |mut client| {
        for round in 0..100 {
            let ids: Vec<u64> = (0..4_u8).map(|i| client.send(&[i]).unwrap()).collect();
            assert_eq!((client.open(), client.most_open()), (4, 4));
            if round == 0 {
                assert_eq!(client.send(&[]), Err(CallError::TooMany { limit: 4 }));
                assert_eq!(client.call(&[]).unwrap_err(), CallError::Open { open: 4 });
            }
            for i in (0..4_usize).rev() {
                let response = client.receive(Wait::Forever).unwrap();
                assert_eq!((response.id(), &response[..]), (ids[i], &[i as u8][..]));
            }
        }
        assert_eq!(client.receive(Wait::Forever).unwrap_err(), CallError::NoneOpen);
    });
}

#[test]
fn a_server_that_is_slow_gone_or_wrong_is_named() {
    let (mut there, mut back) = (ring(4, Mode::Fenced), ring(4, Mode::Fenced));
    let (requests, mut asked) = there.split_mut();
    let (mut answers, responses) = back.split_mut();
    let mut client = Client::new(requests, responses);
    client.set_limit(Duration::from_millis(5));
    let late = client.call(b"a").unwrap_err();
    assert!(matches!(late, CallError::Response(ConsumeError::TimedOut { .. })), "{late}");
    // It comes late, and is had all the same.
    assert_eq!(client.open(), 1);
    drop(asked.consume().unwrap());
    answers.message(b"A").kind(FIRST as u16).send().unwrap();
    assert_eq!(&client.receive(Wait::No).unwrap()[..], b"A");
    // What nobody asked.
    client.send(b"b").unwrap();
    assert_eq!(client.receive(Wait::No).unwrap_err(), CallError::Response(ConsumeError::Empty));
    answers.message(b"?").kind(7).send().unwrap();
    assert_eq!(client.receive(Wait::Forever).unwrap_err(), CallError::Unasked { id: 7 });
    assert_eq!(client.open(), 1);
    drop(answers);
    let gone = client.receive(Duration::from_secs(60)).unwrap_err();
    assert_eq!(gone, CallError::Response(ConsumeError::EndOfStream));
    assert!(matches!(client.receive(Wait::No), Err(CallError::Response(ConsumeError::EndOfStream))));
    drop(asked);
    assert!((0..5).any(|_| matches!(client.send(b"c"), Err(CallError::Request(_)))));
}
