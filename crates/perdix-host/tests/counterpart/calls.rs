//! Every call that waits, as a function that uses it until it fails.

use std::io::{BufRead, Write};
use std::time::Duration;

use futures_executor::{block_on, block_on_stream};
use futures_util::SinkExt;
use perdix_host::{
    Buffer, CallError, Client, ConsumeError, ConsumeRecordsError, Consumer, ProduceError, Producer,
    ReceiveError, ShardError, ShardedConsumer, SinkError, Typed, Wait,
};

/// Longer than any cell takes: a call with a limit ends because of the other side.
const LIMIT: Duration = Duration::from_secs(60);

/// What is sent: one value of eight bytes.
pub(crate) type Message = [u8; 8];

/// The same as a typed message, and as a record.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Value(pub(crate) u64);

// SAFETY: a number.
unsafe impl bytemuck::Zeroable for Value {}
// SAFETY: a number.
unsafe impl bytemuck::Pod for Value {}

impl Typed for Value {
    const KIND: u16 = 1;
}

/// How a consumer's call came to its end.
pub(crate) struct Received {
    /// Messages that came.
    pub(crate) count: u64,
    /// `None` where only the end of the call itself matters.
    pub(crate) error: Option<ConsumeError>,
}

/// Counts what `next` gives until it fails.
fn until_error<T>(mut next: impl FnMut() -> Result<T, ConsumeError>) -> Received {
    let mut count = 0;
    loop {
        match next() {
            Ok(_) => count += 1,
            Err(error) => return Received { count, error: Some(error) },
        }
    }
}

fn of_shard(error: ShardError) -> ConsumeError {
    match error {
        ShardError::EndOfStream => ConsumeError::EndOfStream,
        ShardError::Ring { source, .. } => source,
        other => panic!("{other:?}"),
    }
}

fn of_typed(error: ReceiveError) -> ConsumeError {
    match error {
        ReceiveError::Stream(error) => error,
        other => panic!("{other:?}"),
    }
}

fn of_io(error: std::io::Error) -> ConsumeError {
    error.downcast().unwrap()
}

