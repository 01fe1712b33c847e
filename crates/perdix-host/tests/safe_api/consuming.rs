//! Calls of a consumer, of what it lends, and of messages.

use std::io::{BufRead, Read};
use std::mem::forget;

use perdix_host::Wait;

use super::halves::{Any, Call, Step, bytes, kind, read, size, wait};
use super::{SHORT, done};

pub(crate) const CALLS: &[(&str, Call)] = &[
    ("Consumer::try_consume", |h| {
        h.rx(|rx, r| {
            if let Some(message) = rx.try_consume() {
                read(&message);
                if r.below(3) == 0 {
                    forget(message);
                }
            }
        });
    }),
    ("Consumer::consume", |h| {
        h.rx(|rx, _| {
            if rx.available() != 0 {
                read(&rx.consume().unwrap());
            }
        });
    }),
    ("Consumer::try_next", |h| {
        h.rx(|rx, _| {
            let _ = rx.try_next().map(|message| read(&message));
        });
    }),
    ("Consumer::next", |h| {
        h.rx(|rx, r| {
            let _ = rx.next(wait(r)).map(|message| read(&message));
        });
    }),
    ("Consumer::batch", |h| {
        h.rx(|rx, r| {
            if let Ok(batch) = rx.batch(size(r), wait(r)) {
                batch.iter().for_each(|message| read(&message));
                if r.below(3) == 0 {
                    forget(batch);
                }
            }
        });
    }),
    ("MessageBatch::len", |h| h.rx(|rx, r| done(rx.batch(size(r), wait(r)).map(|batch| batch.len())))),
    ("MessageBatch::is_empty", |h| {
        h.rx(|rx, r| done(rx.batch(size(r), wait(r)).map(|batch| batch.is_empty())));
    }),
    ("MessageBatch::iter", |h| h.reference(|message| read(&message))),
    ("MessageBatch::get", |h| {
        h.rx(|rx, r| {
            if let Ok(batch) = rx.batch(size(r), Wait::No) {
                let _ = batch.get(size(r)).map(|message| read(&message));
            }
        });
    }),
    ("Consumer::drain", |h| h.rx(|rx, _| done(rx.drain(|message| read(&message))))),
    // To the end, which comes because the producer is gone, or another thread's.
    ("Consumer::for_each", |h| {
        if h.producer.is_none() && h.random.below(20) == 0 {
            h.rx(|rx, _| done(rx.for_each(|message| read(&message))));
        }
    }),
    ("Consumer::messages", |h| {
        h.rx(|rx, _| {
            let there = rx.available();
            rx.messages().take(there).for_each(|message| read(&message.unwrap()));
        });
    }),
    ("Consumer::large", |h| h.rx(|rx, r| done(rx.large(&mut bytes(r), wait(r))))),
    ("Consumer::value", |h| {
        h.rx(|rx, r| {
            if let Ok(step) = rx.value::<Step>(wait(r)) {
                std::hint::black_box(step.0[0]);
                if r.below(3) == 0 {
                    forget(step);
                }
            }
        });
    }),
    ("TypedMessage::number", |h| h.rx(|rx, _| done(rx.value::<Step>(Wait::No).map(|step| step.number())))),
    ("TypedMessage::into_message", |h| {
        h.rx(|rx, _| {
            let _ = rx.value::<Step>(Wait::No).map(|step| read(&step.into_message()));
        });
    }),
    ("Consumer::value_copy", |h| h.rx(|rx, r| done(rx.value_copy::<Step>(wait(r))))),
    ("Consumer::records", |h| {
        h.rx(|rx, r| {
            if let Ok(batch) = rx.records::<[u8; 7]>(kind(r), wait(r)) {
                forget(batch);
            }
        });
    }),
    ("RecordBatch::len", |h| {
        h.rx(|rx, r| done(rx.records::<u64>(kind(r), Wait::No).map(|batch| batch.len())));
    }),
    ("RecordBatch::is_empty", |h| {
        h.rx(|rx, r| done(rx.records::<u64>(kind(r), Wait::No).map(|batch| batch.is_empty())));
    }),
    ("RecordBatch::iter", |h| {
        h.rx(|rx, r| done(rx.records::<[u8; 7]>(kind(r), Wait::No).map(|batch| batch.iter().count())));
    }),
    ("RecordBatch::slices", |h| {
        h.rx(|rx, r| {
            let batch = rx.records::<u8>(kind(r), Wait::No);
            let _ = batch.map(|batch| batch.slices().for_each(read));
        });
    }),
    ("Consumer::for_each_record", |h| {
        if h.producer.is_none() && h.random.below(20) == 0 {
            h.rx(|rx, r| done(rx.for_each_record(kind(r), |record: &u64| read(&record.to_ne_bytes()))));
        }
    }),
    ("Consumer::reader", |h| {
        h.rx(|rx, r| {
            let mut reader = rx.reader().wait(wait(r));
            let _ = reader.fill_buf().map(read);
            reader.consume(size(r));
            let _ = reader.read(&mut vec![0; size(r).min(2000)]);
            reader.consume(size(r));
        });
    }),
    ("Reader::wait", |h| h.rx(|rx, r| done(rx.reader().wait(wait(r))))),
    ("Reader::into_inner", |h| {
        h.rx(|rx, _| {
            let _ = rx.reader().into_inner().status();
        });
    }),
    ("Consumer::into_reader", |h| {
        h.end_rx(|rx, r| {
            let _ = rx.into_reader().wait(wait(r)).read(&mut [0; 300]);
        });
    }),
    ("Consumer::status", |h| h.rx(|rx, _| done(rx.status()))),
    ("Consumer::position", |h| {
        h.rx(|rx, _| {
            rx.position();
        });
    }),
    ("Consumer::available", |h| h.rx(|rx, _| assert!(rx.available() <= rx.capacity()))),
    ("Consumer::capacity", |h| h.rx(|rx, _| assert!(rx.capacity() != 0))),
    ("Consumer::counters", |h| {
        h.rx(|rx, _| {
            rx.counters().read();
        });
    }),
    ("Consumer::close", |h| h.end_rx(|rx, _| rx.close(SHORT).unwrap())),
];

