//! Calls of a producer, and of what it lends.

use std::io::Write;
use std::mem::forget;
use std::time::Duration;

use perdix_host::Wait;

use super::halves::{Call, Step, bytes, kind, read, size, wait};
use super::{SHORT, done};

pub(crate) const CALLS: &[(&str, Call)] = &[
    ("Producer::try_produce", |h| h.tx(|tx, r| done(tx.try_produce(&bytes(r))))),
    ("Producer::produce", |h| {
        h.tx(|tx, r| {
            if tx.free_slots() > 1 {
                let _ = tx.produce(&bytes(r));
            }
        });
    }),
    ("Producer::message", |h| h.tx(|tx, r| forget(tx.message(&bytes(r))))),
    ("Outgoing::kind", |h| h.tx(|tx, r| done(tx.message(b"abc").kind(kind(r)).wait(Wait::No).send()))),
    ("Outgoing::wait", |h| h.tx(|tx, r| done(tx.message(b"abc").wait(wait(r)).wait(Duration::ZERO).send()))),
    ("Outgoing::send", |h| h.tx(|tx, r| done(tx.message(&bytes(r)).wait(wait(r)).send()))),
    ("Outgoing::send_or_drop", |h| h.tx(|tx, r| done(tx.message(&bytes(r)).kind(kind(r)).send_or_drop()))),
    ("Outgoing::send_large", |h| h.tx(|tx, r| done(tx.message(&bytes(r)).wait(wait(r)).send_large()))),
    ("Producer::value", |h| {
        h.tx(|tx, r| done(tx.value(&Step([r.next(), 1])).wait(wait(r)).send()));
    }),
    ("Producer::produce_all", |h| {
        h.tx(|tx, r| {
            let count = tx.free_slots().saturating_sub(1);
            let _ = tx.produce_all((0..count).map(|_| bytes(r)));
        });
    }),
    ("Producer::reserve", |h| {
        h.tx(|tx, r| {
            if let Ok(mut grant) = tx.reserve(size(r), wait(r)) {
                grant.fill(7);
                forget(grant);
            }
        });
    }),
    ("Grant::set_kind", |h| {
        h.tx(|tx, r| {
            if let Ok(mut grant) = tx.reserve(size(r), wait(r)) {
                grant.set_kind(kind(r));
            }
        });
    }),
    ("Grant::commit", |h| {
        h.tx(|tx, r| {
            if let Ok(grant) = tx.reserve(size(r), wait(r)) {
                read(&grant);
                grant.commit();
            }
        });
    }),
    ("Grant::commit_len", |h| {
        h.tx(|tx, r| {
            if let Ok(mut grant) = tx.reserve(size(r), wait(r)) {
                grant.fill(9);
                grant.commit_len(size(r));
            }
        });
    }),
    ("Producer::reserve_value", |h| {
        h.tx(|tx, r| {
            if let Ok(grant) = tx.reserve_value::<Step>(wait(r)) {
                forget(grant);
            }
        });
    }),
    ("TypedGrant::commit", |h| {
        h.tx(|tx, r| {
            if let Ok(mut grant) = tx.reserve_value::<Step>(wait(r)) {
                grant.0[1] = grant.0[0];
                grant.commit();
            }
        });
    }),
    ("Producer::batch", |h| h.tx(|tx, r| tx.batch(size(r), wait(r)).map(forget).unwrap_or_default())),
    ("Batch::push", |h| {
        h.tx(|tx, r| {
            if let Ok(mut batch) = tx.batch(size(r), wait(r)) {
                (0..r.below(9)).for_each(|_| done(batch.push(&bytes(r))));
                if r.below(3) == 0 {
                    forget(batch);
                }
            }
        });
    }),
    ("Batch::set_kind", |h| {
        h.tx(|tx, r| {
            if let Ok(mut batch) = tx.batch(size(r), wait(r)) {
                let _ = batch.set_kind(kind(r)).push(b"abc");
                batch.commit();
            }
        });
    }),
    ("Batch::write", |h| {
        h.tx(|tx, r| {
            if let Ok(mut batch) = tx.batch(size(r), wait(r)) {
                (0..r.below(9)).for_each(|_| done(batch.write(size(r), |slot| slot.fill(1))));
                batch.commit();
            }
        });
    }),
    ("Batch::len", |h| h.tx(|tx, r| done(tx.batch(size(r), wait(r)).map(|batch| batch.len())))),
    ("Batch::is_empty", |h| h.tx(|tx, r| done(tx.batch(size(r), wait(r)).map(|batch| batch.is_empty())))),
    ("Batch::room", |h| h.tx(|tx, r| done(tx.batch(size(r), wait(r)).map(|batch| batch.room())))),
    ("Batch::commit", |h| h.tx(|tx, r| done(tx.batch(size(r), wait(r)).map(|batch| batch.commit())))),
    ("Producer::records", |h| h.tx(|tx, r| forget(tx.records::<[u8; 7]>(kind(r))))),
    ("RecordProducer::wait", |h| h.tx(|tx, r| done(tx.records::<u64>(9).wait(wait(r))))),
    ("RecordProducer::push", |h| {
        h.tx(|tx, r| {
            let mut records = tx.records::<[u8; 7]>(kind(r)).wait(wait(r));
            (0..r.below(100)).for_each(|_| done(records.push([1; 7])));
            if r.below(3) == 0 {
                forget(records);
            }
        });
    }),
    ("RecordProducer::push_all", |h| {
        h.tx(|tx, r| done(tx.records::<u64>(9).wait(wait(r)).push_all(0..r.below(100))));
    }),
    ("RecordProducer::push_slice", |h| {
        h.tx(|tx, r| {
            let all = vec![[1_u32; 3]; r.below(100) as usize];
            let _ = tx.records(kind(r)).wait(wait(r)).push_slice(&all);
        });
    }),
    ("RecordProducer::flush", |h| {
        h.tx(|tx, r| {
            let mut records = tx.records::<u64>(9).wait(wait(r));
            let _ = records.push(1);
            records.flush();
            records.flush();
        });
    }),
    ("RecordProducer::pending", |h| {
        h.tx(|tx, _| {
            tx.records::<u64>(9).pending();
        });
    }),
    ("Producer::writer", |h| {
        h.tx(|tx, r| {
            let mut writer = tx.writer().wait(wait(r));
            let _ = writer.write(&bytes(r));
            let _ = writer.flush();
            let _ = writer.write(&bytes(r));
            if r.below(3) == 0 {
                forget(writer);
            }
        });
    }),
    ("Writer::wait", |h| h.tx(|tx, r| done(tx.writer().wait(wait(r))))),
    ("Writer::pending", |h| {
        h.tx(|tx, _| {
            tx.writer().pending();
        });
    }),
    ("Producer::into_writer", |h| {
        h.end_tx(|tx, r| {
            let mut writer = tx.into_writer().wait(wait(r));
            let _ = writer.write(&bytes(r));
        });
    }),
    ("Writer::finish", |h| h.end_tx(|tx, _| done(tx.into_writer().finish()))),
    ("Producer::free_slots", |h| h.tx(|tx, _| assert!(tx.free_slots() <= tx.capacity()))),
    ("Producer::capacity", |h| h.tx(|tx, _| assert!(tx.capacity() != 0))),
    ("Producer::counters", |h| h.tx(|tx, _| done(tx.counters()))),
    ("Counters::read", |h| {
        h.tx(|tx, _| {
            tx.counters().read();
        });
    }),
    ("Producer::status", |h| h.tx(|tx, _| done(tx.status()))),
    ("Producer::unreported_drops", |h| {
        h.tx(|tx, _| {
            tx.unreported_drops();
        });
    }),
    ("Producer::finish", |h| h.end_tx(|tx, _| tx.finish())),
    ("Producer::close", |h| h.end_tx(|tx, _| tx.close(SHORT).unwrap())),
];
