//! Calls of rings between processes, all of whose ends are in this one.

use std::fs::File;
use std::mem::forget;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use perdix_host::WaitStrategy;
use perdix_host::process::{CopyingConsumer, CopyingProducer, Directory, SharedRing, Untrusted};

use super::halves::{bytes, size, wait};
use super::{Call, builder, done, pick};
use crate::common::Random;

fn ring(random: &mut Random) -> SharedRing<Untrusted> {
    builder(random).create_anonymous().unwrap()
}

/// Both halves, between which somebody overwrites the ring at random, or not.
fn halves(random: &mut Random, call: impl Fn(&mut CopyingProducer, &mut CopyingConsumer, &mut Random)) {
    let ring = ring(random);
    let file = File::from(ring.to_fd().unwrap());
    let there: SharedRing<Untrusted> = SharedRing::from_fd(ring.to_fd().unwrap()).unwrap();
    let mut producer = ring.into_copying_producer().unwrap();
    let mut consumer = there.into_copying_consumer().unwrap();
    let hostile = random.below(2) == 0;
    for _ in 0..9 {
        let _ = producer.send(1, &bytes(random), wait(random));
        if hostile {
            let word = pick(random, &[0, 1, 240, 241, u64::MAX]);
            file.write_all_at(&word.to_ne_bytes(), 256 + 8 * random.below(128)).unwrap();
        }
        call(&mut producer, &mut consumer, random);
    }
    if random.below(4) == 0 {
        forget(producer);
    }
}

fn directory(call: impl FnOnce(&Directory)) {
    let place = tempfile::tempdir().unwrap();
    if let Ok(directory) = Directory::at(place.path().join("rings")) {
        call(&directory);
    }
}

pub(crate) const CALLS: &[(&str, Call)] = &[
    ("Builder::create_anonymous", |r| done(ring(r))),
    ("SharedRing::from_fd", |r| {
        let any = tempfile::tempfile().unwrap();
        any.set_len(pick(r, &[0, 1, 4096, 1 << 20])).unwrap();
        done(SharedRing::<Untrusted>::from_fd(any.into()));
    }),
    ("SharedRing::to_fd", |r| {
        let file = File::from(ring(r).to_fd().unwrap());
        assert!(file.set_len(0).is_err(), "it is sealed");
    }),
    ("SharedRing::capacity", |r| assert!(ring(r).capacity() != 0)),
    ("SharedRing::mode", |r| done(ring(r).mode())),
    ("SharedRing::wait", |r| done(ring(r).wait(WaitStrategy::Spin))),
    ("SharedRing::release_every", |r| done(ring(r).release_every(size(r)))),
    ("SharedRing::consumer_grace", |r| done(ring(r).consumer_grace(Duration::MAX))),
    ("SharedRing::into_copying_producer", |r| done(ring(r).into_copying_producer())),
    ("SharedRing::into_copying_consumer", |r| done(ring(r).into_copying_consumer())),
    ("CopyingProducer::try_produce", |r| halves(r, |tx, _, r| done(tx.try_produce(&bytes(r))))),
    ("CopyingProducer::produce", |r| {
        halves(r, |tx, _, r| {
            if tx.free_slots() > 1 {
                let _ = tx.send(0, &bytes(r), Duration::from_millis(1));
            }
        });
        let mut fresh = ring(r).into_copying_producer().unwrap();
        let _ = fresh.produce(&bytes(r));
    }),
    ("CopyingProducer::send", |r| halves(r, |tx, _, r| done(tx.send(7, &bytes(r), wait(r))))),
    ("CopyingProducer::send_or_drop", |r| halves(r, |tx, _, r| done(tx.send_or_drop(7, &bytes(r))))),
    ("CopyingProducer::send_large", |r| halves(r, |tx, _, r| done(tx.send_large(7, &bytes(r), wait(r))))),
    #[cfg(feature = "futures")]
    ("CopyingProducer::room", |r| {
        halves(r, |tx, _, r| done(futures_util::FutureExt::now_or_never(tx.room(size(r)))));
    }),
    #[cfg(feature = "futures")]
    ("CopyingConsumer::ready", |r| {
        halves(r, |_, rx, _| done(futures_util::FutureExt::now_or_never(rx.ready())));
    }),
    ("CopyingProducer::free_slots", |r| {
        halves(r, |tx, _, _| {
            tx.free_slots();
        });
    }),
    ("CopyingProducer::status", |r| halves(r, |tx, _, _| done(tx.status()))),
    ("CopyingProducer::capacity", |r| halves(r, |tx, _, _| assert!(tx.capacity() != 0))),
    ("CopyingProducer::counters", |r| {
        halves(r, |tx, _, _| {
            tx.counters().read();
        });
    }),
    ("CopyingProducer::finish", |r| ring(r).into_copying_producer().unwrap().finish()),
    ("CopyingConsumer::try_next", |r| halves(r, |_, rx, _| done(rx.try_next()))),
    ("CopyingConsumer::consume", |r| {
        let ring = ring(r);
        let there: SharedRing<Untrusted> = SharedRing::from_fd(ring.to_fd().unwrap()).unwrap();
        let mut producer = ring.into_copying_producer().unwrap();
        let _ = producer.send_or_drop(1, &bytes(r));
        done(producer);
        let _ = there.into_copying_consumer().unwrap().consume();
    }),
    ("CopyingConsumer::next", |r| halves(r, |_, rx, r| done(rx.next(wait(r))))),
    ("CopyingConsumer::large", |r| halves(r, |_, rx, r| done(rx.large(&mut bytes(r), wait(r))))),
    ("CopyingConsumer::messages", |r| {
        halves(r, |_, rx, _| {
            if rx.try_next().is_ok() {
                rx.messages().take(0).for_each(done);
            }
        });
    }),
    ("CopyingConsumer::status", |r| halves(r, |_, rx, _| done(rx.status()))),
    ("CopyingConsumer::position", |r| {
        halves(r, |_, rx, _| {
            rx.position();
        });
    }),
    ("CopyingConsumer::capacity", |r| halves(r, |_, rx, _| assert!(rx.capacity() != 0))),
    ("CopyingConsumer::counters", |r| {
        halves(r, |_, rx, _| {
            rx.counters().read();
        });
    }),
    ("Directory::at", |_| directory(|directory| done(directory.list()))),
    ("Directory::path", |_| directory(|directory| assert!(directory.path().is_absolute()))),
    ("Directory::list", |_| directory(|directory| done(directory.list()))),
    ("Directory::cleanup", |_| directory(|directory| done(directory.cleanup()))),
    ("Directory::remove", |_| directory(|directory| assert!(directory.remove("../none").is_err()))),
    ("Directory::of_user", |_| done(Directory::of_user())),
    ("Directory::all_of_user", |_| done(Directory::all_of_user())),
];
