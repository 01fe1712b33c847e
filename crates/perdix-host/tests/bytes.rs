//! The stream as bytes, and what else the standard library's users expect: `Read`, `BufRead`, `Write`, `recv_timeout`, `for`.
#![allow(clippy::unwrap_used, clippy::panic)] // tests

mod common;

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use common::{MODES, Random};
use perdix_host::{Buffer, ConsumeError, Fault, Mode, ProduceError};

fn ring(slots: usize, mode: Mode) -> Buffer {
    common::watch_process();
    Buffer::builder().slots(slots).mode(mode).build().unwrap()
}

const SOON: Duration = Duration::from_millis(5);

fn inner<T: std::error::Error + 'static>(error: &io::Error) -> Option<&T> {
    error.get_ref()?.downcast_ref()
}

/// Writes and reads pieces of random length, on both sides of a ring that is often full; with flushes in between.
#[test]
fn random_pieces_arrive_as_they_were_written() {
    for mode in MODES {
        let (producer, consumer) = ring(8, mode).split();
        let mut sent = vec![0; 600_000];
        common::fill(1, 0, &mut sent);
        let expected = sent.clone();
        let writing = thread::spawn(move || {
            let (mut random, mut writer, mut left) = (Random(1), producer.into_writer(), &sent[..]);
            while !left.is_empty() {
                let longest = if random.below(4) == 0 { 5000 } else { 300 };
                let piece = random.below(longest).min(left.len() as u64) as usize;
                writer.write_all(&left[..piece]).unwrap();
                left = &left[piece..];
                if random.below(8) == 0 {
                    writer.flush().unwrap();
                    assert_eq!(writer.pending(), 0);
                }
            }
        });
        let (mut random, mut reader, mut got) = (Random(2), consumer.into_reader(), Vec::new());
        loop {
            let mut piece = vec![0; 1 + random.below(3000) as usize];
            let count = if random.below(2) == 0 {
                reader.read(&mut piece).unwrap()
            } else {
                let bytes = reader.fill_buf().unwrap();
                let count = bytes.len().min(piece.len());
                piece[..count].copy_from_slice(&bytes[..count]);
                reader.consume(count);
                count
            };
            if count == 0 {
                break;
            }
            got.extend_from_slice(&piece[..count]);
        }
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the end stays the end");
        writing.join().unwrap();
        assert!(got == expected, "{} of {} bytes", got.len(), expected.len());
        let counted = reader.into_inner().counters().read();
        assert_eq!((counted.sent_bytes, counted.received_bytes), (600_000, 600_000));
    }
}