pub(crate) const MESSAGES: &[(&str, Call)] = &[
    ("Message::kind", |h| h.message(|message| done(message.kind()))),
    ("Message::number", |h| h.message(|message| done(message.number()))),
    ("Message::has_more", |h| h.message(|message| done(message.has_more()))),
    ("Message::cast", |h| h.message(|message| done(message.cast::<[u32; 4]>().is_ok()))),
    ("Message::to_owned", |h| h.message(|message| read(&message.to_owned()))),
    ("Message::value", |h| h.message(|message| done(message.value::<Step>().is_ok()))),
    ("Message::value_copy", |h| h.message(|message| done(message.value_copy::<Step>()))),
    ("Message::read", |h| h.message(|message| done(message.read::<Any<'_>>().is_ok()))),
    ("Message::records", |h| h.message(|message| done(message.records::<[u8; 3]>().is_ok()))),
    ("MessageRef::bytes", |h| h.reference(|message| read(message.bytes()))),
    ("MessageRef::kind", |h| h.reference(|message| done(message.kind()))),
    ("MessageRef::number", |h| h.reference(|message| done(message.number()))),
    ("MessageRef::has_more", |h| h.reference(|message| done(message.has_more()))),
    ("MessageRef::to_owned", |h| h.reference(|message| read(&message.to_owned()))),
    ("MessageRef::value", |h| h.reference(|message| done(message.value::<Step>().is_ok()))),
    ("MessageRef::value_copy", |h| h.reference(|message| done(message.value_copy::<Step>()))),
    ("MessageRef::read", |h| h.reference(|message| done(message.read::<Any<'_>>().is_ok()))),
    ("MessageRef::records", |h| h.reference(|message| done(message.records::<u64>().is_ok()))),
    ("OwnedMessage::kind", |h| h.copy(|message| done(message.kind()))),
    ("OwnedMessage::number", |h| h.copy(|message| done(message.number()))),
    ("OwnedMessage::has_more", |h| h.copy(|message| done(message.has_more()))),
    ("OwnedMessage::value", |h| h.copy(|message| done(message.value::<Step>().is_ok()))),
    ("OwnedMessage::value_copy", |h| h.copy(|message| done(message.value_copy::<Step>()))),
    ("OwnedMessage::read", |h| h.copy(|message| done(message.read::<Any<'_>>().is_ok()))),
    ("OwnedMessage::records", |h| h.copy(|message| done(message.records::<u64>().is_ok()))),
];
