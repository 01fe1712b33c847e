//! What single polls do.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::stream::FusedStream;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use perdix_host::{ConsumeError, Mode, ProduceError, SinkError};

use crate::{Count, common::MODES, ring};

#[test]
fn a_waiting_stream_is_woken_once_through_its_last_waker() {
    for mode in MODES {
        let (mut producer, consumer) = ring(4, mode).split();
        let mut messages = consumer.into_stream();
        let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (one, two) = (Waker::from(Arc::clone(&first)), Waker::from(Arc::clone(&second)));
        for _ in 0..100 {
            // Nobody has said that there is anything: polls without a reason change nothing.
            assert!(messages.poll_next_unpin(&mut Context::from_waker(&one)).is_pending());
        }
        assert!(messages.poll_next_unpin(&mut Context::from_waker(&two)).is_pending());
        assert!(second.stays_asleep());
        producer.produce(b"abc").unwrap();
        second.wait(1);
        let Poll::Ready(Some(Ok(message))) = messages.poll_next_unpin(&mut Context::from_waker(&one)) else {
            panic!("woken for nothing")
        };
        assert_eq!((&message[..], first.get()), (&b"abc"[..], 0));
        // A message that came before the wait began.
        producer.produce(b"d").unwrap();
        assert!(messages.poll_next_unpin(&mut Context::from_waker(&one)).is_ready());
        assert!(messages.poll_next_unpin(&mut Context::from_waker(&one)).is_pending());
        drop(producer);
        first.wait(1);
        assert_eq!(messages.next().now_or_never().map(|end| end.is_none()), Some(true));
        assert!(messages.is_terminated());
    }
}

#[test]
fn a_full_ring_holds_the_sink_back() {
    for mode in MODES {
        let (producer, mut consumer) = ring(4, mode).split();
        let mut sink = producer.into_sink();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let ready = |sink: &mut perdix_host::MessageSink<'static, Vec<u8>>, cx: &mut Context<'_>| {
            Pin::new(sink).poll_ready(cx)
        };
        for byte in 0..4 {
            assert_eq!(ready(&mut sink, &mut cx), Poll::Ready(Ok(())));
            sink.start_send_unpin(vec![byte]).unwrap();
        }
        assert_eq!(consumer.available(), 0, "published together");
        assert!(ready(&mut sink, &mut cx).is_pending());
        assert_eq!(consumer.available(), 4, "a full ring must not keep its messages to itself");
        let full = SinkError::Produce(ProduceError::Full { needed: 1, capacity: 4 });
        assert_eq!(sink.start_send_unpin(vec![4]), Err(full));
        assert!(count.stays_asleep());
        assert_eq!(consumer.try_consume().as_deref(), Some(&[0][..]));
        count.wait(1);
        assert_eq!(ready(&mut sink, &mut cx), Poll::Ready(Ok(())));
        let long = SinkError::Produce(ProduceError::TooLong { len: 241, limit: 240 });
        assert_eq!(sink.start_send_unpin(vec![0; 241]), Err(long));
        sink.start_send_unpin(vec![4]).unwrap();
        let producer = sink.into_inner().unwrap();
        assert_eq!(consumer.available(), 4, "what was taken is published");
        let mut sink = producer.into_sink();
        assert_eq!(sink.flush().now_or_never(), Some(Ok(())));
        assert_eq!(sink.close().now_or_never(), Some(Ok(())));
        assert_eq!(sink.send([5]).now_or_never(), Some(Err(SinkError::Closed)));
        assert_eq!(consumer.drain(|_| ()), Ok(4));
        assert_eq!(consumer.status(), Err(ConsumeError::EndOfStream));
    }
}

#[test]
fn a_dropped_sink_publishes_what_it_took() {
    let (producer, mut consumer) = ring(4, Mode::Fenced).split();
    let mut sink = producer.into_sink();
    assert_eq!(sink.feed(b"abc").now_or_never(), Some(Ok(())));
    assert_eq!(consumer.available(), 0);
    drop(sink);
    assert_eq!(consumer.consume().as_deref().ok(), Some(&b"abc"[..]));
    assert_eq!(consumer.status(), Err(ConsumeError::EndOfStream));
}

#[test]
fn room_for_several() {
    let mut buffer = ring(4, Mode::FenceFree);
    let (mut producer, mut consumer) = buffer.split_mut();
    assert_eq!(producer.room(4).now_or_never(), Some(Ok(())));
    let never = ProduceError::Full { needed: 5, capacity: 4 };
    assert_eq!(producer.room(5).now_or_never(), Some(Err(never)));
    producer.produce_all([[1], [2], [3]]).unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut room = pin!(producer.room(3));
    assert!(room.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    consumer.try_consume().unwrap();
    assert!(room.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(count.stays_asleep());
    consumer.try_consume().unwrap();
    count.wait(1);
    assert_eq!(room.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(())));
}

/// A stream that always has something must let others run.
#[test]
fn a_busy_stream_takes_turns() {
    let (mut producer, consumer) = ring(1024, Mode::Fenced).split();
    producer.produce_all((0..1000_u16).map(u16::to_le_bytes)).unwrap();
    let mut messages = consumer.into_stream();
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut cx = Context::from_waker(&waker);
    let turn = |messages: &mut perdix_host::MessageStream<'static>, cx: &mut Context<'_>| {
        let mut items = std::iter::from_fn(|| match Pin::new(&mut *messages).poll_next(cx) {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        });
        items.by_ref().count()
    };
    assert_eq!((turn(&mut messages, &mut cx), count.get()), (256, 1), "woken at once, to go on");
    assert_eq!((turn(&mut messages, &mut cx), count.get()), (256, 2));
    assert_eq!(messages.into_inner().available(), 488);
}

#[test]
fn a_gap_is_an_item_and_not_the_end() {
    let (mut producer, consumer) = ring(2, Mode::Fenced).split();
    let mut messages = consumer.into_stream();
    for byte in 0..5 {
        producer.message(&[byte]).send_or_drop().unwrap();
    }
    let mut next = || messages.next().now_or_never();
    assert!(matches!((next(), next()), (Some(Some(Ok(_))), Some(Some(Ok(_))))));
    assert!(next().is_none());
    producer.message(&[5]).send_or_drop().unwrap();
    assert_eq!(next().unwrap().unwrap().err(), Some(ConsumeError::Gap { dropped: 3, position: 3 }));
    assert_eq!(next().unwrap().unwrap().unwrap()[..], [5]);
    drop(producer);
    assert!(next().unwrap().is_none());
}