#[test]
fn bytes_are_lent_where_they_lie_and_slots_go_back_when_they_are_read() {
    for mode in MODES {
        let mut buffer = ring(1, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.try_produce(b"abcdef").unwrap();
        let mut reader = consumer.reader();
        let place = reader.fill_buf().unwrap().as_ptr();
        reader.consume(2);
        assert_eq!(reader.fill_buf().unwrap(), b"cdef");
        assert_eq!(reader.fill_buf().unwrap().as_ptr(), place.wrapping_add(2), "copied");
        assert!(matches!(producer.try_produce(b"x"), Err(ProduceError::Full { .. })));
        reader.consume(usize::MAX); // no more than was lent
        reader.consume(1); // and no more than once
        assert_eq!(producer.try_produce(b"next"), Ok(()));
        assert_eq!(reader.fill_buf().unwrap(), b"next");
    }
}

#[test]
fn a_message_read_in_part_stays_the_next_one() {
    for mode in MODES {
        let mut buffer = ring(8, mode);
        let (mut producer, mut consumer) = buffer.split_mut();
        producer.produce_all([&b"0123456789"[..], b"", b"abc"]).unwrap();
        let mut four = [0; 4];
        consumer.reader().read_exact(&mut four).unwrap();
        assert_eq!(&four, b"0123");
        assert_eq!(consumer.available(), 3);
        consumer.reader().read_exact(&mut four).unwrap();
        assert_eq!(&four, b"4567", "another reader goes on");
        assert_eq!(&consumer.consume().unwrap()[..], b"0123456789", "other calls get all of it");
        consumer.reader().consume(3); // nothing was lent
        assert_eq!(consumer.reader().fill_buf().unwrap(), b"abc", "empty messages are skipped");
        assert_eq!(&consumer.try_consume().unwrap()[..], b"abc");
    }
}

#[test]
fn large_messages_and_lines() {
    let mut buffer = ring(64, Mode::Fenced);
    let (mut producer, mut consumer) = buffer.split_mut();
    let text: String = (0..200).map(|i| format!("line {i}\n")).collect();
    producer.message(text.as_bytes()).kind(3).send_large().unwrap();
    producer.writer().write_all(b"the last").unwrap();
    producer.finish();
    let lines: Vec<String> = consumer.reader().lines().map(Result::unwrap).collect();
    assert_eq!((lines.len(), lines[199].as_str(), lines[200].as_str()), (201, "line 199", "the last"));
}

#[test]
fn a_writer_fills_slots_and_waits_only_for_the_first_byte_of_one() {
    let mut buffer = ring(2, Mode::Fenced);
    let (mut producer, mut consumer) = buffer.split_mut();
    let mut writer = producer.writer().wait(SOON);
    assert_eq!(writer.write(&[1; 100]).unwrap(), 100);
    assert_eq!(writer.write(&[2; 200]).unwrap(), 140, "up to the end of the slot");
    assert_eq!(writer.write(&[3; 10]).unwrap(), 10);
    assert_eq!((consumer.available(), writer.pending()), (1, 10));
    writer.flush().unwrap();
    assert_eq!(writer.write(&[]).unwrap(), 0);
    for bytes in [&[0; 1][..], &[0; 1000]] {
        let error = writer.write(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(matches!(inner(&error), Some(ProduceError::TimedOut { .. })), "{error:?}");
    }
    assert_eq!(writer.pending(), 0, "nothing of a write that failed was taken");
    assert_eq!(consumer.drain(|_| ()), Ok(2));
    assert_eq!(writer.write(&[4; 1000]).unwrap(), 480, "as many slots as are free");
    drop(writer);
    assert_eq!(consumer.drain(|_| ()), Ok(2));
    producer.writer().write_all(b"dropped").unwrap();
    assert_eq!(&consumer.try_consume().unwrap()[..], b"dropped", "a drop publishes");
    assert_eq!(consumer.status(), Ok(()), "and leaves the stream open");
    drop(producer.into_writer());
    assert_eq!(consumer.status(), Err(ConsumeError::EndOfStream));
}

#[test]
fn a_writer_whose_reader_is_gone() {
    let (producer, consumer) = ring(2, Mode::Fenced).split();
    let mut writer = producer.into_writer();
    writer.write_all(b"abc").unwrap();
    drop(consumer);
    let error = writer.flush().unwrap_err();
    assert_eq!((error.kind(), inner(&error)), (ErrorKind::BrokenPipe, Some(&ProduceError::ConsumerGone)));
    assert_eq!(writer.write_all(&[0; 1000]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn every_trouble_of_a_reader_has_a_kind_and_its_cause() {
    let mut buffer = ring(2, Mode::Fenced);
    let (mut producer, mut consumer) = buffer.split_mut();
    let mut reader = consumer.reader().wait(SOON);
    let error = reader.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(matches!(inner(&error), Some(ConsumeError::TimedOut { .. })));
    for byte in 0..5 {
        producer.message(&[byte]).send_or_drop().unwrap();
    }
    let mut two = [9; 8];
    assert_eq!((reader.read(&mut two).unwrap(), &two[..2]), (2, &[0, 1][..]), "all that is there");
    producer.message(&[5]).send_or_drop().unwrap();
    let error = reader.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(matches!(inner(&error), Some(ConsumeError::Gap { dropped: 3, .. })), "{error:?}");
    assert_eq!(reader.fill_buf().unwrap(), [5], "and goes on behind the gap");
    reader.consume(1);
    thread::scope(|scope| {
        let failing = scope.spawn(move || {
            let _producer = producer;
            panic!("on purpose");
        });
        assert!(failing.join().is_err());
    });
    let error = reader.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(
        matches!(inner(&error), Some(ConsumeError::ProducerFailed { fault: Fault::Panicked, .. })),
        "{error:?}"
    );
    assert_eq!(
        io::Error::from(ProduceError::TooLong { len: 241, limit: 240 }).kind(),
        ErrorKind::InvalidInput
    );
    assert_eq!(io::Error::from(ProduceError::Full { needed: 1, capacity: 8 }).kind(), ErrorKind::WouldBlock);
    assert_eq!(io::Error::from(ProduceError::Corrupt).kind(), ErrorKind::InvalidData);
}

#[test]
fn a_time_limit_is_told_from_a_gap_and_the_end() {
    let mut buffer = ring(2, Mode::Fenced);
    let (mut producer, mut consumer) = buffer.split_mut();
    assert!(matches!(consumer.next(SOON), Err(ConsumeError::TimedOut { .. })));
    for byte in 0..3 {
        producer.message(&[byte]).send_or_drop().unwrap();
    }
    assert_eq!(&consumer.next(SOON).unwrap()[..], [0]);
    assert_eq!(&consumer.next(SOON).unwrap()[..], [1]);
    producer.finish();
    let gap = ConsumeError::Gap { dropped: 1, position: 2 };
    assert_eq!(consumer.next(SOON).err(), Some(gap));
    assert_eq!(consumer.next(SOON).err(), Some(ConsumeError::EndOfStream));
}

#[test]
fn a_for_loop_goes_on_behind_a_gap_and_ends() {
    let (mut producer, mut consumer) = ring(2, Mode::Fenced).split();
    for byte in 0..3 {
        producer.message(&[byte]).send_or_drop().unwrap();
    }
    assert_eq!(consumer.drain(|_| ()), Ok(2));
    producer.message(&[3]).send_or_drop().unwrap();
    let mut messages = (&mut consumer).into_iter();
    let gap = messages.next().map(Result::err);
    assert_eq!(gap, Some(Some(ConsumeError::Gap { dropped: 1, position: 3 })));
    producer.finish();
    let mut messages = consumer.into_iter();
    assert_eq!(&messages.next().unwrap().unwrap()[..], [3]);
    assert!(messages.next().is_none() && messages.next().is_none());
}