type Receive = fn(Consumer<'static>) -> Received;

pub(crate) const RECEIVE: [(&str, Receive); 25] = [
    ("consume", |mut rx| until_error(|| rx.consume().map(drop))),
    ("next, for ever", |mut rx| until_error(|| rx.next(Wait::Forever).map(drop))),
    ("next, with a limit", |mut rx| until_error(|| rx.next(LIMIT).map(drop))),
    ("try_next", |mut rx| {
        until_error(|| {
            loop {
                match rx.try_next() {
                    Err(ConsumeError::Empty) => std::thread::yield_now(),
                    found => return found.map(drop),
                }
            }
        })
    }),
    ("status", |mut rx| {
        until_error(|| {
            loop {
                rx.status()?;
                if rx.try_consume().is_some() {
                    return Ok(());
                }
                std::thread::yield_now();
            }
        })
    }),
    ("batch", |mut rx| until_error(|| rx.batch(1, Wait::Forever).map(drop))),
    ("batch, with a limit", |mut rx| until_error(|| rx.batch(1, LIMIT).map(drop))),
    ("drain", |mut rx| {
        let mut count = 0;
        loop {
            match rx.drain(|_| count += 1) {
                Ok(_) => std::thread::yield_now(),
                Err(error) => return Received { count, error: Some(error) },
            }
        }
    }),
    ("for_each", |mut rx| {
        let mut count = 0;
        let ended = rx.for_each(|_| count += 1);
        Received { count, error: Some(ended.err().unwrap_or(ConsumeError::EndOfStream)) }
    }),
    ("messages", |mut rx| {
        let mut messages = rx.messages();
        until_error(|| messages.next().unwrap_or(Err(ConsumeError::EndOfStream)))
    }),
    ("into_iter", |rx| {
        let mut messages = rx.into_iter();
        until_error(|| messages.next().unwrap_or(Err(ConsumeError::EndOfStream)))
    }),
    ("large", |mut rx| until_error(|| rx.large(&mut Vec::new(), Wait::Forever))),
    ("large, with a limit", |mut rx| until_error(|| rx.large(&mut Vec::new(), LIMIT))),
    ("value", |mut rx| until_error(|| rx.value::<Value>(Wait::Forever).map(drop).map_err(of_typed))),
    ("value_copy", |mut rx| until_error(|| rx.value_copy::<Value>(LIMIT).map_err(of_typed))),
    ("records", |mut rx| {
        let mut count = 0;
        loop {
            match rx.records::<Value>(Value::KIND, Wait::Forever) {
                Ok(batch) => count += batch.iter().count() as u64,
                Err(ConsumeRecordsError::Stream(error)) => return Received { count, error: Some(error) },
                Err(other) => panic!("{other:?}"),
            }
        }
    }),
    ("for_each_record", |mut rx| {
        let mut count = 0;
        let error = match rx.for_each_record(Value::KIND, |_: &Value| count += 1) {
            Ok(_) => ConsumeError::EndOfStream,
            Err(ConsumeRecordsError::Stream(error)) => error,
            Err(other) => panic!("{other:?}"),
        };
        Received { count, error: Some(error) }
    }),
    ("reader", |rx| {
        let mut reader = rx.into_reader();
        until_error(|| {
            let len = reader.fill_buf().map_err(of_io)?.len();
            reader.consume(len);
            if len == 0 { Err(ConsumeError::EndOfStream) } else { Ok(()) }
        })
    }),
    ("into_stream", |rx| {
        let mut stream = block_on_stream(rx.into_stream());
        until_error(|| stream.next().unwrap_or(Err(ConsumeError::EndOfStream)))
    }),
    ("ready", |mut rx| {
        until_error(|| {
            block_on(rx.ready())?;
            rx.try_consume().map(drop).ok_or(ConsumeError::Empty)
        })
    }),
    ("next_message", |mut rx| until_error(|| block_on(rx.next_message()).map(drop))),
    ("ShardedConsumer::next", |rx| {
        let mut rx = ShardedConsumer::new(vec![rx]);
        until_error(|| rx.next(Wait::Forever).map(drop).map_err(of_shard))
    }),
    ("ShardedConsumer::into_stream", |rx| {
        let mut stream = block_on_stream(ShardedConsumer::new(vec![rx]).into_stream());
        until_error(|| stream.next().unwrap_or(Err(ShardError::EndOfStream)).map_err(of_shard))
    }),
    ("Client::receive", |rx| {
        let (requests, asked) = Buffer::new(8).unwrap().split();
        let mut client = Client::new(requests, rx);
        client.send(b"?").unwrap();
        let received = until_error(|| match client.receive(Wait::Forever) {
            // The other side answers whatever it likes.
            Ok(_) | Err(CallError::Unasked { .. }) => Ok(()),
            Err(CallError::Response(error)) => Err(error),
            Err(CallError::NoneOpen) => panic!("answered"),
            Err(other) => panic!("{other:?}"),
        });
        drop(asked);
        received
    }),
    ("drop", |rx| {
        drop(rx);
        Received { count: 0, error: None }
    }),
];

type Send = fn(Producer<'static>) -> Option<ProduceError>;

/// Repeats `next` until it fails.
fn until_refused(mut next: impl FnMut() -> Result<(), ProduceError>) -> Option<ProduceError> {
    loop {
        if let Err(error) = next() {
            return Some(error);
        }
    }
}

fn of_sink(error: SinkError) -> ProduceError {
    match error {
        SinkError::Produce(error) => error,
        other => panic!("{other:?}"),
    }
}

const ONE: Message = [1; 8];

pub(crate) const SEND: [(&str, Send); 19] = [
    ("produce", |mut tx| until_refused(|| tx.produce(&ONE))),
    ("message, with a limit", |mut tx| until_refused(|| tx.message(&ONE).wait(LIMIT).send())),
    ("try_produce", |mut tx| {
        until_refused(|| match tx.try_produce(&ONE) {
            Err(ProduceError::Full { .. }) => {
                std::thread::yield_now();
                Ok(())
            }
            sent => sent,
        })
    }),
    ("send_large", |mut tx| until_refused(|| tx.message(&[0; 700]).send_large())),
    ("send_large, with a limit", |mut tx| until_refused(|| tx.message(&[0; 700]).wait(LIMIT).send_large())),
    ("value", |mut tx| until_refused(|| tx.value(&Value(1)).send())),
    ("value, with a limit", |mut tx| until_refused(|| tx.value(&Value(1)).wait(LIMIT).send())),
    ("reserve", |mut tx| until_refused(|| tx.reserve(8, Wait::Forever).map(|grant| grant.commit()))),
    ("reserve, with a limit", |mut tx| until_refused(|| tx.reserve(8, LIMIT).map(|grant| grant.commit()))),
    ("reserve_value", |mut tx| {
        until_refused(|| tx.reserve_value::<Value>(Wait::Forever).map(|grant| grant.commit()))
    }),
    ("batch", |mut tx| {
        until_refused(|| {
            let mut batch = tx.batch(2, Wait::Forever)?;
            batch.push(&ONE)?;
            batch.commit();
            Ok(())
        })
    }),
    ("produce_all", |mut tx| tx.produce_all(std::iter::repeat(ONE)).err().map(|error| error.source)),
    ("records", |mut tx| {
        let mut records = tx.records::<Value>(Value::KIND);
        until_refused(|| records.push(Value(1)))
    }),
    ("records, with a limit", |mut tx| {
        let mut records = tx.records::<Value>(Value::KIND).wait(LIMIT);
        until_refused(|| records.push(Value(1)))
    }),
    ("writer", |tx| {
        let mut writer = tx.into_writer();
        until_refused(|| writer.write_all(&[0; 240]).map_err(|error| error.downcast().unwrap()))
    }),
    ("writer, flush", |tx| {
        let mut writer = tx.into_writer();
        until_refused(|| {
            writer.write_all(&ONE).and_then(|()| writer.flush()).map_err(|error| error.downcast().unwrap())
        })
    }),
    ("room", |mut tx| {
        until_refused(|| {
            block_on(tx.room(1))?;
            tx.try_produce(&ONE)
        })
    }),
    ("sink", |tx| {
        let mut sink = tx.into_sink();
        until_refused(|| block_on(sink.feed(ONE)).map_err(of_sink))
    }),
    ("drop", |tx| {
        drop(tx);
        None
    }),
];
